"""Cases: what becomes one, by when, who may take and close it, and that it survives its tables."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select

from ivr.calls.flow_log import read_flow
from ivr.calls.journal import Journal
from ivr.cases import acts
from ivr.cases.board import CLOSED, MINE, OVERDUE, Chosen, list_cases
from ivr.cases.desk import CaseDesk
from ivr.cases.opening import open_cases
from ivr.cases.record import Reader, get_case
from ivr.cases.rules import due_at, refused
from ivr.customers.file import Entry, check, keep
from ivr.hotline import Hotline, load_hotline
from ivr.hotline.model import Standards
from ivr.settings import ROOT, Settings
from ivr.store.followup import Callback, Case, Message, News, Rating, WrapUpNote
from ivr.store.models import Call, JournalEvent, Transcript
from ivr.store.session import Store
from tests.stores import dump, engine_url, store  # noqa: F401

NOW = dt.datetime(2026, 11, 22, 2, 30, tzinfo=dt.UTC)
WANG = "13800138000"
HOURS = dt.timedelta(hours=1)


def hotline(**notify: Any) -> Hotline:
    known = load_hotline(ROOT / "hotline.yaml")
    return known.model_copy(update={"notify": known.notify.model_validate(notify)})


def call(call_id: str, **facts: Any) -> Call:
    known: dict[str, Any] = {"direction": "inbound", "caller": "+8613800138000", "called": "4008001001"}
    known |= {"started_at": NOW, "ended_at": NOW, "outcome": "answered", "agent": "1001", "queue": "service"}
    return Call(id=call_id, **(known | facts))


def message(call_id: str, at: dt.datetime = NOW, **facts: Any) -> Message:
    known: dict[str, Any] = {"queue": "service", "number": WANG, "seconds": 8.0, "left_at": at}
    return Message(call_id=call_id, recording=f"{call_id}-message.wav", **(known | facts))


def callback(call_id: str, state: str) -> Callback:
    moments = dict.fromkeys(("joined_at", "requested_at", "next_at"), NOW - HOURS)
    known: dict[str, Any] = {"number": WANG, "queue": "booking", "language": "zh-CN", "reason": "requested"}
    return Callback(id=call_id, state=state, attempts=3, matter="保养", ended_at=NOW, **known, **moments)


def put(store: Store, *rows: object) -> None:  # noqa: F811
    with store.write() as session:
        session.add_all(rows)


def key_customer(store: Store) -> int:  # noqa: F811
    entry = check(Entry(name="王建国", title="先生", numbers=(WANG,), key=True), agents=(), year=2026)
    with store.write() as session:
        return keep(store, session, entry, NOW)


def cases(store: Store) -> dict[str, Any]:  # noqa: F811
    with store.read() as session:
        return {case.origin: case for case in session.scalars(select(Case))}


# ---- what becomes a case ---------------------------------------------------------------------------------


def test_s25_message_low_rating_complaint_and_missed_callback_become_cases(store: Store) -> None:  # noqa: F811
    put(store, call("rated"), call("praised"), call("complained"))
    put(store, message("left"), callback("missed", "gave_up"), callback("reached", "answered"))
    put(store, Rating(call_id="rated", score=2, agent="1001", given_at=NOW))
    put(store, Rating(call_id="praised", score=3, agent="1001", given_at=NOW))
    for agent in ("1001", "1002"):
        note = {"disposition": "complaint", "text": "等了三天", "written_at": NOW}
        put(store, WrapUpNote(call_id="complained", agent=agent, **note))
    assert len(open_cases(store, hotline(), NOW)) == 4
    found = cases(store)
    assert {origin: case.kind for origin, case in found.items()} == {
        "left": "message",
        "rated": "low_rating",
        "missed": "missed_callback",
        "complained": "complaint",
    }
    assert {case.number for case in found.values()} == {WANG}
    assert found["rated"].matter == "2" and found["complained"].matter == "等了三天"
    assert found["missed"].queue == "booking"
    assert {case.due_at for case in found.values()} == {NOW + 24 * HOURS}


def test_nothing_is_opened_twice_however_often_one_looks(store: Store) -> None:  # noqa: F811
    put(store, message("left"), call("rated"), Rating(call_id="rated", score=1, agent=None, given_at=NOW))
    assert len(open_cases(store, hotline(), NOW)) == 2
    before = dump(store, "service_case")
    assert open_cases(store, hotline(), NOW + HOURS) == []
    assert dump(store, "service_case") == before


def test_rating_whose_call_is_not_known_yet_waits_for_it(store: Store) -> None:  # noqa: F811
    put(store, Rating(call_id="later", score=1, agent=None, given_at=NOW))
    assert open_cases(store, hotline(), NOW) == []
    put(store, call("later"))
    assert len(open_cases(store, hotline(), NOW)) == 1


def test_s22_key_customers_matter_is_due_sooner(store: Store) -> None:  # noqa: F811
    customer = key_customer(store)
    put(store, message("left", number="+86 138 0013 8000"))
    open_cases(store, hotline(), NOW + HOURS)
    case = cases(store)["left"]
    assert (case.key, case.customer_id, case.number) == (True, customer, WANG)
    assert case.due_at == NOW + 4 * HOURS


@given(st.integers(1, 240), st.integers(1, 240), st.booleans())
def test_due_time_is_reckoned_from_the_beginning(hours: int, key_hours: int, key: bool) -> None:
    due = due_at(NOW, key, Standards(case_hours=hours, key_case_hours=key_hours))
    assert due - NOW == (key_hours if key else hours) * HOURS


# ---- telling ---------------------------------------------------------------------------------------------

MAIL = {"host": "127.0.0.1", "sender": "a@example.com", "to": ["b@example.com"]}


def test_s21_case_is_told_once_on_every_channel_without_the_callers_data(store: Store) -> None:  # noqa: F811
    told = hotline(email=MAIL, webhook="http://127.0.0.1:9/x")
    key_customer(store)
    put(store, message("left"))
    (case_id,) = open_cases(store, told, NOW)
    open_cases(store, told, NOW)
    with store.read() as session:
        rows = session.scalars(select(News).order_by(News.channel)).all()
    assert [(row.channel, row.origin, row.state) for row in rows] == [
        ("email", f"case:{case_id}", "waiting"),
        ("webhook", f"case:{case_id}", "waiting"),
    ]
    assert rows[0].body["number"] == "138****8000"
    assert WANG not in str(rows[0].body) and "王" not in str(rows[0].body)


# ---- taking and closing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "state", "owner", "outcome", "in_charge", "problem"),
    [
        ("take", "open", None, "", False, None),
        ("take", "taken", "b", "", False, "taken"),
        ("take", "taken", "a", "", False, "taken"),
        ("take", "taken", "b", "", True, None),
        ("take", "taken", "a", "", True, "taken"),
        ("take", "closed", "a", "", True, "closed"),
        ("close", "taken", "a", "done", False, None),
        ("close", "taken", "a", "  ", False, "no_outcome"),
        ("close", "taken", "b", "done", False, "not_yours"),
        ("close", "taken", "b", "done", True, None),
        ("close", "open", None, "done", False, "not_taken"),
        ("close", "open", None, "done", True, None),
        ("close", "closed", "a", "done", True, "closed"),
        ("give", "open", None, "", True, None),
        ("give", "taken", "b", "", True, None),
        ("give", "taken", "a", "", False, "not_in_charge"),
        ("give", "closed", "a", "", True, "closed"),
        ("move", "taken", "a", "", False, None),
        ("move", "taken", "b", "", False, "not_yours"),
        ("move", "open", None, "", False, "not_taken"),
        ("move", "open", None, "", True, None),
        ("move", "closed", "a", "", True, "closed"),
        ("call", "taken", "a", "", False, None),
        ("call", "taken", "b", "", True, "not_yours"),
        ("call", "open", None, "", True, "not_taken"),
        ("call", "closed", "a", "", True, "closed"),
    ],
)
def test_who_may_take_move_call_and_close(
    act: Any, state: Any, owner: str | None, outcome: str, in_charge: bool, problem: str | None
) -> None:
    assert refused(act, state, owner, "a", outcome, in_charge=in_charge) == problem


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "flow.jsonl", lambda: NOW)


def opened(store: Store) -> int:  # noqa: F811
    put(store, message("left"))
    (case_id,) = open_cases(store, hotline(), NOW)
    return case_id


def test_case_is_taken_and_closed_with_an_outcome_and_the_journal_has_it_first(
    store: Store,  # noqa: F811
    journal: Journal,
) -> None:
    case_id = opened(store)
    acts.take(store, journal, case_id, "1001", NOW)
    acts.close(store, journal, case_id, "1001", " 已回电，约好周三取车 ", NOW + HOURS)
    case = cases(store)["left"]
    assert (case.state, case.owner, case.outcome, case.closed_at) == (
        *("closed", "1001", "已回电，约好周三取车"),
        NOW + HOURS,
    )
    events, _ = read_flow(journal.path.read_bytes())
    assert [(event.call_id, event.kind, event.data) for _, event in events] == [
        ("left", "case.taken", {"case": "message:left", "by": "1001"}),
        ("left", "case.closed", {"case": "message:left", "by": "1001", "outcome": "已回电，约好周三取车"}),
    ]


def test_refused_act_leaves_no_trace_in_the_journal(store: Store, journal: Journal) -> None:  # noqa: F811
    case_id = opened(store)
    with pytest.raises(acts.CaseRefused) as told:
        acts.close(store, journal, case_id, "1001", "done", NOW)
    assert told.value.problem == "not_taken"
    with pytest.raises(acts.CaseNotFound):
        acts.take(store, journal, case_id + 1, "1001", NOW)
    assert not journal.path.exists()


def stored(store: Store, journal: Journal) -> None:  # noqa: F811
    """What ingestion does with the journal: keep every event, let the projections follow."""
    found, _ = read_flow(journal.path.read_bytes())
    with store.write() as session:
        for start, event in found:
            facts: Mapping[str, Any] = {"call_id": event.call_id, "at": event.at, "kind": event.kind}
            session.add(JournalEvent(source="flow", position=f"f:{start:09}", data=event.data, **facts))
        acts.apply(session, [event for _, event in found])


def test_journal_read_by_ingestion_changes_nothing_that_the_page_did(store: Store, journal: Journal) -> None:  # noqa: F811
    case_id = opened(store)
    acts.take(store, journal, case_id, "1001", NOW)
    acts.take(store, journal, case_id, "boss", NOW, in_charge=True)
    acts.close(store, journal, case_id, "boss", "done", NOW)
    before = dump(store, "service_case")
    stored(store, journal)
    assert dump(store, "service_case") == before


def test_cases_made_anew_from_the_record_are_what_people_had_made_of_them(store: Store, journal: Journal) -> None:  # noqa: F811
    case_id = opened(store)
    acts.take(store, journal, case_id, "1001", NOW)
    acts.close(store, journal, case_id, "1001", "done", NOW)
    stored(store, journal)
    with store.write() as session:
        session.execute(delete(Case))
    open_cases(store, hotline(email=MAIL), NOW + HOURS)
    case = cases(store)["left"]
    assert (case.state, case.owner, case.outcome, case.closed_at) == ("closed", "1001", "done", NOW)
    assert not any(dump(store, "news").values())  # closed long ago: no news


def test_strange_events_of_the_journal_change_nothing(store: Store, journal: Journal) -> None:  # noqa: F811
    opened(store)
    journal.write("left", "case.taken", case="message:other", by="x")
    journal.write("left", "case.taken", case=7, by=None)
    journal.write("left", "case.closed")
    before = dump(store, "service_case")
    stored(store, journal)
    assert dump(store, "service_case") == before


# ---- reading ---------------------------------------------------------------------------------------------


def test_s24_agents_see_what_was_left_for_their_queues_and_what_they_work_on(store: Store, journal: Journal) -> None:  # noqa: F811
    put(store, message("mine"), message("other", queue="booking"))
    put(store, call("rated"), Rating(call_id="rated", score=1, agent="1001", given_at=NOW))
    open_cases(store, hotline(), NOW)
    agent, boss = Reader("1001", frozenset({"service"})), Reader("boss")
    with store.read() as session:
        assert {case.call_id for case in list_cases(session, agent, NOW).items} == {"mine"}
        assert list_cases(session, boss, NOW).total == 3
        rated = next(case for case in list_cases(session, boss, NOW).items if case.kind == "low_rating")
        assert not agent.may_see(rated)
    acts.take(store, journal, rated.id, "1001", NOW)
    with store.read() as session:
        assert {case.call_id for case in list_cases(session, agent, NOW).items} == {"mine", "rated"}
        assert [case.call_id for case in list_cases(session, agent, NOW, Chosen(MINE)).items] == ["rated"]
        assert agent.may_see(get_case(session, rated.id))


def test_most_urgent_case_comes_first_and_late_ones_are_told_apart(store: Store) -> None:  # noqa: F811
    put(store, message("new"), message("old", NOW - 30 * HOURS), message("older", NOW - 40 * HOURS))
    open_cases(store, hotline(), NOW)
    with store.read() as session:
        reader = Reader("boss")
        assert [case.call_id for case in list_cases(session, reader, NOW).items] == ["older", "old", "new"]
        assert [case.call_id for case in list_cases(session, reader, NOW, Chosen(OVERDUE)).items] == ["older", "old"]
        assert list_cases(session, reader, NOW, Chosen(CLOSED)).total == 0
        assert list_cases(session, reader, NOW, Chosen(kinds=["complaint"])).total == 0
        assert list_cases(session, reader, NOW, per_page=1, page=2).items[0].call_id == "old"


def test_s12_case_shows_the_message_with_its_words(store: Store) -> None:  # noqa: F811
    customer = key_customer(store)
    case_id = opened(store)
    words = [{"word": word, "start": 0.0, "end": 1.0, "confidence": 1.0} for word in ("我", "姓", "王")]
    put(store, Transcript(leg_id="left-message", state="done", words=words))
    with store.read() as session:
        case = get_case(session, case_id)
        with pytest.raises(acts.CaseNotFound):
            get_case(session, case_id + 1)
    assert case.message is not None and case.message.recording == "left-message.wav"
    assert case.said is not None and case.said.text == "我姓王"
    assert case.customer is not None and (case.customer.id, case.customer.addressed) == (customer, "王先生")
    assert case.to_json()["due_at"] == (NOW + 4 * HOURS).isoformat()


def test_scheduler_opens_cases_and_says_once_what_keeps_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(
        state_dir=tmp_path / "state", hotline_file=ROOT / "hotline.yaml", database_url=f"sqlite:///{tmp_path}/no/ivr.db"
    )
    desk = CaseDesk(settings, now=lambda: NOW)
    desk.look()
    desk.look()
    assert [record.message.split(":")[0] for record in caplog.records] == ["Opening cases waits"]
