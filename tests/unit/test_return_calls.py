"""Calling a customer back about their case (S25): what the journal tells of it, when it may be, and the record."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from ivr.callbacks.caps import being_rung, dials_to
from ivr.calls.events import Event
from ivr.calls.flow_log import read_flow
from ivr.calls.journal import Journal
from ivr.calls.project import project
from ivr.cases import acts
from ivr.cases.calling import Caller, Desk, is_on_do_not_call
from ivr.cases.opening import open_cases
from ivr.cases.record import get_case
from ivr.cases.return_calls import (
    AGENT_GONE,
    ANSWERED,
    CALLED,
    DIALLED,
    ENDED,
    NOT_PLACED,
    RESULT,
    UNDER_WAY,
    ReturnCall,
    calls_of_case,
    calls_to,
    is_return_call,
    read_return_call,
    return_call_id,
)
from ivr.hotline import Hotline
from ivr.store.followup import Callback, CallbackAttempt, Case
from ivr.store.models import Call, JournalEvent
from ivr.store.session import Store
from ivr.store.surveys import DoNotCall
from ivr.telephony.control import AsteriskUnreachable, CaseCall, CommandRefused, CommandUncertain
from tests.stores import engine_url, store
from tests.unit.test_cases import HOURS, NOW, WANG, hotline, key_customer, message, put

__all__ = ["engine_url", "store"]

CASE = "message:left"
ID = return_call_id(CASE, NOW)
SECOND = dt.timedelta(seconds=1)
MINUTE = dt.timedelta(minutes=1)


def cel(kind: str, after: float, extra: str = "", channel: str = ID) -> Event:
    data = {"channel": "PJSIP/1001-1", "number": "", "exten": "s", "extra": {"extra": extra} if extra else {}}
    return Event("cel", kind, NOW + after * SECOND, ID, channel, data)


def called(at: dt.datetime = NOW, **facts: str) -> Event:
    known = {"case": CASE, "of": "left", "by": "boss", "agent": "1001", "number": WANG}
    return Event("flow", CALLED, at, ID, data=known | facts)


PICKED_UP, RUNG = cel("ANSWER", 4), cel(DIALLED, 9, WANG)


@pytest.mark.parametrize(
    ("events", "after", "stage"),
    [
        ([], 2, "agent_rings"),
        ([PICKED_UP], 6, "agent_hears"),
        ([PICKED_UP, RUNG], 10, "customer_rings"),
        ([PICKED_UP, RUNG, cel(RESULT, 12, ANSWERED)], 60, "talking"),
        ([PICKED_UP, RUNG, cel(RESULT, 12, ANSWERED), cel(ENDED, 90)], 100, "talked"),
        ([PICKED_UP, RUNG, cel(RESULT, 20, "BUSY"), cel(ENDED, 23)], 30, "busy"),
        ([PICKED_UP, RUNG, cel(RESULT, 40, "NOANSWER")], 41, "no_answer"),
        ([PICKED_UP, RUNG, cel(RESULT, 40, "CONGESTION")], 41, "not_reached"),
        ([PICKED_UP, cel(RESULT, 6, AGENT_GONE), cel(ENDED, 6)], 7, "agent_hung_up"),
        ([PICKED_UP, RUNG, cel(RESULT, 15, "CANCEL"), cel(ENDED, 15)], 16, "agent_hung_up"),
        ([PICKED_UP, cel(RESULT, 6, "REFUSED")], 7, "refused"),
        ([cel(ENDED, 30)], 31, "agent_did_not_answer"),
        ([Event("flow", NOT_PLACED, NOW, ID, data={})], 1, "not_placed"),
        ([PICKED_UP], 600, "unknown"),  # Asterisk died, and nobody could write down the end
        ([cel("ANSWER", 4, channel="agent's phone")], 20, "agent_hears"),
    ],
)
def test_how_far_a_return_call_is(events: list[Event], after: float, stage: str) -> None:
    call = read_return_call(called(), events)
    assert call.stage(NOW + after * SECOND) == stage
    assert call.is_under_way(NOW + after * SECOND) == (stage in UNDER_WAY)
    assert (call.case, call.agent, call.by, call.number, call.at) == (CASE, "1001", "boss", WANG, NOW)


@pytest.mark.parametrize(
    ("events", "after", "counts"),
    [
        ([], 2, True),  # it may ring at any moment
        ([PICKED_UP, RUNG, cel(RESULT, 20, "BUSY")], 3600, True),
        ([cel(ENDED, 30)], 31, False),
        ([PICKED_UP, cel(RESULT, 6, AGENT_GONE)], 31, False),
        ([Event("flow", NOT_PLACED, NOW, ID, data={})], 1, False),
        ([PICKED_UP], 600, False),
    ],
)
def test_caps_count_what_rang_the_customer_or_may_be_about_to(events: list[Event], after: float, counts: bool) -> None:
    assert read_return_call(called(), events).may_have_rung(NOW + after * SECOND) == counts


@given(st.text(), st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2100, 1, 1)))  # noqa: DTZ001
def test_id_is_known_beforehand_and_never_anybody_elses(case: str, at: dt.datetime) -> None:
    moment = at.replace(tzinfo=dt.UTC)
    own = return_call_id(case, moment)
    assert is_return_call(own) and own == return_call_id(case, moment)
    assert own != return_call_id(case + "x", moment) and own != return_call_id(case, moment + SECOND)
    assert not is_return_call(own + "-cb1")


# ---- the record of the call ------------------------------------------------------------------------------


def channel_event(kind: str, after: float, channel: str, name: str, **extra: Any) -> Event:
    data = {"channel": name, "number": "4008001001", "exten": "s", "context": "return-call", "extra": extra}
    return Event("cel", kind, NOW + after * SECOND, ID, channel, data)


AGENTS, CUSTOMERS = (ID, "PJSIP/1001-00000003"), ("ivr-1.9", "PJSIP/trunk-sample-00000004")


def talk() -> list[Event]:
    return [
        channel_event("CHAN_START", 0, *AGENTS),
        channel_event("ANSWER", 4, *AGENTS),
        channel_event(DIALLED, 9, *AGENTS, extra=WANG),
        channel_event("CHAN_START", 9, *CUSTOMERS),
        channel_event("ANSWER", 14, *CUSTOMERS),
        channel_event(RESULT, 14, *CUSTOMERS, extra=ANSWERED),
        channel_event("RECORDING", 14, *CUSTOMERS, extra="2026/11/22/rc"),
        channel_event("BRIDGE_ENTER", 20, *CUSTOMERS, bridge_id="b"),
        channel_event("BRIDGE_ENTER", 20, *AGENTS, bridge_id="b"),
        channel_event("BRIDGE_EXIT", 80, *CUSTOMERS, bridge_id="b"),
        channel_event("HANGUP", 80, *CUSTOMERS, hangupsource=CUSTOMERS[1], dialstatus=""),
        channel_event("HANGUP", 80, *AGENTS, hangupsource="", dialstatus="ANSWER"),
        channel_event(ENDED, 80, *AGENTS),
    ]


def test_record_of_a_return_call_is_an_outbound_call_that_calls_back_the_first_one() -> None:
    first = project("left", [Event("flow", "call.started", NOW - HOURS, "left", data={"language": "en"})])
    facts = project(ID, [called(agent="1002"), *talk()], called_back=first)
    assert facts is not None
    assert (facts.direction, facts.caller, facts.called, facts.agent) == ("outbound", "1002", WANG, "1002")
    assert (facts.callback_of, facts.language, facts.outcome, facts.offered) == ("left", "en", "answered", False)
    assert (facts.answered_at, facts.talk_seconds, facts.hung_up_by) == (NOW + 20 * SECOND, 60.0, "caller")
    assert facts.recordings == {"caller": "2026/11/22/rc-caller.wav", "agent": "2026/11/22/rc-agent.wav"}
    assert facts.wait_seconds is None and facts.queue is None


def test_agent_whose_phone_alone_rang_has_called_nobody() -> None:
    rung = [channel_event("CHAN_START", 0, *AGENTS), channel_event("HANGUP", 30, *AGENTS)]
    assert project(ID, [called(), *rung, channel_event(ENDED, 30, *AGENTS)]) is None
    assert project(ID, [called(), Event("flow", NOT_PLACED, NOW, ID, data={"case": CASE})]) is None


def test_customer_who_does_not_answer_is_a_call_that_timed_out() -> None:
    rung = [*talk()[:4], channel_event(RESULT, 39, *AGENTS, extra="NOANSWER")]
    rung += [channel_event("HANGUP", 39, *CUSTOMERS, dialstatus=""), channel_event(ENDED, 42, *AGENTS)]
    facts = project(ID, [called(), *rung])
    assert facts is not None
    assert (facts.outcome, facts.answered_at, facts.called) == ("timed_out", None, WANG)


# ---- whether it may be -----------------------------------------------------------------------------------


class Telephone:
    """Places calls, or does not; `refuses` is what it raises."""

    def __init__(self) -> None:
        self.placed: list[tuple[str, str, CaseCall]] = []
        self.refuses: Exception | None = None

    def return_call(self, agent: str, number: str, case: CaseCall) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.placed.append((agent, number, case))


class Office:
    """A case that is taken, a telephone, and the journal's way into the tables."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.now = store, NOW + HOURS
        self.journal = Journal(folder / "flow.jsonl", lambda: self.now)
        self.telephone, self.is_stopped, self.lag = Telephone(), False, 0
        put(store, message("left"))
        open_cases(store, hotline(), NOW)
        with store.read() as session:
            self.case = session.scalars(select(Case.id)).one()
        acts.take(store, self.journal, self.case, "boss", NOW)
        self._read = 0
        self.before_ingestion: Callable[[], None] | None = None

    def call(self, by: str = "boss", business: Hotline | None = None) -> None:
        caller = Caller(self.store, self.journal, self.telephone, lambda: self.is_stopped, self.knows_everything)  # type: ignore[arg-type]
        try:
            caller.call(self.case, Desk(by, "1001"), business or hotline(), self.now)
        finally:
            self.ingest()

    def knows_everything(self) -> bool:
        """Whether ingestion, which may lag behind for so many looks, has read all."""
        self.lag -= 1
        if self.lag < 0:
            self.ingest()
        return self.lag < 0

    def ingest(self) -> None:
        found, _ = read_flow(self.journal.path.read_bytes())
        if self.before_ingestion and any(event.kind == CALLED for _, event in found):
            self.before_ingestion()
            self.before_ingestion = None
        with self.store.write() as session:
            for start, event in found[self._read :]:
                self._keep(session, f"f:{start:09}", event)
        self._read = len(found)

    def happens(self, *events: tuple[str, str]) -> None:
        """The telephone system writes down of the last call (kind, extra)."""
        call_id = self.telephone.placed[-1][2].call_id
        with self.store.write() as session:
            for kind, extra in events:
                event = Event("cel", kind, self.now, call_id, call_id, {"extra": {"extra": extra}})
                self._keep(session, f"{call_id}:{kind}", event)

    def _keep(self, session: Any, position: str, event: Event) -> None:
        facts = {"call_id": event.call_id, "channel_id": event.channel_id, "at": event.at, "kind": event.kind}
        session.add(JournalEvent(source=event.source, position=position, data=event.data, **facts))

    def rung(self) -> None:
        """The customer's phone rang in vain."""
        self.happens(("ANSWER", ""), (DIALLED, WANG), (RESULT, "NOANSWER"), (ENDED, ""))

    def refusal(self, **more: Any) -> str:
        with pytest.raises(acts.CaseRefused) as refused:
            self.call(**more)
        return refused.value.problem


