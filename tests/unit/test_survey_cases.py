"""What surveys bring to light becomes a case (S26): one for each contact, once the customer is off the line."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import delete, select

from ivr.cases.opening import open_cases
from ivr.cases.record import get_case
from ivr.cases.surveyed import LOOK_BACK, CommentReader, keep_matters
from ivr.customers.file import Entry, check, keep
from ivr.hotline import Hotline
from ivr.store.customers import Visit
from ivr.store.followup import Callback, Case, Message, News
from ivr.store.models import Call, Transcript
from ivr.store.session import Store
from ivr.store.surveys import Answer, Contact, ContactAttempt, DoNotCall, comment_leg
from ivr.surveys.ids import attempt_call_id, contact_id
from tests.stores import dump, engine_url, store
from tests.unit.test_cases import HOURS, MAIL, NOW, WANG, call, callback, cases, hotline, message, put

__all__ = ["engine_url", "store"]

SURVEY = "after_service"
MINUTE = dt.timedelta(minutes=1)
LOW, SOLVED, REASON = "请您为这次服务打分，1分最低，5分最高", "车辆的问题是否已经解决", "reason"


def contact(store: Store, visit: str = "V1", *, number: str = WANG, key: bool = False, **facts: Any) -> str:
    """A customer, a visit of theirs, and its contact, which is over unless `state` says otherwise."""
    entry = check(Entry(name=f"王{visit}", title="先生", numbers=(number,), key=key), agents=(), year=2026)
    with store.write() as session:
        customer = keep(store, session, entry, NOW)
        row = Visit(external_id=visit, customer_id=customer, kind="保养", at=NOW - 24 * HOURS, by="二号车间")
        session.add(row)
        session.flush()
        known: dict[str, Any] = {"survey": SURVEY, "number": number, "language": "zh-CN", "state": "completed"}
        known |= {"due_at": NOW, "next_at": NOW, "expires_at": NOW + 100 * HOURS, "attempts": 1, "key": key}
        own = contact_id(SURVEY, visit)
        session.add(Contact(id=own, visit_id=row.id, **(known | facts)))
    return own


def answer(contact: str, question: str, value: str, after: int = 0, attempt: int = 1) -> Answer:
    call_id, at = attempt_call_id(contact, attempt), NOW + after * MINUTE
    return Answer(contact_id=contact, question=question, value=value, call_id=call_id, given_at=at)


def comment(contact: str, after: int = 3) -> Answer:
    call_id = attempt_call_id(contact, 1)
    given: dict[str, Any] = {"call_id": call_id, "given_at": NOW + after * MINUTE, "recording": "c.wav", "seconds": 8.0}
    return Answer(contact_id=contact, question=REASON, **given)


def words(contact: str, *said: str, confidence: float = 0.95, **facts: Any) -> Transcript:
    heard = [
        {"word": word, "start": n * 0.3, "end": n * 0.3 + 0.3, "confidence": confidence} for n, word in enumerate(said)
    ]
    known: dict[str, Any] = {"state": "done", "made_at": NOW, "words": heard}
    return Transcript(leg_id=comment_leg(attempt_call_id(contact, 1), REASON), **(known | facts))


def opened(store: Store, business: Hotline | None = None, now: dt.datetime = NOW + HOURS) -> list[int]:
    return open_cases(store, business or hotline(), now)


# ---- bad answers -----------------------------------------------------------------------------------------


def test_s26_bad_answers_of_a_contact_are_one_case_that_lists_them_in_words(store: Store) -> None:
    own = contact(store)
    put(store, answer(own, "overall", "2"), answer(own, "solved", "2", 1), answer(own, "recommend", "5", 2))
    (case_id,) = opened(store)
    case = cases(store)[own]
    assert (case.kind, case.origin, case.contact_id, case.department) == ("survey_low", own, own, "workshop")
    assert case.matter == f"{LOW}：2 分（满分 5 分）；{SOLVED}：否"
    assert (case.call_id, case.number, case.opened_at) == (attempt_call_id(own, 1), WANG, NOW + 2 * MINUTE)
    assert opened(store) == []
    with store.read() as session:
        record = get_case(session, case_id)
    assert record.customer is not None and record.customer.name == "王V1"


def test_good_answers_and_answers_to_questions_of_another_survey_are_no_case(store: Store) -> None:
    own = contact(store)
    put(store, answer(own, "overall", "3"), answer(own, "solved", "1"), answer(own, "unknown", "1"))
    other = contact(store, "V2", number="13900000002", survey="gone")
    put(store, answer(other, "overall", "1"))
    assert opened(store) == []


def test_customer_who_is_still_on_the_line_may_correct_the_answer(store: Store) -> None:
    own = contact(store, state="dialling")
    put(store, answer(own, "overall", "1"))
    assert opened(store) == []
    with store.write() as session:
        session.get_one(Contact, own).state = "completed"
        session.get_one(Answer, (own, "overall")).value = "4"
    assert opened(store) == []


def test_case_does_not_wait_for_a_survey_that_broke_off_and_hears_of_what_comes_later(store: Store) -> None:
    own = contact(store, state="planned", asking="solved")
    put(store, answer(own, "overall", "1"))
    (case_id,) = opened(store)
    assert keep_matters(store, hotline()) == 0
    put(store, answer(own, "solved", "2", after=90, attempt=2))
    assert opened(store) == [] and keep_matters(store, hotline()) == 1
    assert keep_matters(store, hotline()) == 0
    case = cases(store)[own]
    assert case.id == case_id and case.matter.endswith(f"{SOLVED}：否") and case.opened_at == NOW


def test_closed_case_keeps_what_it_said(store: Store) -> None:
    own = contact(store)
    put(store, answer(own, "overall", "1"))
    opened(store)
    with store.write() as session:
        session.execute(select(Case)).scalar_one().state = "closed"
    put(store, answer(own, "solved", "2", after=90))
    assert keep_matters(store, hotline()) == 0


def test_s22_key_customers_bad_answer_is_due_sooner_and_told_without_their_data(store: Store) -> None:
    own = contact(store, key=True)
    put(store, answer(own, "overall", "1"))
    (case_id,) = opened(store, hotline(email=MAIL))
    case = cases(store)[own]
    assert case.key and case.due_at == NOW + 4 * HOURS
    with store.read() as session:
        (news,) = session.scalars(select(News)).all()
    assert news.origin == f"case:{case_id}" and news.body["department"] == "workshop"
    assert WANG not in str(news.body) and "王" not in str(news.body) and "分" not in str(news.body)


def test_same_cases_are_opened_after_the_tables_were_made_anew(store: Store) -> None:
    own, other = contact(store), contact(store, "V2", number="13900000002")
    put(store, answer(own, "overall", "1"), answer(own, "solved", "2", after=90, attempt=2), comment(other))
    put(store, words(other, "我", "要", "投诉"))
    opened(store)
    before = [row[1:] for row in map(list, _rows(store))]
    with store.write() as session:
        session.execute(delete(Case))
    opened(store, now=NOW + 50 * HOURS)
    assert [row[1:] for row in map(list, _rows(store))] == before


def _rows(store: Store) -> list[Any]:
    with store.read() as session:
        return [list(row) for row in session.execute(select(Case.__table__).order_by(Case.origin))]


# ---- complaints ------------------------------------------------------------------------------------------


def test_s26_complaint_in_a_comment_is_a_case_with_the_words_that_were_heard(store: Store) -> None:
    own, happy = contact(store), contact(store, "V2", number="13900000002")
    put(store, answer(own, "overall", "3"), comment(own), words(own, "还是", "没有", "解决", "我", "要", "投诉"))
    put(store, comment(happy), words(happy, "师傅", "很", "好"))
    (case_id,) = opened(store)
    case = cases(store)[own]
    assert (case.kind, case.matter, case.opened_at) == ("survey_complaint", "没有解决、投诉", NOW + 3 * MINUTE)
    with store.read() as session:
        assert not get_case(session, case_id).to_check


@pytest.mark.parametrize("doubt", [{"confidence": 0.6}, {"demonstration": True}])
def test_complaint_that_was_not_heard_for_sure_has_to_be_checked(store: Store, doubt: dict[str, Any]) -> None:
    own = contact(store)
    put(store, comment(own), words(own, "我", "要", "投诉", **doubt))
    (case_id,) = opened(store)
    with store.read() as session:
        record = get_case(session, case_id)
    assert record.to_check and record.matter == "投诉？"


def test_comment_is_read_when_it_is_written_down_and_only_once(store: Store) -> None:
    own, reader = contact(store), CommentReader()
    put(store, comment(own), words(own, state="pending", made_at=None))
    assert open_cases(store, hotline(), NOW, reader) == []
    with store.write() as session:
        row = session.execute(select(Transcript)).scalar_one()
        row.state, row.made_at, row.words = "done", NOW, words(own, "很", "好").words
    assert open_cases(store, hotline(), NOW, reader) == []
    with store.write() as session:  # a better model has heard it; it is not looked at again at once
        session.execute(select(Transcript)).scalar_one().words = words(own, "投诉").words
    assert open_cases(store, hotline(), NOW, reader) == []
    assert len(open_cases(store, hotline(), NOW, CommentReader())) == 1  # but by the next scheduler that starts


def test_old_comments_open_no_case_when_the_words_change(store: Store) -> None:
    own = contact(store)
    put(store, comment(own), words(own, "投诉"))
    assert opened(store, now=NOW + LOOK_BACK + HOURS) == []


def test_contact_with_bad_answers_and_a_complaint_is_one_case(store: Store) -> None:
    own = contact(store)
    put(store, answer(own, "overall", "1"), comment(own), words(own, "投诉"))
    assert len(opened(store)) == 1
    assert cases(store)[own].kind == "survey_low"
    assert opened(store) == []


# ---- a person, asked for in vain -------------------------------------------------------------------------


def asked_for_a_person(store: Store, visit: str, *rows: object, **facts: Any) -> str:
    own = contact(store, visit, number=f"1390000000{visit[1:]}", state="person")
    call_id = attempt_call_id(own, 1)
    known: dict[str, Any] = {"direction": "outbound", "outcome": "abandoned", "contact_id": own}
    put(store, call(call_id, **({"ended_at": NOW + MINUTE} | known | facts)))
    attempt = {"contact_id": own, "attempt": 1, "number": WANG, "call_id": call_id, "claimed_at": NOW}
    put(store, ContactAttempt(**attempt, result="person"), *rows)
    return own


def test_who_asked_a_survey_for_a_person_and_reached_nobody_is_a_case(store: Store) -> None:
    own = asked_for_a_person(store, "V1")
    asked_for_a_person(store, "V2", answered_at=NOW, outcome="answered")
    asked_for_a_person(store, "V3", ended_at=None, outcome=None)
    left, back = (attempt_call_id(contact_id(SURVEY, visit), 1) for visit in ("V4", "V5"))
    asked_for_a_person(store, "V4", message(left))
    asked_for_a_person(store, "V5", callback(back, "waiting"))
    opened(store)
    found = {(case.kind, case.origin) for case in cases(store).values()}
    assert found == {("survey_person", own), ("message", left)}
    case = cases(store)[own]
    assert (case.call_id, case.contact_id, case.opened_at) == (attempt_call_id(own, 1), own, NOW + MINUTE)


def test_nothing_of_a_survey_is_read_from_or_written_to_but_cases(store: Store) -> None:
    own = contact(store)
    put(store, answer(own, "overall", "1"), comment(own), words(own, "投诉"))
    tables = [each.__tablename__ for each in (Contact, Answer, Transcript, Visit, Call, Message, Callback, DoNotCall)]
    before = dump(store, *tables)
    opened(store)
    assert dump(store, *tables) == before
