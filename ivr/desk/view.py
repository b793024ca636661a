"""An agent's desk as it stands now: one picture made of the live board and the records."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ivr.desk import records
from ivr.desk.board import AgentLine, Board
from ivr.desk.duty import Command, Duty, allowed
from ivr.desk.records import CustomerFile, Figures
from ivr.desk.transfer import Transfer
from ivr.hotline import Hotline
from ivr.store.followup import WrapUpNote
from ivr.store.models import Call

ON_A_CALL = frozenset({Duty.RINGING, Duty.TALKING, Duty.HOLD})


@dataclass(frozen=True)
class Target:
    """Where a caller may be transferred to: an agent (with what that agent does now), or a queue."""

    to: str
    duty: Duty | None = None


@dataclass(frozen=True)
class Desk:
    """What the page shows. `call` is the record of the call at hand, None before the journal tells of it;
    `noted_call` is the call that notes are written about: the one at hand, else the last one of the day (S14)."""

    line: AgentLine
    transfer: Transfer
    allowed: frozenset[Command]
    call: Call | None
    file: CustomerFile | None
    noted_call: Call | None
    note: WrapUpNote | None
    figures: Figures

    @property
    def on_a_call(self) -> bool:
        return self.line.duty in ON_A_CALL and self.line.call is not None

    @property
    def shown_call(self) -> str | None:
        """The call whose caller's file is shown."""
        return self.line.call if self.on_a_call else self.noted_call.id if self.noted_call else None


def desk_of(session: Session, board: Board, agent: str, midnight: dt.datetime) -> Desk:
    """The desk of an agent; `midnight` is when the business's day began."""
    line = board.agent(agent)
    busy = line.duty in ON_A_CALL and line.call is not None
    call = records.find_call(session, line.call) if busy else None
    served = line.call if busy and line.duty is not Duty.RINGING else None
    noted = records.find_call(session, served) if served else records.last_call(session, agent, midnight)
    transfer = records.transfer_of(session, served, agent, line.desk or agent) if served else Transfer()
    return Desk(
        line=line,
        transfer=transfer,
        allowed=allowed(line.duty, transfer),
        call=call,
        file=records.file_of(session, call, line.caller) if busy else _file_after(session, line, noted),
        noted_call=noted,
        note=records.own_note(session, noted.id, agent) if noted else None,
        figures=records.figures(session, agent, midnight),
    )


def _file_after(session: Session, line: AgentLine, noted: Call | None) -> CustomerFile | None:
    """Whoever writes the notes still sees whom they are about."""
    return records.file_of(session, noted, None) if noted and line.duty is Duty.WRAP_UP else None


def targets(hotline: Hotline, board: Board, agent: str) -> tuple[list[Target], list[Target]]:
    """Agents (those who are free first) and queues that a caller may be transferred to."""
    others = [Target(number, board.agent(number).duty) for number in hotline.agents if number != agent]
    present = [each for each in others if each.duty is not Duty.LOGGED_OUT]
    present.sort(key=lambda each: (each.duty is not Duty.FREE, each.to))
    return present, [Target(queue) for queue in hotline.queues]


def may_note(session: Session, board: Board, agent: str, call_id: str) -> bool:
    """Whether a call is the agent's own to write about: at hand now, or answered by them."""
    line = board.agent(agent)
    if line.call == call_id and line.duty in ON_A_CALL:
        return True
    call = records.find_call(session, call_id)
    return call is not None and records.took(call, agent)
