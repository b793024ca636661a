"""A call told as a timeline, in both languages, from a real journal and from a flow's words."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.calls.events import Event
from ivr.calls.ingest import Ingestor
from ivr.calls.record import CallNotFound, CallRecord, LegRecord
from ivr.calls.story import story, tell, utterances
from ivr.calls.story_words import MESSAGES, PROMPTS
from ivr.settings import StatePaths
from ivr.store.session import Store
from tests.stores import engine_url, store

__all__ = ["engine_url", "store"]
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def said(text: str, start: float, end: float) -> dict[str, Any]:
    return {"word": text, "start": start, "end": end, "confidence": 0.9}


def a_call(**values: Any) -> CallRecord:
    facts: dict[str, Any] = {
        "id": "u.0",
        "direction": "inbound",
        "caller": "13812345678",
        "called": "4008001001",
        "started_at": NOON,
        "recorded_at": NOON + timedelta(seconds=1),
        "answered_at": NOON + timedelta(seconds=20),
        "ended_at": NOON + timedelta(seconds=60),
        "outcome": "answered",
        "queue": "service",
        "agent": "1001",
        "wait_seconds": 8.0,
        "talk_seconds": 40.0,
        "menu_path": [],
        "hung_up_by": "caller",
    }
    return CallRecord(**{**facts, **values})


def flow(after: float, kind: str, **facts: Any) -> Event:
    return Event("flow", kind, NOON + timedelta(seconds=after), "u.0", "u.0", facts)


def told(record: CallRecord, events: list[Event], language: Any = "en") -> list[str]:
    lines = tell(record, events, language, {"service": "Customer service"})
    return [f"{(line.at - NOON).total_seconds():g} {line.who}: {line.what}" for line in lines]


def test_a_real_call_is_told_in_order(paths: StatePaths, store: Store) -> None:
    shutil.copytree(Path(__file__).parent / "journal", paths.journal, dirs_exist_ok=True)
    Ingestor(paths, store).once()
    with store.read() as session:
        lines = story(session, "ivr-88b511-1795372316.4", "zh-CN", {"service": "客户服务"})
    assert [f"{line.who}: {line.what}" for line in lines] == [
        "caller: 来电 13812345678，拨打 4008001001",
        "system: 进入队列 客户服务",
        "system: 开始录音",
        "system: 坐席 1001 的电话振铃",
        "system: 坐席 1001 没有接听",
        "system: 坐席 1002 的电话振铃",
        "hotline: 工号 1002 为您服务",
        "agent: 坐席 1002 接听",
        "caller: 挂机",
    ]


def test_an_unknown_call_has_no_story(store: Store) -> None:
    with pytest.raises(CallNotFound), store.read() as session:
        story(session, "nobody")


def test_what_the_flow_did_and_what_was_said_stand_in_one_timeline() -> None:
    legs = [
        LegRecord("caller", "c.wav", [said("我要", 25.0, 25.5), said("预约", 25.7, 26.2)], demonstration=True),
        LegRecord("agent", "a.wav", [said("您好", 19.5, 20.0), said("再见", 40.0, 40.5)], demonstration=True),
    ]
    events = [
        flow(6, "prompt.played", prompt="greeting", began=(NOON + timedelta(seconds=2)).isoformat()),
        flow(6, "prompt.played", prompt="menu_main", began=(NOON + timedelta(seconds=4)).isoformat()),
        flow(7, "menu.key", menu="main", key="1", label="预约"),
        flow(8, "wait.told", position=2, seconds=61.6),
        flow(11, "prompt.played", prompt="wait_minutes"),
        flow(11, "prompt.played", prompt="num_1"),
        flow(11.5, "queue.joined", queue="service", reason=""),
        Event("queue_log", "ENTERQUEUE", NOON + timedelta(seconds=11), "u.0", "u.0", {"queue": "service"}),
    ]
    assert told(a_call(legs=legs), events) == [
        "2 hotline: says: greeting · menu",
        "7 caller: presses 1 (预约)",
        "8 hotline: tells the place in the queue: 2, and the wait: about 62 s",
        "11 hotline: says: expected wait",
        "11.5 system: the caller joins queue Customer service",
        "20 agent: agent 1001 answers",
        "20.5 agent: “您好”",
        "26 caller: “我要预约”",
        "41 agent: “再见”",
        "60 caller: hangs up",
        "60 system: demonstration model: knows the demonstration's voices and words only; "
        "`ivr models get` installs the real one",
    ]


def test_a_pause_ends_an_utterance() -> None:
    words = [said("b", 2.0, 2.5), said("a", 1.0, 1.5), said("c", 3.31, 3.5)]
    assert [(u.start, u.end, u.text) for u in utterances(words)] == [(1.0, 2.5, "a b"), (3.31, 3.5, "c")]
    assert utterances([]) == []


def test_a_caller_who_gives_up_waiting_is_said_to_hang_up_once() -> None:
    abandon = Event("queue_log", "ABANDON", NOON + timedelta(seconds=59), "u.0", "u.0", {"queue": "service"})
    record = a_call(outcome="abandoned", answered_at=None, agent=None)
    assert told(record, [abandon]) == ["59 caller: hangs up while queued"]
    record = a_call(outcome="abandoned", answered_at=None, agent=None, hung_up_by="system")
    assert told(record, [abandon]) == ["60 system: the call is cut off"]


def test_the_shorter_wording_for_who_rang_lately_has_a_name_too() -> None:
    events = [flow(1, "prompt.played", prompt=prompt) for prompt in ("recording_notice_short", "menu_main_short")]
    assert "1 hotline: says: recording notice · menu" in told(a_call(), events)


def test_a_running_call_has_no_end_yet() -> None:
    assert told(a_call(ended_at=None, outcome=None, hung_up_by=None), []) == ["20 agent: agent 1001 answers"]


def test_strange_facts_do_not_break_the_story() -> None:
    events = [
        flow(1, "menu.key"),
        flow(2, "wait.told", seconds="soon"),
        flow(3, "prompt.played", prompt=None, began="x"),
        flow(4, "prompt.played", prompt="own_prompt", began="2026-05-01T12:00:00"),
        Event("cel", "WORK_NUMBER", NOON, "u.0", "u.0", {"channel": "", "extra": {}}),
        Event("queue_log", "unreadable", None, data={"text": "{x}"}),
    ]
    assert "4 hotline: says: own_prompt" in told(a_call(), events)


def cel(after: float, kind: str, channel: str = "PJSIP/1001-00000001", **extra: str) -> Event:
    return Event("cel", kind, NOON + timedelta(seconds=after), "u.0", "u.1", {"channel": channel, "extra": extra})


def test_holding_consulting_and_handing_over_are_told() -> None:
    transfer = {"at": (NOON + timedelta(seconds=40)).isoformat(), "by": "1001", "to": "service", "kind": "warm"}
    events = [
        flow(1, "caller.known", key=True, elder=True),
        flow(2, "notice.played"),
        cel(25, "HOLD", extra="1001"),
        cel(28, "UNHOLD", extra="1001"),
        cel(30, "CONSULT", "Local/02@transfer-0;2", extra="1001>service"),
        cel(30.1, "CHAN_START", "Local/1002@transfer-0;1"),
        cel(40, "ATTENDEDTRANSFER"),
        cel(41, "TRANSFER_RETURNED", extra="1001"),
        cel(42, "CUT_OFF", extra="1001"),
        flow(61, "rating.given", score=2),
        flow(70, "wrap_up.noted", agent="1001", disposition="service", text="ok"),
        flow(80, "case.closed", by="boss", outcome="refund"),
    ]
    assert told(a_call(transfers=[transfer]), events) == [
        "1 system: the caller is known: key customer、elder",
        "2 hotline: plays the emergency notice",
        "20 agent: agent 1001 answers",
        "25 agent: agent 1001 puts the caller on hold",
        "28 agent: agent 1001 is back with the caller",
        "30 agent: agent 1001 speaks with Customer service first",
        "40 agent: hands the caller over to Customer service, who knows the matter",
        "41 system: nobody takes the transfer, the caller goes back to agent 1001",
        "42 system: agent 1001's line is gone, the caller waits on, before all others",
        "60 caller: hangs up",
        "61 caller: rates the talk 2",
        "70 agent: agent 1001 notes: Customer service ok",
        "80 agent: boss closes the case: refund",
    ]


def test_waiting_and_what_is_chosen_instead_are_told() -> None:
    events = [
        Event("queue_log", "EXITWITHKEY", NOON + timedelta(seconds=30), "u.0", "u.0", {"queue": "service"}),
        flow(31, "wait.choice", choice="callback"),
        flow(31, "wait.choice", choice="nonsense"),
        flow(35, "callback.requested", number="13700000000"),
        flow(36, "message.discarded", why="short"),
        flow(37, "message.left", seconds=9.5),
        flow(38, "rating.given"),
    ]
    record = a_call(answered_at=None, agent=None, outcome="callback", hung_up_by="system")
    assert told(record, events) == [
        "30 caller: presses a key while queued",
        "31 caller: chooses a callback",
        "35 caller: asks to be called back at 13700000000",
        "36 system: the message is not kept (short)",
        "37 caller: leaves a message of 9.5 s",
        "38 caller: rates the talk ?",
        "60 system: the hotline says goodbye and ends the call",
    ]


def test_whose_own_agent_does_not_answer_has_not_waited_in_vain() -> None:
    own = {"queue": "service", "agent": "1001", "args": [], "own": True}
    at, kinds = NOON + timedelta(seconds=30), ("ENTERQUEUE", "RINGNOANSWER", "EXITWITHTIMEOUT")
    lines = told(a_call(), [Event("queue_log", kind, at, "u.0", "u.0", own) for kind in kinds])
    assert "30 system: agent 1001 does not answer" in lines
    assert not any("timed out" in line for line in lines)


@pytest.mark.parametrize(("result", "words"), [("BUSY", "is busy"), ("CONGESTION", "did not get through (CONGESTION)")])
def test_a_callback_tells_whom_it_called_and_what_became_of_it(result: str, words: str) -> None:
    record = a_call(direction="outbound", callback_of="first", called="13700000000", answered_at=None)
    events = [
        cel(1, "CALLBACK_PLACE", extra="first/1"),
        cel(5, "CALLBACK_DIALLED", extra="first/1"),
        cel(30, "CALLBACK_RESULT", extra=f"first/1/{result}"),
    ]
    lines = told(record, events)
    assert lines[:2] == ["1 system: the place in line is kept", "5 system: calls 13700000000 back"]
    assert words in lines[2]


def test_both_languages_say_the_same_things() -> None:
    assert MESSAGES["zh-CN"].keys() == MESSAGES["en"].keys()
    assert PROMPTS["zh-CN"].keys() == PROMPTS["en"].keys()
