"""The journal of survey calls becomes contacts, attempts, answers and the do-not-call list, on both databases."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select

from ivr.calls import journal_files
from ivr.calls.events import Event
from ivr.calls.ingest import Ingestor
from ivr.settings import StatePaths
from ivr.store.customers import Customer, Visit
from ivr.store.models import JournalEvent, JournalPosition
from ivr.store.session import Store
from ivr.store.surveys import Answer, Contact, ContactAttempt, DoNotCall
from ivr.surveys.ids import attempt_call_id, contact_id
from ivr.surveys.projection import apply, attempts_of, write_contact
from tests import survey_journal
from tests.stores import dump, engine_url, store

__all__ = ["engine_url", "store"]

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
CONTACT = contact_id("after_service", "V1")
NUMBER = "13800138000"
TABLES = ("contact", "contact_attempt", "answer", "do_not_call")
BUSY = "1 SURVEY_DIALLED\n2 SURVEY_RESULT BUSY 17\n2 LINKEDID_END\n"
BREAKS_OFF = """
    900 SURVEY_DIALLED 2
    905 SURVEY_ANSWERED 2
    920 survey.confirmed 2
    930 survey.asking 2 question=overall
    938 survey.answer 2 question=overall value=2
    939 survey.asking 2 question=solved
    945 LINKEDID_END 2
"""
GOES_ON = """
    1100 SURVEY_DIALLED 3
    1105 SURVEY_ANSWERED 3
    1120 survey.confirmed 3
    1130 survey.asking 3 question=solved
    1138 survey.answer 3 question=solved value=1
    1150 survey.answer 3 question=reason recording=2026/03/02/c.wav seconds=6.5
    1160 survey.ended 3 result=completed
    1170 LINKEDID_END 3
