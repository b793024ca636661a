"""docs/standards.md says of every clause on inbound calls how it is carried out, and names the calls that prove it."""

import os
import re
import subprocess
import sys

import pytest

from ivr.settings import ROOT
from tests.standards_table import TABLE, fill, marked_tests, marks_in, read_table

INBOUND = [f"S{number}" for number in range(1, 25)]
OTHERS = [f"S{number}" for number in range(25, 36)]
ROWS = {row.clause: row for row in read_table(TABLE.read_text(encoding="utf-8"))}
MARKED = marked_tests()
WRITE_ANEW = "python -m tests.standards_table writes the column anew"


@pytest.mark.parametrize("clause", INBOUND)
def test_every_clause_on_inbound_calls_stands_in_the_table_with_a_live_test(clause: str) -> None:
    assert ROWS[clause].words.strip() and ROWS[clause].how.strip()
    assert MARKED.get(clause), f"no live test is marked with {clause}"


@pytest.mark.parametrize("clause", INBOUND + OTHERS)
def test_the_table_names_the_marked_live_tests_of_a_clause_and_no_others(clause: str) -> None:
    named = list(ROWS[clause].tests) if clause in ROWS else []
    assert named == MARKED.get(clause, []), WRITE_ANEW


def test_clauses_stand_in_the_table_once_and_in_order() -> None:
    rows = read_table(TABLE.read_text(encoding="utf-8"))
    assert [row.clause for row in rows] == [clause for clause in INBOUND + OTHERS if clause in ROWS]


def test_no_test_is_marked_with_a_clause_that_does_not_exist() -> None:
    assert set(MARKED) <= set(INBOUND + OTHERS)


def test_k_standards_selects_exactly_the_marked_live_tests() -> None:
    """`-k` looks at marks' names, and at the names of files and functions too."""
    asked = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", "-q", "--collect-only"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    told = subprocess.run(
        [*asked, "tests/live", "-m", "live", "-k", "standards"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    selected = set(re.findall(r"^tests/live/(test_\w+\.py::test_\w+)", told.stdout, re.MULTILINE))
    assert selected == {test for tests in MARKED.values() for test in tests}, told.stdout + told.stderr


def test_marks_are_read_from_decorators_and_from_the_whole_module() -> None:
    source = """
pytestmark = [pytest.mark.standards("S8"), pytest.mark.slow]

@pytest.mark.parametrize("way", ["0"])
@pytest.mark.standards("S16", "S1")
def test_a(way): ...

def test_b(): ...

def helper(): ...
"""
    assert dict(marks_in(source)) == {"test_a": ["S8", "S16", "S1"], "test_b": ["S8"]}


def test_a_table_without_its_last_column_is_filled_from_the_marks() -> None:
    bare = "| **S2** Own name | a whisper | old |\n| **S20** No break | kills | |\n"
    full = fill(bare, {"S2": ["test_x.py::test_a", "test_y.py::test_b"]})
    assert full.splitlines() == [
        "| **S2** Own name | a whisper | `test_x.py::test_a`<br>`test_y.py::test_b` |",
        "| **S20** No break | kills |  |",
    ]
    assert [row.tests for row in read_table(full)] == [("test_x.py::test_a", "test_y.py::test_b"), ()]
