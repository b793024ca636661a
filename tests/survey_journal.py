"""What a survey call writes, as text tables: `second event [attempt] [facts]`, and the journal's files made of them.

Facts are `status/cause` of SURVEY_RESULT, or `name=value` pairs of what a flow or a supervisor says. Without an attempt
it is the first one's. Events of no call (`contact.…`, `number.…`) take facts only.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ivr.calls.events import Event
from ivr.surveys.ids import attempt_call_id


def events(table: str, start: datetime, contact: str) -> list[Event]:
    """The events of one contact."""
    found = []
    for line in filter(None, map(str.strip, table.splitlines())):
        second, kind, *more = line.split()
        attempt = int(more.pop(0)) if more and more[0].isdigit() else 1
        at = start + timedelta(seconds=float(second))
        call_id = attempt_call_id(contact, attempt)
        if kind.startswith("contact."):
            found.append(Event("flow", kind, at, contact, contact, _facts(more, start)))
        elif "." in kind:
            found.append(Event("flow", kind, at, call_id, call_id, _facts(more, start)))
        else:
            told = "/".join([contact, str(attempt), *more])
            found.append(Event("cel", kind, at, call_id, call_id, {"extra": {"extra": told}}))
    return found


def _facts(words: list[str], start: datetime) -> dict[str, Any]:
    facts: dict[str, Any] = dict(word.split("=", 1) for word in words)
    if "seconds" in facts:
        facts["seconds"] = float(facts["seconds"])
    if str(facts.get("agreed", "")).isdigit():
        facts["agreed"] = (start + timedelta(seconds=int(facts["agreed"]))).isoformat()
    return facts


def write(folder: Path, told: list[Event]) -> None:
    """Append these events to the journal's files, as Asterisk and the flows write them."""
    for event in told:
        assert event.at is not None
        if event.source == "flow":
            line = json.dumps({**event.data, "at": event.at.isoformat(), "call": event.call_id, "event": event.kind})
            _append(folder / "flow.jsonl", line)
        else:
            extra = json.dumps(event.data["extra"]).replace('"', '""')
            stamp = f"{event.at.timestamp():.6f}"
            ids = (event.call_id, event.call_id)
            fields = (event.kind, stamp, *ids, "Local/s@survey-dial;1", "", "s", "survey-dial", "", "", extra)
            _append(folder / "cel-custom" / "cel.csv", ",".join(f'"{field}"' for field in fields))


def restart(folder: Path, at: datetime) -> None:
    """Asterisk starts (again)."""
    _append(folder / "queue_log", f"{int(at.timestamp())}|NONE|NONE|NONE|QUEUESTART|")


def _append(file: Path, line: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        out.write(line + "\n")
