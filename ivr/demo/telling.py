"""What became of a call, for the terminal: its timeline with what both sides said, and its scorecard."""

import datetime as dt
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ivr.calls.record import CallNotFound, CallRecord, get_call
from ivr.calls.story import StoryLine
from ivr.calls.story_words import StoryLanguage
from ivr.errors import IvrError
from ivr.speech.models import DEMONSTRATION_LABEL
from ivr.store.session import Store

_POLL_SECONDS = 0.25
_COLOURS = {"caller": "cyan", "hotline": "yellow", "agent": "green", "system": "dim"}
_MARKS = {"met": "[green]✓[/]", "not_met": "[red]✗[/]", "not_assessable": "[yellow]?[/]"}


class RecordIncomplete(IvrError):
    """A call's record did not become complete in time."""


def wait_for_record(
    store: Store, call_id: str, seconds: float = 180.0, progress: Callable[[str], None] = lambda step: None
) -> CallRecord:
    """Wait until the call is ingested, both legs are transcribed and it is scored; raises RecordIncomplete."""
    ends = time.monotonic() + seconds
    said = ""
    while True:
        with store.read() as session:
            try:
                record = get_call(session, call_id)
            except CallNotFound:
                missing = ["the call itself"]
            else:
                missing = missing_in(record)
                if not missing:
                    return record
        if time.monotonic() > ends:
            raise RecordIncomplete(
                f"The record of the call lacks {', '.join(missing)} after {seconds:.0f} s.",
                "see log/ingest.log and log/worker.log in the state folder",
            )
        if missing[0] != said:
            said = missing[0]
            progress(f"waiting for {said}")
        time.sleep(_POLL_SECONDS)


def missing_in(record: CallRecord) -> list[str]:
    """What a finished, answered call's record still lacks; a transcript that failed is not waited for."""
    missing = [] if record.outcome else ["its end"]
    for role in ("caller", "agent"):
        leg = record.leg(role)
        if leg is None or leg.state not in ("done", "failed"):
            missing.append(f"the {role}'s transcript")
    if record.score is None:
        missing.append("its score")
    return missing


def shortcomings(record: CallRecord) -> list[str]:
    """Why the demonstration call did not go all the way; empty when it did."""
    caller, agent = record.leg("caller"), record.leg("agent")
    checks = {
        "no agent answered": record.outcome == "answered" and record.agent is not None,
        "no key led the caller on": bool(record.menu_path),
        "the caller did not wait": (record.wait_seconds or 0) > 0,
        "nothing of the caller was understood": caller is not None and bool(caller.words),
        "nothing of the agent was understood": agent is not None and bool(agent.words),
        "there is no score": record.score is not None and record.score.total is not None,
        "the caller did not hang up first": record.hung_up_by == "caller",
    }
    return [what for what, good in checks.items() if not good]


def tell(
    console: Console, record: CallRecord, story: Sequence[StoryLine], zone: dt.tzinfo, language: StoryLanguage
) -> None:
    """Print the timeline (local time, who, what) and the scorecard."""
    console.print(timeline(story, zone))
    if record.score is not None:
        console.print(scorecard(record, language))
    if record.demonstration:
        console.print(DEMONSTRATION_LABEL, style="yellow")


def timeline(story: Sequence[StoryLine], zone: dt.tzinfo) -> Table:
    """The story as a table."""
    table = Table(title="The call", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in ("time", "who", "what"):
        table.add_column(column)
    for line in story:
        colour = _COLOURS[line.who]
        table.add_row(
            f"{line.at.astimezone(zone):%H:%M:%S}", f"[{colour}]{line.who}[/]", f"[{colour}]{escape(line.what)}[/]"
        )
    return table


def scorecard(record: CallRecord, language: StoryLanguage) -> Table:
    """The score with evidence (second of the recording, words, confidence) and advice."""
    assert record.score is not None
    total = record.score.total
    title = "Scorecard: nothing could be assessed" if total is None else f"Scorecard: {total:g} of 100"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in ("", "standard", "rule", "evidence", "advice"):
        table.add_column(column)
    for item in record.score.items:
        table.add_row(
            _MARKS[item["verdict"]],
            escape(str(item["standard"])),
            escape(_in(language, item["label"])),
            "\n".join(_evidence(found, language) for found in item["evidence"])
            or escape(_in(language, item["reason"])),
            escape(_in(language, item["advice"])),
        )
    return table


def _evidence(found: dict[str, Any], language: StoryLanguage) -> str:
    seconds = float(found["start"])
    text = (
        f"{int(seconds) // 60}:{seconds % 60:04.1f} {found['leg']} “{found['text']}” {float(found['confidence']):.0%}"
    )
    instead = _in(language, found.get("instead"))
    return escape(f"{text} → {instead}" if instead else text)


def _in(language: StoryLanguage, text: Any) -> str:
    """A text kept by language; another language's when this one is missing."""
    if isinstance(text, dict):
        return str(text.get(language) or next(iter(text.values()), ""))
    return str(text or "")
