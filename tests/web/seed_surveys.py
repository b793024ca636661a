"""Surveys for the pages: customers in every state, with attempts, calls to hear, answers, comments and cases."""

import datetime as dt
import itertools
from typing import Any

from ivr.settings import StatePaths
from ivr.store.followup import Case
from ivr.store.models import Call, JournalEvent, Leg, Transcript, leg_id
from ivr.store.session import Store
from ivr.store.surveys import Campaign, Contact, ContactAttempt, DoNotCall, comment_leg
from ivr.surveys.ids import contact_id
from tests.survey_tables import SURVEY, SurveyTables
from tests.web.seed import NOW, write_wav

BROKEN, DONE, WAITING, REFUSED = (contact_id(SURVEY, f"V{number:05}") for number in (1, 2, 3, 4))
"""Contacts with a story: broken off once and completed then; completed and dissatisfied; waiting; do not call."""
OLD = "of_last_year"
"""A survey that the business file does not know any more."""
COMMENT_SECONDS = 4.0
LISTED = "13912340001"
_NAMES = ("李秀英", "张伟", "王芳", "刘洋", "陈静", "杨磊", "赵敏", "黄丽", "周杰", "吴刚", "徐娟", "孙浩", "欧阳修远")


def seed_surveys(store: Store, paths: StatePaths) -> None:
    """Fill the tables beside those of tests.web.seed and seed_customers."""
    with store.write() as session:
        tables = SurveyTables(session, NOW)
        _with_a_story(tables, paths)
        _many(tables)
        _old(tables)
        changed = NOW - dt.timedelta(days=3)
        session.add(Campaign(survey=SURVEY, state="running", changed_at=changed, by="boss"))
        for number in range(60):
            facts: dict[str, Any] = {"reason": ("key", "page", "api", "command")[number % 4], "by": "boss"}
            since = NOW - dt.timedelta(hours=number)
            session.add(DoNotCall(number=f"1391234{number + 1:04}", since=since, call_id=None, **facts))


def _customer(tables: SurveyTables, name: str, **facts: Any) -> int:
    return tables.customer(name, "女士" if len(name) % 2 else "先生", **facts)


def _with_a_story(tables: SurveyTables, paths: StatePaths) -> None:
    visit = tables.visit(3, by="1001", customer_id=_customer(tables, "李秀英", key=True), notes="更换刹车片")
    broken = tables.contact("completed", visit, number="13812340001", key=True, reached_at=NOW - dt.timedelta(hours=26))
    for hours, result in ((50, "busy"), (26, "broken_off"), (25.9, "completed")):
        dialled = NOW - dt.timedelta(hours=hours)
        answered = dialled + dt.timedelta(seconds=12) if result != "busy" else None
        attempt = tables.attempt(broken, result, at=dialled, answered_at=answered)  # type: ignore[arg-type]
        if answered:
            recorded_call(tables, paths, attempt, answered)
    _heard(tables, broken, 26, [("survey.heard", {"who": "human"}), ("survey.confirmed", {})])
    _heard(tables, broken, 25.9, [("survey.answer", {"question": "overall", "value": "5"})])
    for question, value in (("overall", "5"), ("solved", "1"), ("recommend", "5")):
        tables.answer(broken, question, value, given_at=NOW - dt.timedelta(hours=25.8))

    visit = tables.visit(4, by="1002", kind="维修", customer_id=_customer(tables, "张伟"))
    done = tables.contact("completed", visit, number="13812340002")
    recorded_call(tables, paths, tables.attempt(done, at=NOW - dt.timedelta(hours=5), answered_at=NOW), NOW)
    for question, value in (("overall", "2"), ("solved", "2"), ("recommend", "1")):
        tables.answer(done, question, value)
    _comment(tables, paths, done, ["等", "了", "三", "天", "没有", "人", "解释"])
    opened = NOW - dt.timedelta(hours=4)
    case = {"origin": done.id, "contact_id": done.id, "number": done.number, "call_id": f"sv{done.id}-1"}
    tables.session.add(Case(kind="survey_low", opened_at=opened, due_at=opened + dt.timedelta(hours=24), **case))

    visit = tables.visit(2, by="1001", customer_id=_customer(tables, "王芳"))
    soon = {"number": "13812340003", "reason": "pause_no_answer", "next_at": NOW + dt.timedelta(hours=2)}
    tables.attempt(tables.contact("planned", visit, **soon), "no_answer", at=NOW - dt.timedelta(hours=1))

    visit = tables.visit(2, by="", customer_id=_customer(tables, "刘洋"), consent=False)
    tables.attempt(tables.contact("do_not_call", visit, number=LISTED, reached_at=NOW), "do_not_call")


