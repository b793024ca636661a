"""What must come of the demonstration's customers and what did, side by side."""

from collections import Counter
from collections.abc import Mapping

from rich.markup import escape
from rich.table import Table

from ivr.demo.callbacks.characters import Cast, Character, Outcome

Happened = Mapping[str, Outcome]


def is_as_expected(cast: Cast, happened: Happened) -> bool:
    """Whether of every customer exactly that came which must."""
    return all(happened.get(number) == one.expected for number, one in cast.members.items())


def compare(cast: Cast, happened: Happened) -> Table:
    """A line for what must come of each kind, and one for each thing that came of some of them."""
    table = Table(title="Expected and happened", title_justify="left", title_style="bold", pad_edge=False, box=None)
    for column in ("number", "customer", "", "", "rang", "attempts → contact", "answers", "case", "do not call"):
        table.add_column(column, overflow="fold")
    for kind in dict.fromkeys(cast.members.values()):
        _tell(table, cast, kind, happened)
    return table


def total(cast: Cast, happened: Happened) -> str:
    """Customers and dials, in one line."""
    good = sum(happened.get(number) == one.expected for number, one in cast.members.items())
    rings = sum(outcome.rings for outcome in happened.values())
    expected = sum(one.expected.rings for one in cast.members.values())
    return f"{good} of {len(cast.members)} customers as expected; phones rang {rings} times, expected {expected}"


def _tell(table: Table, cast: Cast, kind: Character, happened: Happened) -> None:
    numbers = [number for number, one in cast.members.items() if one is kind]
    table.add_row(kind.numbers, kind.name, "expected", *_cells(len(numbers), kind.expected), style="dim")
    for outcome, count in Counter(happened.get(number) for number in numbers).most_common():
        good = outcome == kind.expected
        mark = "[green]happened ✓[/]" if good else "[red]happened ✗[/]"
        table.add_row("", "", mark, *_cells(count, outcome))


def _cells(count: int, outcome: Outcome | None) -> tuple[str, ...]:
    if outcome is None:
        return str(count), "", "no contact", "", "", ""
    came = f"{', '.join(outcome.attempts)} → {outcome.state}" + (f", by {outcome.agent}" if outcome.agent else "")
    answers = ", ".join(f"{question} {value}" for question, value in outcome.answers)
    listed = "listed" if outcome.do_not_call else ""
    return str(count), f"{outcome.rings}×", *map(escape, (came, answers, outcome.case)), listed