@pytest.fixture
def office(store: Store, tmp_path: Path) -> Office:
    return Office(store, tmp_path)


def outbound(**settings: Any) -> Hotline:
    known = hotline()
    return known.model_copy(update={"outbound": known.outbound.model_copy(update=settings)})


def test_s25_customer_is_called_back_with_what_the_agent_has_to_know(office: Office, store: Store) -> None:
    customer = key_customer(store)
    with store.write() as session:
        session.get_one(Case, office.case).customer_id = customer
    office.call()
    ((agent, number, call),) = office.telephone.placed
    assert (agent, number, call.case, call.kind) == ("1001", WANG, CASE, "message")
    assert (call.customer, call.surname, call.language, call.queue) == (
        "王先生",
        "surname_wang2_male",
        "zh-CN",
        "service",
    )
    with store.read() as session:
        (told,) = calls_of_case(session, CASE, NOW)
        assert calls_of_case(session, "message:other", NOW) == []
    assert told == ReturnCall(call.call_id, CASE, "1001", "boss", WANG, office.now)


def test_only_who_works_on_the_case_calls_the_customer(office: Office) -> None:
    assert office.refusal(by="1002") == "not_yours"
    acts.close(office.store, office.journal, office.case, "boss", "done", NOW)
    assert office.refusal() == "closed"
    assert office.telephone.placed == []


