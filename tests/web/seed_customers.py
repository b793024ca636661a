"""Customers, cases, callbacks and news for the pages, beside the calls of tests.web.seed."""

import datetime as dt
from typing import Any

from ivr.customers.file import Entry, check, keep
from ivr.settings import StatePaths
from ivr.store.customers import Visit
from ivr.store.followup import Callback, Case, Message, News, Rating, WrapUpNote
from ivr.store.models import Transcript
from ivr.store.session import Store
from tests.web.seed import CALLER, FULL, LOST_RECORDING, NOW, OTHER_AGENTS, write_wav

LEFT = "ivr-test-1763777000.20"
LEFT_LATE = "ivr-test-1763677000.21"
LEFT_ELSEWHERE = "ivr-test-1763776000.22"
MESSAGE, LATE, RATED, MISSED, COMPLAINT, CLOSED, ELSEWHERE, LOST = range(1, 9)
"""Ids of the cases."""
WANG, OUYANG = 1, 2
SECONDS = 6.0


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
        session.add_all([*_messages(), *_cases(), *_callbacks(), *_news()])
        note = {"disposition": "complaint", "text": "客户等了三天，希望经理回电。", "written_at": NOW}
        session.add(WrapUpNote(call_id=OTHER_AGENTS, agent="1002", **note))
        session.add(Rating(call_id=FULL, score=1, agent="1001", given_at=NOW))
    write_wav(paths.recordings / f"{LEFT}-message.wav", SECONDS, [(1.0, 4.0)])
    write_wav(paths.recordings / f"{LEFT_LATE}-message.wav", SECONDS, [(1.0, 4.0)])


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
    ]


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
