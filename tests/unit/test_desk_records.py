"""What the records tell an agent about who calls, and about the own day."""

import datetime as dt
from typing import Any

from ivr.desk.board import board_of
from ivr.desk.records import figures, file_of, find_call, last_call
from ivr.desk.view import desk_of, may_note
from ivr.store.customers import Customer, CustomerNumber, Visit
from ivr.store.followup import Case, Rating, WrapUpNote
from ivr.store.models import Call, Leg, Transcript
from ivr.store.session import Store
from tests.stores import engine_url, store

__all__ = ["engine_url", "store"]
NOW = dt.datetime(2026, 3, 2, 4, 0, tzinfo=dt.UTC)
MIDNIGHT = NOW - dt.timedelta(hours=12)
NUMBER = "13800138000"


def call(call_id: str, minutes_ago: float, **facts: Any) -> Call:
    at = NOW - dt.timedelta(minutes=minutes_ago)
    known: dict[str, Any] = {"direction": "inbound", "caller": NUMBER, "started_at": at, "answered_at": at}
    known |= {"agent": "1001", "outcome": "answered", "talk_seconds": 60.0, "hold_seconds": 10.0, "transfers": []}
    return Call(id=call_id, **(known | facts))


def add(store: Store, *rows: Any) -> None:
    with store.write() as session:
        for row in rows:
            session.add(row)
            session.flush()


def customer(**facts: Any) -> Customer:
    return Customer(**({"id": 7, "name": "王芳", "surname": "王", "title": "女士", "updated_at": NOW} | facts))


def test_s23_customer_is_found_in_every_way_a_carrier_writes_the_number(store: Store) -> None:
    add(store, customer(), CustomerNumber(number=NUMBER, customer_id=7), call("old", 60, caller=f"+86{NUMBER}"))
    with store.read() as session:
        for number in (NUMBER, f"86{NUMBER}", f"+86{NUMBER}", f"0086{NUMBER}"):
            found = file_of(session, None, number)
            assert found.customer is not None and found.customer.id == 7, number
            assert [each.id for each in found.calls] == ["old"], number


def test_s23_file_holds_visits_cases_notes_and_the_last_words_but_not_the_present_call(store: Store) -> None:
    add(
        store,
        customer(),
        CustomerNumber(number=NUMBER, customer_id=7),
        Visit(external_id="v", customer_id=7, kind="保养", at=dt.datetime(2026, 2, 1, tzinfo=dt.UTC)),
        Case(kind="message", origin="x", customer_id=7, opened_at=NOW, due_at=NOW),
        call("present", 1, agent=None, outcome=None, answered_at=None, customer_id=7),
        call("before", 90, customer_id=7),
        Leg(id="before-caller", call_id="before", role="caller", recording="a.wav"),
        Transcript(leg_id="before-caller", words=[{"word": "谢谢", "start": 0, "end": 1}]),
        WrapUpNote(call_id="before", agent="1001", disposition="solved", text="好", written_at=NOW),
    )
    with store.read() as session:
        found = file_of(session, find_call(session, "present"), None)
    assert [each.id for each in found.calls] == ["before"]
    assert found.notes["before"].text == "好"
    assert found.last_words == [("caller", "谢谢")]
    assert len(found.visits) == 1 and len(found.cases) == 1


def test_whom_an_agent_calls_back_is_found_by_the_number_that_was_dialled(store: Store) -> None:
    add(store, customer(), CustomerNumber(number=NUMBER, customer_id=7))
    add(store, call("back", 1, direction="outbound", caller="1001", called=NUMBER))
    with store.read() as session:
        found = file_of(session, find_call(session, "back"), None)
    assert found.customer is not None and found.customer.id == 7


def test_number_in_no_file_still_shows_its_calls_and_a_withheld_one_nothing(store: Store) -> None:
    add(store, call("old", 60))
    with store.read() as session:
        assert [each.id for each in file_of(session, None, NUMBER).calls] == ["old"]
        nobody = file_of(session, None, None)
        assert nobody.customer is None and nobody.calls == [] and nobody.cases == []


def test_open_cases_come_before_closed_ones(store: Store) -> None:
    later = NOW + dt.timedelta(hours=5)
    add(
        store,
        Case(kind="message", origin="a", number=NUMBER, opened_at=NOW, due_at=NOW, state="closed"),
        Case(kind="message", origin="b", number=NUMBER, opened_at=NOW, due_at=later, state="open"),
        Case(kind="message", origin="c", number=NUMBER, opened_at=NOW, due_at=NOW, state="taken"),
    )
    with store.read() as session:
        assert [each.origin for each in file_of(session, None, NUMBER).cases] == ["c", "b", "a"]


def test_own_day_counts_own_calls_since_midnight(store: Store) -> None:
    add(
        store,
        call("a", 10, transfers=[{"by": "1001", "to": "1002"}]),
        call("b", 20, talk_seconds=120.0),
        call("yesterday", 60 * 20),
        call("others", 5, agent="1002"),
        Rating(call_id="a", score=5, agent="1001", given_at=NOW),
        Rating(call_id="b", score=4, agent="1001", given_at=NOW),
        WrapUpNote(call_id="a", agent="1001", disposition="solved", written_at=NOW),
    )
    with store.read() as session:
        day = figures(session, "1001", MIDNIGHT)
        nothing = figures(session, "1009", MIDNIGHT)
    assert (day.calls, day.talk_mean, day.hold_mean) == (2, 90.0, 10.0)
    assert (day.rating, day.ratings, day.transfers, day.noted) == (4.5, 2, 1, 1)
    assert (nothing.calls, nothing.talk_mean, nothing.rating) == (0, None, None)


def test_s14_notes_are_about_the_last_call_even_when_it_was_passed_on(store: Store) -> None:
    add(store, call("mine", 30), call("passed_on", 10, agent="1002", transfers=[{"by": "1001", "to": "1002"}]))
    with store.read() as session:
        found = last_call(session, "1001", MIDNIGHT)
        assert found is not None and found.id == "passed_on"
        assert last_call(session, "1003", MIDNIGHT) is None


def test_desk_of_an_agent_whose_phone_rings_shows_who_calls_before_the_journal_knows(store: Store) -> None:
    add(store, customer(key=True), CustomerNumber(number=NUMBER, customer_id=7))
    facts = {"state": "ringing", "call": "new", "caller": NUMBER, "queue": "service"}
    with store.read() as session:
        desk = desk_of(session, board_of(1, NOW, {"agents": {"1001": facts}}), "1001", MIDNIGHT)
    assert desk.on_a_call and desk.call is None and desk.shown_call == "new"
    assert desk.file is not None and desk.file.customer is not None and desk.file.customer.key


def test_s24_file_is_gone_once_the_agent_is_free(store: Store) -> None:
    add(store, call("mine", 5))
    for state, there in (("free", False), ("wrap_up", True)):
        with store.read() as session:
            desk = desk_of(session, board_of(1, NOW, {"agents": {"1001": {"state": state}}}), "1001", MIDNIGHT)
        assert (desk.file is not None) is there
        assert desk.noted_call is not None and desk.noted_call.id == "mine"


def test_note_may_be_written_about_own_calls_only(store: Store) -> None:
    add(store, call("mine", 5), call("others", 5, agent="1002"))
    talking = board_of(1, NOW, {"agents": {"1001": {"state": "talking", "call": "at-hand"}}})
    with store.read() as session:
        written = {each: may_note(session, talking, "1001", each) for each in ("mine", "others", "at-hand", "none")}
    assert written == {"mine": True, "others": False, "at-hand": True, "none": False}
