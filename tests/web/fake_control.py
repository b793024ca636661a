"""A telephone system for the pages: it keeps agents and calls, refuses as the real one does, and says so by the
same two ways: the live board, and facts in the journal."""

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

from sqlalchemy import delete

from ivr.hotline import Hotline
from ivr.store.live import LiveBoard
from ivr.store.models import Call as Record
from ivr.store.models import JournalEvent, JournalPosition
from ivr.store.session import Store
from ivr.telephony.control import AsteriskUnreachable, Call, CaseCall, CommandRefused, DeskCall, SuperviseMode

CALLER_BRIDGE, CONSULT_BRIDGE = "bridge-caller", "bridge-consult"


class FakeControl:
    """Carries out every command at once; `reachable` False is Asterisk gone."""

    def __init__(self, store: Store, hotline: Hotline, now: Callable[[], dt.datetime]) -> None:
        self._store, self._hotline, self._now = store, hotline, now
        self._positions = itertools.count(1)
        self.reachable = True
        self.agents = {number: self._line("logged_out") for number in hotline.agents}
        self.waiting: list[dict[str, Any]] = []
        self.supervised: list[tuple[str, str, str]] = []
        self.called_back: list[tuple[str, str, CaseCall]] = []
        self.consulted: dict[str, str] = {}
        self.joined: dict[str, str] = {}
        self._answered: set[str] = set()
        self.publish()

    def forget(self) -> None:
        """No call has ever been: nobody waits, nothing is told."""
        self.reachable = True
        self.waiting.clear()
        self.consulted.clear()
        self.joined.clear()
        self.supervised.clear()
        self.called_back.clear()
        while self._answered:
            self._record(self._answered.pop(), None)
        with self._store.write() as session:
            session.execute(delete(JournalEvent).where(JournalEvent.source == "cel"))

    # ---- what happens to the business --------------------------------------------------------------------

    def ring(self, agent: str, call: str, caller: str, queue: str = "service") -> None:
        self._set(agent, self._line("ringing", agent, call=call, caller=caller, queue=queue))

    def answer(self, agent: str) -> None:
        self._change(agent, "talking")
        self._answered.add(self._call(agent))
        self._record(self._call(agent), agent)
        self._bridge("BRIDGE_ENTER", agent, self._call(agent), CALLER_BRIDGE, f"PJSIP/sample-{agent}", caller=True)
        self._bridge("BRIDGE_ENTER", agent, self._call(agent), CALLER_BRIDGE, f"PJSIP/{agent}-00000001")

    def caller_hangs_up(self, agent: str) -> None:
        self._set(agent, self._line("wrap_up", agent))

    def join_line(self, call: str, caller: str, position: int, seconds: int, priority: int = 0) -> None:
        joined = self._now() - dt.timedelta(seconds=seconds)
        self.waiting.append(
            {"call": call, "caller": caller, "queue": "service", "joined_at": joined.isoformat()}
            | {"position": position, "class": priority}
        )
        self.publish()

    def leave_line(self, call: str) -> None:
        self.waiting = [each for each in self.waiting if each["call"] != call]
        self.publish()

    def publish(self, at: dt.datetime | None = None) -> None:
        """Write the board as the live board's thread does."""
        board = {"agents": dict(self.agents), "waiting": list(self.waiting), "talking": []}
        with self._store.write() as session:
            row = session.get(LiveBoard, 1)
            if row is None:
                session.add(LiveBoard(id=1, version=1, at=at or self._now(), board=board))
            else:
                row.version, row.at, row.board = row.version + 1, at or self._now(), board

    # ---- Control -----------------------------------------------------------------------------------------

    def log_in(self, agent: str, desk: str | None = None) -> None:
        self._require()
        self._set(agent, self._line("free", desk or agent))

    def log_out(self, agent: str) -> None:
        self._require()
        if self.agents[agent]["state"] in ("talking", "hold"):
            self.agents[agent]["leaving"] = True
            self.publish()
        else:
            self._set(agent, self._line("logged_out"))

    def pause(self, agent: str, reason: str) -> None:
        self._require(agent)
        self._set(agent, self._line("paused", agent, reason=reason))

    def unpause(self, agent: str) -> None:
        self._require(agent)
        self._change(agent, "free")

    def end_wrap_up(self, agent: str) -> None:
        self._require(agent)
        self._change(agent, "free")

    def hold(self, agent: str) -> None:
        self._require(agent, "talking")
        self._change(agent, "hold")

    def unhold(self, agent: str) -> None:
        self._require(agent, "hold")
        self._change(agent, "talking")

    def consult(self, agent: str, to: str) -> None:
        self._require(agent, "talking")
        if to in self._hotline.agents and self.agents[to]["state"] == "logged_out":
            raise CommandRefused("unknown_target", "Nobody is there.")
        self.consulted[agent] = to
        call = self._call(agent)
        self._fact("CONSULT", call, "", {"extra": f"{agent}>{to}"})
        self._bridge("BRIDGE_EXIT", agent, call, CALLER_BRIDGE, f"PJSIP/{agent}-00000001")
        self._bridge("BRIDGE_ENTER", agent, call, CONSULT_BRIDGE, f"PJSIP/{agent}-00000001")
        self._bridge("BRIDGE_ENTER", to, call, CONSULT_BRIDGE, f"PJSIP/{to}-00000002")
        self.publish()

    def complete_transfer(self, agent: str) -> None:
        to = self._consulted(agent)
        call, facts = self._call(agent), self.agents[agent]
        self._fact("ATTENDEDTRANSFER", call, f"PJSIP/{agent}-00000001", {})
        self.agents[to] = self._line("talking", to, call=call, caller=facts["caller"], queue=facts["queue"])
        self._set(agent, self._line("wrap_up", agent))

    def cancel_transfer(self, agent: str) -> None:
        self._consulted(agent)
        call = self._call(agent)
        self._bridge("BRIDGE_EXIT", agent, call, CONSULT_BRIDGE, f"PJSIP/{agent}-00000001")
        self._bridge("BRIDGE_ENTER", agent, call, CALLER_BRIDGE, f"PJSIP/{agent}-00000001")
        self.publish()

    def join(self, agent: str) -> None:
        to = self._consulted(agent)
        call = self._call(agent)
        for who, channel in ((agent, f"PJSIP/{agent}-00000001"), (to, f"PJSIP/{to}-00000002")):
            self._bridge("BRIDGE_EXIT", who, call, CONSULT_BRIDGE, channel)
            self._bridge("BRIDGE_ENTER", who, call, CALLER_BRIDGE, channel)
        self._fact("ATTENDEDTRANSFER", call, f"PJSIP/{agent}-00000001", {})
        self.joined[agent] = to
        self.publish()

    def blind_transfer(self, agent: str, to: str) -> None:
        self._require(agent, "talking")
        self._fact("BLINDTRANSFER", self._call(agent), f"PJSIP/{agent}-00000001", {"extension": to})
        self._set(agent, self._line("wrap_up", agent))

    def hang_up(self, agent: str) -> None:
        self._require(agent, "talking", "hold")
        call, facts = self._call(agent), self.agents[agent]
        self._bridge("BRIDGE_EXIT", agent, call, CALLER_BRIDGE, f"PJSIP/{agent}-00000001")
        if to := self.joined.pop(agent, None):
            self.agents[to] = self._line("talking", to, call=call, caller=facts["caller"], queue=facts["queue"])
        self._set(agent, self._line("wrap_up", agent))

    def supervise(self, supervisor: str, agent: str, mode: SuperviseMode) -> None:
        self._require()
        if not self._hotline.may_listen(supervisor, agent):
            raise CommandRefused("not_own_team", "Not the own team.")
        self._require(agent, "talking", "hold")
        self.supervised.append((supervisor, agent, mode))

    def return_call(self, agent: str, number: str, case: CaseCall) -> None:
        self._require(agent)
        if self.agents[agent]["state"] not in ("free", "paused", "wrap_up"):
            raise CommandRefused("on_a_call", "On the phone.")
        self.called_back.append((agent, number, case))

    def ring_desk(self, call: DeskCall) -> None:
        raise NotImplementedError

    def originate(self, call: Call) -> None:
        raise NotImplementedError

    # ---- inside ------------------------------------------------------------------------------------------

    def _require(self, agent: str | None = None, *states: str) -> None:
        if not self.reachable:
            raise AsteriskUnreachable("Asterisk is not there.")
        if agent is not None and self.agents[agent]["state"] == "logged_out":
            raise CommandRefused("logged_out", "Not on duty.")
        if agent is not None and states and self.agents[agent]["state"] not in states:
            raise CommandRefused("no_call", "No call.")

    def _consulted(self, agent: str) -> str:
        self._require(agent, "talking", "hold")
        if agent not in self.consulted:
            raise CommandRefused("wrong_state", "Nobody is consulted.")
        return self.consulted.pop(agent)

    def _call(self, agent: str) -> str:
        return str(self.agents[agent]["call"])

    def _line(self, state: str, desk: str | None = None, **facts: Any) -> dict[str, Any]:
        known = {"reason": None, "call": None, "caller": None, "queue": None, "leaving": False}
        return {"state": state, "desk": desk, "since": self._now().isoformat()} | known | facts

    def _change(self, agent: str, state: str) -> None:
        self._set(agent, self.agents[agent] | {"state": state, "reason": None, "since": self._now().isoformat()})

    def _set(self, agent: str, line: dict[str, Any]) -> None:
        self.agents[agent] = line
        self.publish()

    def _record(self, call: str, agent: str | None) -> None:
        """What the projection makes of the answer."""
        with self._store.write() as session:
            row = session.get(Record, call)
            if row is not None:
                row.agent, row.answered_at = agent, self._now() if agent else None

    def _bridge(self, kind: str, who: str, call: str, bridge: str, channel: str, caller: bool = False) -> None:
        self._fact(kind, call, channel, {"bridge_id": bridge}, call if caller else f"channel-{who}")

    def _fact(self, kind: str, call: str, channel: str, extra: dict[str, Any], channel_id: str = "x") -> None:
        place = next(self._positions)
        with self._store.write() as session:
            session.add(
                JournalEvent(
                    source="cel",
                    position=f"fake:{place:09}",
                    call_id=call,
                    channel_id=channel_id,
                    at=self._now() + dt.timedelta(microseconds=place),
                    kind=kind,
                    data={"channel": channel, "extra": extra},
                )
            )
            known = session.get(JournalPosition, ("cel", "fake"))
            if known is None:
                session.add(JournalPosition(source="cel", file_id="fake", inode=1, offset=place))
            else:
                known.offset = place