def test_nobody_is_rung_at_night_after_the_emergency_stop_or_without_a_trunk(office: Office) -> None:
    assert office.refusal(business=outbound(window="12:00-13:00")) == "outside_hours"
    without = outbound(trunk=None)
    assert (
        office.refusal(
            business=without.model_copy(update={"callbacks": without.callbacks.model_copy(update={"trunk": None})})
        )
        == "no_trunk"
    )
    office.is_stopped = True
    assert office.refusal() == "stopped"
    assert office.telephone.placed == []


@pytest.mark.parametrize("number", ["110", "4008001001", "0014155550100", "", "unknown"])
def test_number_that_may_not_be_dialled_is_not(office: Office, number: str) -> None:
    with office.store.write() as session:
        session.get_one(Case, office.case).number = number
    assert office.refusal() == "no_number"


def test_caps_of_a_number_hold_for_people_too(office: Office, store: Store) -> None:
    for _ in range(3):
        office.call()
        office.rung()
        office.now += MINUTE
    assert office.refusal() == "per_5min"
    office.now += 5 * MINUTE
    for _ in range(2):
        office.call()
        office.rung()
        office.now += 10 * MINUTE
    assert office.refusal() == "per_day"
    with store.read() as session:
        assert len(dials_to(session, [WANG], office.now)[WANG]) == 5
    office.now += 24 * HOURS
    office.call()
    assert len(office.telephone.placed) == 6


