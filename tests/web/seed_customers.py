"""Customers, cases, callbacks and news for the pages, beside the calls of tests.web.seed."""

import datetime as dt
from typing import Any

from ivr.customers.file import Entry, check, keep
from ivr.settings import StatePaths
from ivr.store.customers import Visit
from ivr.store.followup import Callback, Case, Message, News, Rating, WrapUpNote
from ivr.store.models import Call, Transcript
from ivr.store.session import Store
from ivr.store.surveys import Answer, Contact, comment_leg
from ivr.surveys.ids import attempt_call_id, contact_id
from tests.web.seed import CALLER, FULL, LOST_RECORDING, NOW, OTHER_AGENTS, write_wav

LEFT = "ivr-test-1763777000.20"
LEFT_LATE = "ivr-test-1763677000.21"
LEFT_ELSEWHERE = "ivr-test-1763776000.22"
MESSAGE, LATE, RATED, MISSED, COMPLAINT, CLOSED, ELSEWHERE, LOST, SURVEYED, DOUBT, REACHED = range(1, 12)
"""Ids of the cases."""
SURVEYED_CONTACT, DOUBT_CONTACT = contact_id("after_service", "V1"), contact_id("after_service", "V2")
WANG, OUYANG = 1, 2
SECONDS = 6.0
LOW = "请您为这次服务打分，1分最低，5分最高：1 分（满分 5 分）；车辆的问题是否已经解决：否"


def seed_customers(store: Store, paths: StatePaths) -> None:
    """Fill the tables beside the calls."""
    wang = Entry(name="王建国", title="先生", numbers=(CALLER, "021-55667788"), birth_year=1950, key=True, agent="1001")
    ouyang = Entry(name="欧阳娜娜", title="女士", numbers=("13900000002",), language="en", blocked=True)
    with store.write() as session:
        for each in (wang, ouyang):
            keep(store, session, check(each, agents=["1001"], year=2026), NOW)
        visit = {
            "kind": "保养",
            "at": dt.datetime(2026, 11, 1, 4, tzinfo=dt.UTC),
            "by": "二号车间",
            "notes": "更换机油",
        }
        session.add(Visit(external_id="V1", customer_id=WANG, **visit))
        session.add(Visit(external_id="V2", customer_id=OUYANG, **visit))
        session.flush()
        session.add_all(_contacts())
        session.flush()
        session.add_all(_answers())
        session.add_all([*_messages(), *_cases(), *_callbacks(), *_news()])
        note = {"disposition": "complaint", "text": "客户等了三天，希望经理回电。", "written_at": NOW}
        session.add(WrapUpNote(call_id=OTHER_AGENTS, agent="1002", **note))
        session.add(Rating(call_id=FULL, score=1, agent="1001", given_at=NOW))
        session.add(_return_call())
    write_wav(paths.recordings / f"{LEFT}-message.wav", SECONDS, [(1.0, 4.0)])
    write_wav(paths.recordings / f"{LEFT_LATE}-message.wav", SECONDS, [(1.0, 4.0)])
    write_wav(paths.recordings / "comment.wav", SECONDS, [(1.0, 4.0)])


def _messages() -> list[Any]:
    words = [
        {"word": word, "start": 1.0 + n, "end": 1.5 + n, "confidence": 0.9}
        for n, word in enumerate(("我", "姓", "王", "请", "回", "电", "预约", "保养"))
    ]
    found: list[Any] = [Transcript(leg_id=f"{LEFT}-message", state="done", demonstration=True, words=words)]
    for call_id, queue in ((LEFT, "service"), (LEFT_LATE, "service"), (LEFT_ELSEWHERE, "booking"), ("lost", "service")):
        facts: dict[str, Any] = {"queue": queue, "number": CALLER, "seconds": SECONDS, "left_at": NOW}
        found.append(Message(call_id=call_id, recording=f"{call_id}-message.wav", **facts))
    return found


def _case(id: int, kind: str, origin: str, hours_ago: float, **facts: Any) -> Case:
    opened = NOW - dt.timedelta(hours=hours_ago)
    known: dict[str, Any] = {"number": CALLER, "queue": "service", "call_id": origin, "due_at": opened}
    known |= {"opened_at": opened, "due_at": opened + dt.timedelta(hours=24)}
    known |= {"resolve_by": opened + dt.timedelta(hours=80)}
    return Case(id=id, kind=kind, origin=origin, **(known | facts))


