"""The table of docs/standards.md: clause, how it is carried out, and the live tests that prove it.

`python -m tests.standards_table` writes the last column anew from the tests' marks.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ivr.settings import ROOT

TABLE = ROOT / "docs" / "standards.md"
LIVE = ROOT / "tests" / "live"

_ROW = re.compile(r"^\| \*\*(S\d+)\*\* ([^|]*) \| ([^|]*) \|([^|]*)\|$", re.MULTILINE)
_TEST = re.compile(r"`(test_\w+\.py::test_\w+)`")


@dataclass(frozen=True)
class Row:
    """One clause: its own short words, how the running system carries it out, and its tests (`file::test`)."""

    clause: str
    words: str
    how: str
    tests: tuple[str, ...] = ()

    def __str__(self) -> str:
        proofs = "<br>".join(f"`{test}`" for test in self.tests)
        return f"| **{self.clause}** {self.words} | {self.how} | {proofs} |"


def read_table(text: str) -> list[Row]:
    """The rows of the table, in order."""
    return [Row(clause, words, how, tuple(_TEST.findall(tests))) for clause, words, how, tests in _ROW.findall(text)]


def marked_tests(folder: Path = LIVE) -> dict[str, list[str]]:
    """Clause → the tests in `folder` that carry its mark, as they stand there; nothing is imported or run."""
    found: dict[str, list[str]] = {}
    for file in sorted(folder.glob("test_*.py")):
        for test, clauses in marks_in(file.read_text(encoding="utf-8")):
            for clause in clauses:
                found.setdefault(clause, []).append(f"{file.name}::{test}")
    return found


def marks_in(source: str) -> Iterator[tuple[str, list[str]]]:
    """Each test function of a module with the clauses of its own marks and of the module's `pytestmark`."""
    module = ast.parse(source)
    common = [
        clause
        for statement in module.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "pytestmark"
        for clause in _clauses(statement.value)
    ]
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef) and statement.name.startswith("test_"):
            own = [clause for decorator in statement.decorator_list for clause in _clauses(decorator)]
            yield statement.name, list(dict.fromkeys(common + own))


def _clauses(expression: ast.expr) -> list[str]:
    """The arguments of every `pytest.mark.standards(…)` in an expression."""
    calls = (node for node in ast.walk(expression) if isinstance(node, ast.Call))
    return [
        str(ast.literal_eval(argument))
        for call in calls
        if ast.unparse(call.func) == "pytest.mark.standards"
        for argument in call.args
    ]


def fill(text: str, marked: dict[str, list[str]]) -> str:
    """The table with the tests of each clause as their marks say."""
    for row in read_table(text):
        line = next(line for line in text.splitlines() if line.startswith(f"| **{row.clause}** "))
        text = text.replace(line, str(replace(row, tests=tuple(marked.get(row.clause, ())))))
    return text


if __name__ == "__main__":
    TABLE.write_text(fill(TABLE.read_text(encoding="utf-8"), marked_tests()), encoding="utf-8")