def test_what_did_not_ring_the_customer_does_not_count(office: Office, store: Store) -> None:
    for results in ([(ENDED, "")], [("ANSWER", ""), (RESULT, AGENT_GONE), (ENDED, "")]):
        for _ in range(3):
            office.call()
            office.happens(*results)
            office.now += 10 * SECOND
    with store.read() as session:
        assert dials_to(session, [WANG], office.now)[WANG] == []
        assert being_rung(session, [WANG], office.now) == set()
    office.call()


def test_nobody_is_rung_twice_at_a_time(office: Office, store: Store) -> None:
    office.call()
    office.now += 10 * SECOND
    with store.read() as session:
        assert being_rung(session, [WANG, "13900000001"], office.now) == {WANG}
    assert office.refusal() == "in_use"
    office.rung()
    put(store, Call(id="here", direction="inbound", caller=f"+86{WANG}", started_at=office.now, menu_path=[]))
    assert office.refusal() == "in_use"


def test_number_that_a_dialler_claimed_at_the_same_moment_is_not_rung_by_both(office: Office, store: Store) -> None:
    """The claim is committed after our look, and before the tables know of our call."""

    def claimed() -> None:
        moments = dict.fromkeys(("joined_at", "requested_at", "next_at"), NOW)
        known: dict[str, Any] = {"queue": "service", "language": "zh-CN", "reason": "requested", "state": "dialling"}
        put(store, Callback(id="c", number=WANG, **known, **moments))
        put(store, CallbackAttempt(callback_id="c", attempt=1, claimed_at=office.now, call_id="c-cb1"))

    office.before_ingestion = claimed
    assert office.refusal() == "in_use"
    assert office.telephone.placed == []
    with store.read() as session:
        (call,) = calls_of_case(session, CASE, NOW)
    assert call.stage(office.now) == "not_placed"


def test_do_not_call_list_does_not_forbid_an_answer_to_the_customers_own_complaint(
    office: Office, store: Store
) -> None:
    put(store, DoNotCall(number=WANG, since=NOW, reason="key", by=""))
    with store.read() as session:
        assert is_on_do_not_call(session, f"+86 {WANG}") and not is_on_do_not_call(session, "13900000001")
    office.call()
    assert len(office.telephone.placed) == 1


def test_tables_that_lag_behind_are_waited_for_and_then_nobody_is_rung_on_old_news(office: Office) -> None:
    office.lag = 3
    office.call()
    office.now += 10 * MINUTE
    office.lag = 100
    assert office.refusal() == "behind"
    assert len(office.telephone.placed) == 1


@pytest.mark.parametrize(
    ("trouble", "stage"),
    [
        (CommandRefused("logged_out", "x"), "not_placed"),
        (AsteriskUnreachable("x"), "not_placed"),
        (CommandUncertain("x"), "agent_rings"),  # it may ring: nobody rings them meanwhile
    ],
)
def test_telephone_system_that_would_not_is_written_down(
    office: Office, store: Store, trouble: Exception, stage: str
) -> None:
    office.telephone.refuses = trouble
    with pytest.raises(type(trouble)):
        office.call()
    with store.read() as session:
        (call,) = calls_of_case(session, CASE, NOW)
    assert call.stage(office.now) == stage


def test_case_is_answered_when_the_customer_was_reached(office: Office, store: Store) -> None:
    office.call()
    call_id = office.telephone.placed[-1][2].call_id
    known: dict[str, Any] = {"direction": "outbound", "called": WANG, "started_at": office.now, "callback_of": "left"}
    put(store, Call(id=call_id, answered_at=office.now, ended_at=office.now, outcome="answered", menu_path=[], **known))
    with store.read() as session:
        assert get_case(session, office.case).heard_at == office.now
        assert [call.number for call in calls_to(session, [WANG], NOW)] == [WANG]