def _many(tables: SurveyTables) -> None:
    """Enough answers for figures of two technicians, too few for a third."""
    scores = itertools.cycle("5545354425")
    names = itertools.cycle(_NAMES)
    for index in range(44):
        by = ("1001", "1002", "李师傅")[0 if index % 2 else 1 if index % 11 else 2]
        kind = "维修" if index % 3 else "保养"
        visit = tables.visit(1.5 + index * 0.9, kind, by, customer_id=_customer(tables, next(names)))
        contact = tables.contact("completed", visit)
        tables.attempt(contact, "completed", at=NOW - dt.timedelta(hours=2 + index))
        tables.answer(contact, "overall", next(scores))
        tables.answer(contact, "solved", "2" if index % 9 == 4 else "1")
        if index % 7:
            tables.answer(contact, "recommend", next(scores))
    states = ("planned", "dialling", "gave_up", "expired", "wrong_person", "declined", "person", "cancelled")
    reasons = ("not_due", "outside_hours", "per_day", "agreed_later", "other_part_of_day")
    for index in range(48):
        state = states[index % len(states)]
        visit = tables.visit(0.5 + index / 8, by="1002", customer_id=_customer(tables, next(names)))
        facts: dict[str, Any] = {"reason": reasons[index % len(reasons)] if state == "planned" else ""}
        contact = tables.contact(state, visit, **facts)  # type: ignore[arg-type]
        results = {"planned": "busy", "gave_up": "no_answer", "wrong_person": "wrong_person", "declined": "declined"}
        if state == "dialling":
            tables.attempt(contact, None, at=NOW - dt.timedelta(seconds=20))
        elif index % 3 and state not in ("expired", "cancelled"):
            tables.attempt(contact, results.get(state, "person"), at=NOW - dt.timedelta(hours=3))  # type: ignore[arg-type]


def _old(tables: SurveyTables) -> None:
    contact = tables.contact("completed", survey=OLD)
    tables.attempt(contact, at=NOW - dt.timedelta(days=300))
    tables.answer(contact, "liked", "1")


def recorded_call(tables: SurveyTables, paths: StatePaths, attempt: ContactAttempt, answered: dt.datetime) -> None:
    """The call of an attempt, recorded on both sides."""
    call_id, seconds = attempt.call_id, 9.0
    tables.session.add(
        Call(
            id=call_id,
            direction="outbound",
            caller=None,
            called=attempt.number,
            language="zh-CN",
            started_at=attempt.claimed_at,
            recorded_at=answered,
            ended_at=attempt.ended_at,
            outcome="surveyed",
            contact_id=attempt.contact_id,
            menu_path=[],
        )
    )
    tables.session.flush()
    for role in ("caller", "agent"):
        relative = f"surveys/{call_id}-{role}.wav"
        write_wav(paths.recordings / relative, seconds, [(1.0, 3.0), (5.0, 6.5)])
        leg = {"id": leg_id(call_id, role), "call_id": call_id, "role": role}
        tables.session.add(Leg(recording=relative, seconds=seconds, **leg))


def _comment(tables: SurveyTables, paths: StatePaths, contact: Contact, words: list[str]) -> None:
    call_id = f"sv{contact.id}-1"
    relative = f"surveys/{call_id}-comment-reason.wav"
    write_wav(paths.recordings / relative, COMMENT_SECONDS, [(0.5, 3.5)])
    tables.answer(contact, "reason", recording=relative, seconds=COMMENT_SECONDS)
    heard = [
        {"word": word, "start": 0.5 + n / 3, "end": 0.8 + n / 3, "confidence": 0.9} for n, word in enumerate(words)
    ]
    leg = comment_leg(call_id, "reason")
    tables.session.add(Transcript(leg_id=leg, state="done", model="demo-zh", demonstration=True, words=heard))


def _heard(tables: SurveyTables, contact: Contact, hours: float, told: list[tuple[str, dict[str, Any]]]) -> None:
    at = NOW - dt.timedelta(hours=hours) + dt.timedelta(seconds=20)
    attempt = 2 if hours == 26 else 3
    for place, (kind, facts) in enumerate(told):
        tables.session.add(
            JournalEvent(
                source="flow",
                position=f"survey:{contact.id}:{attempt}:{place}",
                call_id=f"sv{contact.id}-{attempt}",
                channel_id=None,
                at=at + dt.timedelta(seconds=place),
                kind=kind,
                data=facts,
            )
        )