"""

Tell = Callable[[str], None]


@pytest.fixture
def ingestor(paths: StatePaths, store: Store) -> Ingestor:
    return Ingestor(paths, store, lambda: after(100_000), followers=[apply])


@pytest.fixture
def tell(paths: StatePaths, ingestor: Ingestor) -> Tell:
    """Write a table into the journal and read it."""

    def write(table: str) -> None:
        survey_journal.write(paths.journal, events(table))
        ingestor.once()

    return write


@pytest.fixture(autouse=True)
def customer(store: Store) -> None:
    with store.write() as session:
        session.add(Customer(id=1, name="王小明", surname="王", title="先生", updated_at=START))
        session.flush()
        session.add(Visit(id=1, external_id="V1", customer_id=1, kind="保养", at=START))
    plan(store)


def plan(store: Store) -> None:
    planned = {"survey": "after_service", "visit_id": 1, "number": NUMBER, "language": "zh-CN"}
    with store.write() as session:
        session.add(Contact(id=CONTACT, **planned, due_at=START, next_at=START, expires_at=after(600_000)))
        session.flush()
        write_contact(session, CONTACT)


def claim(store: Store, attempt: int, at: datetime = START) -> None:
    """What the dialler does before it has anybody rung."""
    with store.write() as session:
        row = session.get_one(Contact, CONTACT)
        row.state, row.attempts = "dialling", attempt
        own = {"number": NUMBER, "call_id": attempt_call_id(CONTACT, attempt), "claimed_at": at}
        session.add(ContactAttempt(contact_id=CONTACT, attempt=attempt, **own))


def events(table: str) -> list[Event]:
    return survey_journal.events(table, START, CONTACT)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def contact(store: Store) -> Contact:
    with store.read() as session:
        return session.get_one(Contact, CONTACT)


def results(store: Store) -> list[str | None]:
    with store.read() as session:
        return [row.result for row in session.scalars(select(ContactAttempt).order_by(ContactAttempt.attempt))]


def answers(store: Store) -> dict[str, str]:
    with store.read() as session:
        return {row.question: row.value for row in session.scalars(select(Answer))}


def test_a_busy_customer_waits_for_the_next_attempt(store: Store, tell: Tell) -> None:
    claim(store, 1)
    tell("1 SURVEY_DIALLED")
    assert contact(store).state == "dialling"
    tell("2 SURVEY_RESULT BUSY 17\n2 LINKEDID_END")
    row = contact(store)
    assert (row.state, row.attempts, row.last_result, row.next_at) == ("planned", 1, "busy", after(2))
    with store.read() as session:
        attempt = session.get_one(ContactAttempt, (CONTACT, 1))
    assert (attempt.claimed_at, attempt.dialled_at, attempt.ended_at) == (START, after(1), after(2))


def test_when_to_look_again_is_the_diallers_once_an_attempt_is_over(store: Store, tell: Tell) -> None:
    claim(store, 1)
    tell(BUSY)
    with store.write() as session:
        session.get_one(Contact, CONTACT).next_at = after(900)
    tell("3 LINKEDID_END")
    assert contact(store).next_at == after(900)


@pytest.mark.standards("S10")
def test_a_call_that_breaks_off_keeps_its_answers_and_where_it_was_and_goes_on(store: Store, tell: Tell) -> None:
    claim(store, 1)
    tell(BUSY)
    claim(store, 2)
    tell(BREAKS_OFF)
    row = contact(store)
    assert (row.state, row.last_result, row.asking, row.reached_at) == ("planned", "broken_off", "solved", after(920))
    assert answers(store) == {"overall": "2"}
    claim(store, 3)
    tell(GOES_ON)
    row = contact(store)
    assert (row.state, row.last_result, row.asking, row.ended_at) == ("completed", "completed", None, after(1160))
    assert row.reached_at == after(920)
    assert answers(store) == {"overall": "2", "solved": "1", "reason": ""}
    assert results(store) == ["busy", "broken_off", "completed"]


def test_an_answer_is_there_the_moment_it_is_given_and_gone_when_it_is_taken_back(store: Store, tell: Tell) -> None:
    claim(store, 1)
    tell("1 SURVEY_DIALLED\n9 SURVEY_ANSWERED\n30 survey.answer question=overall value=2")
    assert answers(store) == {"overall": "2"}
    tell("35 survey.taken_back question=overall")
    assert answers(store) == {}
    tell("39 survey.answer question=overall value=4")
    assert answers(store) == {"overall": "4"}


@pytest.mark.parametrize("said", ["declined", "do_not_call", "wrong_person", "person", "completed"])
def test_whoever_said_so_is_not_rung_again_though_the_call_goes_on(store: Store, tell: Tell, said: str) -> None:
    claim(store, 1)
    tell(f"1 SURVEY_DIALLED\n9 SURVEY_ANSWERED\n30 survey.ended result={said}")
    row = contact(store)
    assert (row.state, row.ended_at, row.last_result) == (said, after(30), None)
    tell("300 LINKEDID_END")
    assert results(store) == [said]
    assert contact(store).ended_at == after(30)


def test_another_time_is_kept(store: Store, tell: Tell) -> None:
    claim(store, 1)
    tell("1 SURVEY_DIALLED\n9 SURVEY_ANSWERED\n30 survey.ended result=later agreed=7200\n31 LINKEDID_END")
    row = contact(store)
    assert (row.state, row.last_result, row.agreed_at) == ("planned", "later", after(7200))


@pytest.mark.standards("S10")
def test_a_crash_of_asterisk_breaks_the_call_off(store: Store, tell: Tell, paths: StatePaths) -> None:
    claim(store, 1)
    tell("1 SURVEY_DIALLED\n9 SURVEY_ANSWERED\n30 survey.answer question=overall value=2")
    survey_journal.restart(paths.journal, after(60))
    tell("61 contact.unheard_of")
    row = contact(store)
    assert (row.state, row.last_result, row.next_at) == ("planned", "broken_off", after(60))


def test_what_the_dialler_closed_by_itself_stays_so_until_the_journal_knows_better(store: Store, tell: Tell) -> None:
    claim(store, 1)
    with store.write() as session:
        row = session.get_one(ContactAttempt, (CONTACT, 1))
        row.result, row.ended_at = "lost", after(60)
        session.get_one(Contact, CONTACT).state = "planned"
    tell("70 contact.unheard_of")
    with store.read() as session:
        [attempt] = attempts_of(session, CONTACT)
    assert (attempt.result, attempt.ended_at, attempt.dialled_at) == ("lost", after(60), None)
    tell(BUSY)
    assert results(store) == ["busy"]


def test_a_contact_ends_without_a_call(store: Store, tell: Tell) -> None:
    tell("5 contact.cancelled by=chen")
    row = contact(store)
    assert (row.state, row.ended_at, row.attempts) == ("cancelled", after(5), 0)


@pytest.mark.standards("S26")
def test_whoever_pressed_9_is_on_the_do_not_call_list_until_taken_off_it(store: Store, tell: Tell) -> None:
    tell(f"20 number.do_not_call 1 number={NUMBER} reason=key")
    tell(f"40 number.do_not_call 2 number={NUMBER} reason=page by=chen")
    with store.read() as session:
        row = session.get_one(DoNotCall, NUMBER)
    assert (row.since, row.reason, row.by, row.call_id) == (after(20), "key", "", attempt_call_id(CONTACT, 1))
    tell(f"60 number.may_call number={NUMBER} by=chen")
    with store.read() as session:
        assert session.get(DoNotCall, NUMBER) is None
    tell(f"80 number.do_not_call number={NUMBER} reason=api")
    with store.read() as session:
        assert session.get_one(DoNotCall, NUMBER).reason == "api"


def test_nothing_is_written_of_a_contact_that_is_gone_with_its_visit_but_its_wish_stands(
    store: Store, tell: Tell, ingestor: Ingestor
) -> None:
    claim(store, 1)
    tell(BUSY + BREAKS_OFF + f"946 number.do_not_call 2 number={NUMBER} reason=key")
    with store.write() as session:
        session.delete(session.get_one(Visit, 1))
    tell(GOES_ON)
    ingestor.rebuild()
    left = dump(store, *TABLES)
    assert [len(left[name]) for name in TABLES] == [0, 0, 0, 1]


def test_a_contact_that_is_planned_anew_knows_what_the_journal_knows(store: Store, tell: Tell) -> None:
    claim(store, 1)
    tell(BUSY + BREAKS_OFF + GOES_ON)
    with store.write() as session:
        session.delete(session.get_one(Contact, CONTACT))
    plan(store)
    row = contact(store)
    assert (row.state, row.attempts, row.last_result) == ("completed", 3, "completed")
    assert results(store) == ["busy", "broken_off", "completed"]


def test_a_restart_that_is_read_again_before_the_calls_end_delays_nobody(
    store: Store, tell: Tell, ingestor: Ingestor, paths: StatePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(store, 1)
    tell("1 SURVEY_DIALLED\n9 SURVEY_ANSWERED\n30 survey.ended result=no_human\n31 LINKEDID_END")
    survey_journal.restart(paths.journal, after(7200))
    ingestor.once()
    before = contact(store).next_at
    assert before == after(31)
    monkeypatch.setattr(journal_files, "CHUNK", 200)  # a long journal, read piece by piece
    ingestor.rebuild()
    assert contact(store).next_at == before


def test_rebuilding_gives_identical_rows(store: Store, tell: Tell, ingestor: Ingestor, paths: StatePaths) -> None:
    claim(store, 1)
    tell(BUSY)
    claim(store, 2, after(899))
    tell(BREAKS_OFF + f"946 number.do_not_call 2 number={NUMBER} reason=key")
    survey_journal.restart(paths.journal, after(1000))
    claim(store, 3, after(1099))
    tell(GOES_ON + "1200 contact.expired")
    before = dump(store)
    with store.write() as session:  # what somebody spoilt
        row = session.get_one(Contact, CONTACT)
        row.state, row.asking, row.ended_at = "gave_up", "nothing", None
        session.get_one(ContactAttempt, (CONTACT, 2)).result = "completed"
        session.add(Answer(contact_id=CONTACT, question="made_up", call_id="x", given_at=START))
    ingestor.rebuild()
    assert dump(store) == before


def test_read_in_pieces_and_out_of_order_it_ends_in_the_same_rows(
    store: Store, paths: StatePaths, ingestor: Ingestor
) -> None:
    """The files of the journal are read one after the other, so that later events may be seen first."""
    told = events(BUSY + BREAKS_OFF + GOES_ON)
    survey_journal.write(paths.journal, told)
    ingestor.once()
    expected = dump(store, *TABLES)
    with store.write() as session:
        session.delete(session.get_one(Contact, CONTACT))
        session.execute(delete(JournalEvent))
        session.execute(delete(JournalPosition))
    shutil.rmtree(paths.journal)
    plan(store)
    again = Ingestor(paths, store, lambda: after(100_000), followers=[apply])
    for event in told[::-1]:
        survey_journal.write(paths.journal, [event])
        again.once()
    assert dump(store, *TABLES) == expected
