"""An independent count: what the journal's files say of every call, against what the database says.

Nothing of the projection is used here, neither its reading of the files nor its rules: the channel event log tells
which calls there were and who spoke with whom, queue_log who waited and gave up, the flows what was promised. A call
that was lost, counted twice, or given another outcome shows up by its id.
"""

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.store.models import Call

_TALK_SECONDS = 0.5
_OFFERED = ("answered", "abandoned", "callback", "message", "closed", "timed_out", "blocked")
_COLUMNS = 11
_OURS = ("CALLBACK_", "RETURN_CALL_")
"""What the dialplan says of calls that we place begins so."""
_DIALLED = {"CALLBACK_DIALLED", "RETURN_CALL_DIALLED", "SURVEY_DIALLED"}


@dataclass
class Seen:
    """One call as the files tell it; moments in seconds since 1970."""

    id: str
    first: str = ""
    outside: str = ""
    """The channel of whoever we rang, of a call that we placed."""
    exten: str = ""
    began: float = 0.0
    ended: float | None = None
    channels: set[str] = field(default_factory=set)
    inside: dict[str, list[tuple[str, float, float]]] = field(default_factory=lambda: defaultdict(list))
    """Per bridge: (channel, in, out)."""
    ended_by: str = ""
    marks: set[str] = field(default_factory=set)
    queue: list[str] = field(default_factory=list)
    flow: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def from_outside(self) -> bool:
        return self.first.startswith("PJSIP/trunk-")

    @property
    def survey(self) -> bool:
        return any(mark.startswith("SURVEY_") for mark in self.marks)

    @property
    def theirs(self) -> str:
        """The channel of whoever is not ours."""
        return self.outside if self.survey else self.id

    @property
    def counts(self) -> bool:
        """Whether it is a caller's call: from outside, an agent's phone standing in for one in a queue, or a customer
        who was surveyed and asked for a person."""
        if self.survey:
            return "ENTERQUEUE" in self.queue
        if self.first.startswith("Local/") or any(mark.startswith(_OURS) for mark in self.marks):
            return False
        return self.from_outside or "ENTERQUEUE" in self.queue

    @property
    def talked(self) -> bool:
        """Whether the caller shared a bridge with somebody for longer than a moment."""
        shared = 0.0
        for stays in self.inside.values():
            own = [(start, end) for channel, start, end in stays if channel == self.theirs]
            others = _united((start, end) for channel, start, end in stays if channel != self.theirs)
            shared = max(shared, sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in own for b in others))
        return shared > _TALK_SECONDS

    @property
    def surveyed(self) -> bool:
        """Whether a survey's customer was spoken to, and neither promised anything nor cut off by Asterisk."""
        kinds = {kind for kind, _ in self.flow}
        told = {facts.get("who") for kind, facts in self.flow if kind == "survey.heard"}
        told |= {facts.get("result") for kind, facts in self.flow if kind == "survey.ended"}
        nobody = {"machine", "phone_menu", "no_human"} & told
        elsewhere = kinds & {"message.left", "callback.requested"} or self.ended_by == "asterisk"
        return "survey.heard" in kinds and not nobody and not elsewhere

    def outcome(self) -> str:
        """What should stand in the database."""
        kinds = [kind for kind, _ in self.flow]
        promised = [
            {"message.left": "message", "callback.requested": "callback"}[kind]
            for kind, facts in self.flow
            if kind in ("message.left", "callback.requested") and facts.get("reason") not in ("abandoned", "cut_off")
        ]
        closed = [str(facts.get("outcome")) for kind, facts in self.flow if kind == "call.closed"]
        told_closed = any(kind == "prompt.played" and facts.get("prompt") == "closed" for kind, facts in self.flow)
        if self.talked:
            return "answered"
        if promised:
            return promised[-1]
        if self.ended_by == "asterisk":
            return "failed"
        if "caller.blocked" in kinds:
            return "blocked"
        if "ENTERQUEUE" in self.queue or "queue.joined" in kinds:
            if "ABANDON" in self.queue or self.ended_by == "caller":
                return "abandoned"
            left = {"EXITWITHTIMEOUT", "EXITWITHKEY", "EXITEMPTY"} & set(self.queue)
            return "timed_out" if left else next(iter(closed[-1:]), "failed")
        if closed:
            return closed[-1]
        if told_closed:
            return "closed"
        if self.ended_by == "caller":
            return "ended_in_menu"
        return "silent" if kinds and kinds[-1] in ("menu.silent", "line.silent") else "failed"


