"""What every sub-command shares: the state folder, JSON or a table, progress."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ivr.settings import Settings, read_settings
from ivr.tables.read import MAX_BYTES

State = Annotated[Path | None, typer.Option("--state", help="The instance's state folder (default: var).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

# What is piped on is not cut to a screen's width.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 240)


def settings_of(state: Path | None) -> Settings:
    """The settings, with the state folder asked for on the command line."""
    return read_settings() if state is None else read_settings(state_dir=state)


def file_bytes(file: Path) -> bytes:
    """A table's file, no more of it than is needed to see that it is too long."""
    with file.open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def print_json(value: Any) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for people; cell texts are never read as markup."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    console.print(table)


class Steps:
    """A line per step of long work: what, how far, how long; redrawn in place on a terminal.

    `say("prompts 3/172")`: the first word names the step, the rest says how far it is.
    """

    def __init__(self, out: Console = console) -> None:
        self._out = out
        self._spinner = out.status("")
        self._step = self._said = ""
        self._began = 0.0

    def __enter__(self) -> "Steps":
        if self._out.is_terminal:
            self._spinner.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._spinner.stop()
        self._finish("" if kind is None else " (not finished)")

    def __call__(self, said: str) -> None:
        step = said.split(" ", 1)[0]
        if step != self._step:
            self._finish()
            self._step, self._began = step, time.monotonic()
        self._said = said
        self._spinner.update(escape(said))

    def _finish(self, remark: str = "") -> None:
        if self._said:
            self._out.print(f"  {escape(self._said):<46} {time.monotonic() - self._began:6.1f} s{remark}")
            self._said = ""
