"""`ivr visits` and `ivr tokens`: what an operator types and reads."""

import json
import re
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from ivr.cli.tokens import tokens_app
from ivr.cli.visits import visits_app
from ivr.errors import IvrError
from ivr.settings import Settings
from ivr.store.migrate import migrate

TABLE = """工单号,客户姓名,手机,服务类型,完成时间,技师,同意回访
WO-1,王建国,13800138000,保养,2026-01-21 16:05,二号车间,
WO-2,[bold]李四,139,维修,2026-01-20,,
WO-3,欧阳娜娜,021-55667788,维修,2026-01-20,,否
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    settings = Settings(state_dir=tmp_path / "state")
    settings.paths.create()
    migrate(settings.store_url)
    return settings.state_dir


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "visits.csv"
    file.write_text(TABLE, "utf-8")
    return file


def visits(state: Path, *words: str) -> Result:
    return CliRunner().invoke(visits_app, [*words, "--state", str(state)])


def tokens(state: Path, *words: str) -> Result:
    return CliRunner().invoke(tokens_app, [*words, "--state", str(state)])


def ids(state: Path, *words: str) -> list[str]:
    return [visit["external_id"] for visit in json.loads(visits(state, "list", "--json", *words).output)]


def test_good_lines_are_taken_bad_ones_named_and_the_exit_code_says_so(state: Path, table: Path) -> None:
    first = visits(state, "import", str(table))
    assert first.exit_code == 1
    assert f"{table}:3: number: No telephone has this number." in first.output.replace("\n", "")
    assert "2 new, 0 changed, 0 as they were; 1 lines with errors" in first.output
    table.write_text(TABLE.replace("WO-2,[bold]李四,139,维修,2026-01-20,,\n", ""), "utf-8")
    again = visits(state, "import", str(table))
    assert (again.exit_code, again.exception) == (0, None)
    assert "0 new, 0 changed, 2 as they were" in again.output
    shown = visits(state, "list").output
    assert "WO-1" in shown and "2026-01-21 16:05" in shown and "王建国" in shown
    assert re.search(r"WO-3.*欧阳娜娜.*no", shown)


def test_dry_run_keeps_nothing(state: Path, table: Path) -> None:
    tried = visits(state, "import", str(table), "--dry-run", "--json")
    assert tried.exit_code == 1
    told = json.loads(tried.output)
    assert (told["new"], [error["line"] for error in told["errors"]]) == (2, [3])
    assert ids(state) == []


def test_visits_are_found_by_what_is_asked(state: Path, table: Path) -> None:
    visits(state, "import", str(table))
    assert ids(state) == ["WO-1", "WO-3"]
    assert ids(state, "王") == ids(state, "--kind", "保养") == ids(state, "--by", "二号车间") == ["WO-1"]
    assert ids(state, "--from", "2026-01-21") == ["WO-1"]
    assert ids(state, "--to", "2026-01-20") == ["WO-3"]
    assert ids(state, "--page", "2") == []


def test_file_that_is_no_table_is_one_clear_error(state: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.xlsx"
    bad.write_bytes(b"PK\x03\x04 and no more")
    refused = visits(state, "import", str(bad))
    assert isinstance(refused.exception, IvrError) and "XLSX" in refused.exception.message


def test_token_is_shown_once_listed_without_it_and_revoked(state: Path) -> None:
    made = tokens(state, "add", "workshop", "--may", "visits")
    assert made.exit_code == 0 and "shown this once" in made.output
    token = made.output.split(" / ")[1].split(" ")[0]
    assert tokens(state, "revoke", "workshop").exit_code == 0
    listed = tokens(state, "list", "--json").output
    assert token not in listed and "token_hash" not in listed
    (row,) = json.loads(listed)
    assert (row["name"], row["may"]) == ("workshop", "visits") and row["revoked_at"]
    assert "workshop" in tokens(state, "list").output
    for words in (("add", "workshop", "--may", "visits"), ("revoke", "nobody"), ("add", "x", "--may", "everything")):
        assert isinstance(tokens(state, *words).exception, IvrError)