@dataclass(frozen=True)
class Difference:
    """Something the two counts do not agree on."""

    call_id: str
    what: str
    journal: str
    database: str


@dataclass(frozen=True)
class Checked:
    """Calls by outcome in both, and every difference; `undecided` are calls that still run by either."""

    journal: Counter[str]
    database: Counter[str]
    differences: list[Difference]
    undecided: int

    @property
    def agrees(self) -> bool:
        return not self.differences and self.journal == self.database

    def to_json(self) -> dict[str, Any]:
        return {
            "agrees": self.agrees,
            "offered": {"journal": _offered(self.journal), "database": _offered(self.database)},
            "outcomes": {
                name: {"journal": self.journal[name], "database": self.database[name]}
                for name in sorted({*self.journal, *self.database})
            },
            "undecided": self.undecided,
            "differences": [vars(one) for one in self.differences],
        }


def check(session: Session, journal: Path, since: datetime | None = None) -> Checked:
    """Count both and compare. Raises OSError, StoreUnavailable."""
    seen = read_journal(journal)
    floor = since.timestamp() if since else 0.0
    rows = {row.id: row for row in session.scalars(select(Call)) if row.started_at.timestamp() >= floor - 1}
    return compare({one.id: one for one in seen.values() if one.began >= floor}, rows)


def compare(seen: dict[str, Seen], rows: dict[str, Call]) -> Checked:
    """Each call that both know to have ended must have one row with the same outcome, and no row must be left over."""
    found: list[Difference] = []
    by_journal, by_database = Counter[str](), Counter[str]()
    undecided = 0
    parts = {channel: one.id for one in seen.values() for channel in one.channels if channel != one.id}
    for call in seen.values():
        row = rows.get(call.id)
        if not call.counts:
            found += _beside(call, row)
            continue
        if call.ended is None or (row is not None and row.outcome is None):
            undecided += 1
            if call.ended is not None:
                found.append(Difference(call.id, "ended, but runs in the database", call.outcome(), "running"))
            continue
        expected = call.outcome()
        by_journal[expected] += 1
        if row is None:
            found.append(Difference(call.id, "lost", expected, "-"))
            continue
        by_database[str(row.outcome)] += 1
        found += _unlike(call, row, expected)
    for row in rows.values():
        if row.id in parts:
            found.append(Difference(row.id, f"counted twice: a part of {parts[row.id]}", "-", str(row.outcome)))
        elif row.id not in seen and row.offered:
            found.append(Difference(row.id, "unknown to the journal", "-", str(row.outcome)))
            by_database[str(row.outcome)] += 1
    return Checked(by_journal, by_database, sorted(found, key=lambda one: one.call_id), undecided)


def _beside(call: Seen, row: Call | None) -> Iterator[Difference]:
    """What is no caller's call: those we place have a row once they are dialled, and none of these is counted."""
    dialled = not call.marks.isdisjoint(_DIALLED)
    if row is not None and row.offered:
        yield Difference(call.id, "counted, but no caller's call", "-", str(row.outcome))
    elif row is None and dialled and call.ended is not None:
        yield Difference(call.id, "a call of ours lost", "dialled", "-")
    elif row is not None and not dialled and call.first.startswith("Local/"):
        yield Difference(call.id, "listed as a call, but nobody was dialled", "-", str(row.outcome))
    elif row is not None and call.survey and call.ended is not None and call.surveyed != (row.outcome == "surveyed"):
        yield Difference(call.id, "surveyed or not", str(call.surveyed), str(row.outcome))