def _cases() -> list[Case]:
    return [
        _case(MESSAGE, "message", LEFT, 1, customer_id=WANG, key=True, due_at=NOW + dt.timedelta(hours=3)),
        _case(LATE, "message", LEFT_LATE, 30, number="13900000077"),
        _case(RATED, "low_rating", FULL, 0.2, customer_id=WANG, key=True, matter="1"),
        _case(MISSED, "missed_callback", "callback-3", 2, number="02155667788", queue="booking", matter="预约保养"),
        _case(COMPLAINT, "complaint", OTHER_AGENTS, 1, state="taken", owner="boss", matter="等了三天"),
        _case(CLOSED, "message", LOST_RECORDING, 50, state="closed", owner="1002", outcome="已回电", closed_at=NOW),
        _case(ELSEWHERE, "message", LEFT_ELSEWHERE, 3, queue="booking"),
        _case(LOST, "message", "lost", 4, number="", state="taken", owner="1002"),
        _survey_case(SURVEYED, "survey_low", SURVEYED_CONTACT, WANG, 100, escalated_at=NOW, key=True, matter=LOW),
        _survey_case(DOUBT, "survey_complaint", DOUBT_CONTACT, OUYANG, 2, number="13900000002", matter="投诉？"),
        _case(REACHED, "message", "reached", 40, number="13900000088", state="taken", owner="boss"),
    ]


def _return_call() -> Call:
    """By which the customer of REACHED heard from us."""
    at = NOW - dt.timedelta(hours=20)
    talked: dict[str, Any] = {"started_at": at, "answered_at": at, "ended_at": at, "outcome": "answered"}
    of: dict[str, Any] = {"direction": "outbound", "callback_of": "reached", "called": "13900000088", "agent": "1002"}
    return Call(id="rc0011223344556677-1795238000", **of, **talked)


def _survey_case(id: int, kind: str, contact: str, customer: int, hours_ago: float, **facts: Any) -> Case:
    known: dict[str, Any] = {"call_id": attempt_call_id(contact, 1), "contact_id": contact, "customer_id": customer}
    return _case(id, kind, contact, hours_ago, **({"department": "workshop", "queue": None} | known | facts))


def _contacts() -> list[Any]:
    known: dict[str, Any] = {"survey": "after_service", "language": "zh-CN", "state": "completed", "attempts": 1}
    known |= {"due_at": NOW, "next_at": NOW, "expires_at": NOW}
    return [
        Contact(id=SURVEYED_CONTACT, visit_id=1, number=CALLER, **known),
        Contact(id=DOUBT_CONTACT, visit_id=2, number="13900000002", **known),
    ]


def _answers() -> list[Any]:
    found: list[Any] = []
    for contact, given in (
        (SURVEYED_CONTACT, {"overall": "1", "solved": "2", "recommend": "2"}),
        (DOUBT_CONTACT, {"overall": "3"}),
    ):
        call_id = attempt_call_id(contact, 1)
        found += [
            Answer(contact_id=contact, question=question, value=value, call_id=call_id, given_at=NOW)
            for question, value in given.items()
        ]
        spoken: dict[str, Any] = {"recording": "comment.wav", "seconds": SECONDS, "given_at": NOW}
        found.append(Answer(contact_id=contact, question="reason", call_id=call_id, **spoken))
        words = [
            {"word": word, "start": 1.0 + n, "end": 1.5 + n, "confidence": 0.6}
            for n, word in enumerate(("等", "了", "三天", "我", "要", "投诉"))
        ]
        leg = comment_leg(call_id, "reason")
        found.append(Transcript(leg_id=leg, state="done", demonstration=True, words=words, made_at=NOW))
    return found


def _callbacks() -> list[Callback]:
    found = []
    states = [("waiting", None), ("answered", "ANSWER"), ("gave_up", "NOANSWER"), ("cancelled", None)]
    for index, (state, result) in enumerate(states, start=1):
        at = NOW - dt.timedelta(minutes=10 * index)
        facts: dict[str, Any] = {"joined_at": at, "requested_at": at, "next_at": NOW, "last_result": result}
        facts |= {"number": f"1390000{index:04}", "queue": "booking", "language": "zh-CN", "reason": "requested"}
        found.append(Callback(id=f"callback-{index}", state=state, attempts=index - 1, **facts))
    return found


def _news() -> list[News]:
    body = {"case": MESSAGE, "event": "case.opened"}
    return [
        News(channel="email", origin=f"case:{MESSAGE}", body=body, state="sent", attempts=1, next_at=NOW),
        News(
            channel="webhook",
            origin=f"case:{MESSAGE}",
            body=body,
            state="failed",
            attempts=7,
            next_at=NOW,
            error="HTTP 503 (given up after 7 attempts)",
        ),
    ]
