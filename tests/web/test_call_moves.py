"""What the pages of calls show of callbacks, messages, transfers, ratings and notes."""

import datetime as dt
from typing import Any

import pytest

from ivr.settings import Settings
from ivr.store.followup import Callback, Message, Rating, WrapUpNote
from ivr.store.models import Call, Leg, Transcript
from ivr.store.session import open_store
from tests.web.conftest import SignIn
from tests.web.seed import NOW, write_wav

ASKED, BACK, LEFT, MOVED, BLOCKED = (
    "ivr-moves-1.1",
    "ivr-moves-1.1-cb1",
    "ivr-moves-1.2",
    "ivr-moves-1.3",
    "ivr-moves-1.4",
)


def _call(call_id: str, **facts: Any) -> Call:
    known: dict[str, Any] = {
        "direction": "inbound",
        "caller": "13700000001",
        "called": "4008001001",
        "started_at": NOW - dt.timedelta(days=90),
        "ended_at": NOW - dt.timedelta(days=90) + dt.timedelta(seconds=60),
        "queue": "service",
        "offered": True,
        "hung_up_by": "caller",
        "menu_path": [],
        "transfers": [],
    }
    return Call(id=call_id, **(known | facts))


@pytest.fixture(scope="module", autouse=True)
def moved(web_settings: Settings) -> None:
    """Calls of ninety days ago, beside those of the seed."""
    at = NOW - dt.timedelta(days=90)
    answered = {"answered_at": at + dt.timedelta(seconds=9), "talk_seconds": 40.0, "agent": "1001"}
    handed = {"at": at.isoformat(), "by": "1001", "to": "1002", "kind": "warm", "returned": False}
    came_back = {"at": at.isoformat(), "by": "1002", "to": "booking", "kind": "blind", "returned": True}
    moment = {"requested_at": at, "joined_at": at, "next_at": at, "ended_at": at}
    recording = "2026/08/24/message.wav"
    write_wav(web_settings.paths.recordings / recording, 4.0, [(1.0, 3.0)])
    store = open_store(web_settings.store_url)
    with store.write() as session:
        session.add_all(
            [
                _call(ASKED, outcome="callback"),
                _call(
                    BACK,
                    outcome="answered",
                    direction="outbound",
                    caller="1001",
                    called="13700000001",
                    offered=False,
                    callback_of=ASKED,
                    **answered,
                ),
                _call(LEFT, outcome="message"),
                _call(MOVED, outcome="answered", hold_seconds=75.0, transfers=[handed, came_back], **answered),
                _call(BLOCKED, outcome="blocked", customer_id=7),
            ]
        )
        session.flush()
        session.add_all(
            [
                Callback(
                    id=ASKED,
                    number="13700000009",
                    queue="service",
                    language="zh-CN",
                    reason="requested",
                    state="answered",
                    attempts=2,
                    answered_call_id=BACK,
                    **moment,
                ),
                Message(
                    call_id=LEFT, queue="booking", number="13700000002", recording=recording, seconds=4.0, left_at=at
                ),
                Leg(id=f"{LEFT}-message", call_id=LEFT, role="message", recording=recording, seconds=4.0),
                Transcript(
                    leg_id=f"{LEFT}-message",
                    state="done",
                    words=[{"word": "请回电", "start": 1.0, "end": 2.0, "confidence": 0.9}],
                ),
                Rating(call_id=MOVED, score=2, agent="1002", given_at=at),
                WrapUpNote(
                    call_id=MOVED, agent="1001", disposition="to_follow", text="等配件 <b>到货</b>", written_at=at
                ),
            ]
        )
    store.close()


def test_call_that_asked_for_a_callback_leads_to_it_and_back(sign_in: SignIn) -> None:
    asked = sign_in("qa").get(f"/calls/{ASKED}").text
    assert "已接通" in asked and "13700000009" in asked and f"/calls/{BACK}" in asked
    back = sign_in("qa").get(f"/calls/{BACK}").text
    assert "回拨 13700000001" in back and f'href="/calls/{ASKED}"' in back


def test_list_shows_the_customer_of_a_callback_and_what_became_of_it(sign_in: SignIn) -> None:
    page = sign_in("qa").get("/calls", params={"to": "2026-09-01"}).text
    assert f'href="/calls/{BACK}"' in page and "13700000001" in page
    assert "outcome-callback" in page and "outcome-blocked" in page and "★ 2" in page
    assert "1001 王晓敏 → 1002 李建华" in page


@pytest.mark.parametrize(("outcome", "call"), [("callback", ASKED), ("blocked", BLOCKED), ("message", LEFT)])
def test_every_outcome_can_be_filtered_for(sign_in: SignIn, outcome: str, call: str) -> None:
    page = sign_in("qa").get("/calls", params={"outcome": outcome, "to": "2026-09-01"}).text
    others = {ASKED, BLOCKED, LEFT, MOVED} - {call}
    assert f"/calls/{call}" in page
    assert not [other for other in others if f'/calls/{other}"' in page]


def test_message_is_heard_and_read_on_the_page_of_its_call(sign_in: SignIn) -> None:
    client = sign_in("qa")
    page = client.get(f"/calls/{LEFT}").text
    assert "请回电" in page and "13700000002" in page and f"/calls/{LEFT}/audio/message" in page
    assert 'data-leg="message"' not in page, "the message is no side of a talk"
    assert client.get(f"/calls/{LEFT}/audio/message").status_code == 200


def test_page_tells_hold_transfers_rating_and_notes(sign_in: SignIn) -> None:
    page = sign_in("qa").get(f"/calls/{MOVED}").text
    assert "1:15" in page
    assert "1001 王晓敏 说明情况后转接给 1002 李建华" in page
    assert "1002 李建华 转接到 预约" in page and "无人接听，已返回" in page
    assert "2 分（满分 5 分）" in page
    assert "待跟进" in page and "等配件 &lt;b&gt;到货" in page


def test_agent_who_was_given_the_call_may_see_it_and_others_not(sign_in: SignIn) -> None:
    assert sign_in("1002").get(f"/calls/{MOVED}").status_code == 200
    assert sign_in("1002").get(f"/calls/{BACK}").status_code == 404


def test_blocked_customer_leads_to_the_file(sign_in: SignIn) -> None:
    assert 'href="/customers/7"' in sign_in("qa").get(f"/calls/{BLOCKED}").text


def test_programs_are_told_the_same(sign_in: SignIn) -> None:
    told = sign_in("qa").get(f"/api/calls/{MOVED}").json()
    assert (told["rating"], told["hold_seconds"], len(told["transfers"]), told["offered"]) == (2, 75.0, 2, True)