def _unlike(call: Seen, row: Call, expected: str) -> Iterator[Difference]:
    if row.outcome != expected:
        yield Difference(call.id, "another outcome", expected, str(row.outcome))
    if row.offered != (expected in _OFFERED):
        yield Difference(call.id, "offered or not", str(expected in _OFFERED), str(row.offered))
    if expected == "answered" and "ENTERQUEUE" in call.queue and "CONNECT" not in call.queue:
        yield Difference(call.id, "answered, but not by queue_log", "no CONNECT", str(row.outcome))


def read_journal(journal: Path) -> dict[str, Seen]:
    """Every call of the journal's files, rotated ones too. Raises OSError."""
    calls: dict[str, Seen] = {}
    restarts: list[float] = []
    owner: dict[str, str] = {}
    for row in _cel_rows(journal):
        call = calls.setdefault(row[3], Seen(row[3]))
        owner[row[2]] = row[3]
        _take_cel(call, row)
    for line in _lines(journal, "queue_log"):
        epoch, call_id, _queue, _agent, kind, *_rest = [*line.split("|"), "", "", "", ""]
        if kind == "QUEUESTART":
            restarts.append(float(epoch))
        if owner.get(call_id) in calls:
            calls[owner[call_id]].queue.append(kind)
    for line in _lines(journal, "flow.jsonl"):
        try:
            facts = json.loads(line)
            calls[owner[facts["call"]]].flow.append((facts["event"], facts))
        except (ValueError, KeyError, TypeError):
            continue
    for call in calls.values():
        _close(call, restarts)
    return calls


def _take_cel(call: Seen, row: list[str]) -> None:
    kind, at, channel, name = row[0], float(row[1]), row[2], row[4]
    call.channels.add(channel)
    extra = _json(row[10])
    bridge = str(extra.get("bridge_id", ""))
    if kind == "CHAN_START" and (not call.first or channel == call.id):
        call.first, call.exten, call.began = name, row[6], at
    elif kind == "CHAN_START" and not call.outside and name.startswith("PJSIP/trunk-"):
        call.outside = channel
    elif kind == "BRIDGE_ENTER":
        call.inside[bridge].append((channel, at, float("inf")))
    elif kind == "BRIDGE_EXIT":
        stays = call.inside[bridge]
        call.inside[bridge] = [(c, start, at if c == channel and end > at else end) for c, start, end in stays]
    elif kind == "HANGUP" and channel == call.theirs:
        call.ended_by = "caller" if extra.get("hangupsource") == name else "us"
    elif kind == "LINKEDID_END":
        call.ended = at
    else:
        call.marks.add(kind)


def _close(call: Seen, restarts: list[float]) -> None:
    """A call without its end before Asterisk was started again was broken off by Asterisk itself."""
    after = [at for at in restarts if at > call.began]
    if call.ended is None and after:
        call.ended, call.ended_by = min(after), "asterisk"


def _united(stays: Iterator[tuple[float, float]]) -> list[tuple[float, float]]:
    whole: list[tuple[float, float]] = []
    for start, end in sorted(stays):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole


def _cel_rows(journal: Path) -> Iterator[list[str]]:
    for file in _files(journal / "cel-custom", "cel.csv"):
        for row in csv.reader(io.StringIO(file.read_text("utf-8", errors="replace").replace("\0", ""), newline="")):
            if len(row) == _COLUMNS and row[3] and row[1].replace(".", "", 1).isdigit():
                yield row


def _lines(journal: Path, name: str) -> Iterator[str]:
    for file in _files(journal, name):
        yield from file.read_text("utf-8", errors="replace").splitlines()


def _files(folder: Path, name: str) -> list[Path]:
    """The file being written, after those that were rotated away."""
    if not folder.is_dir():
        return []
    return sorted(folder.glob(f"{name}*"), key=lambda file: (file.name == name, file.stat().st_mtime_ns))


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _offered(outcomes: Counter[str]) -> int:
    return sum(outcomes[name] for name in _OFFERED)
