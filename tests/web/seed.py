"""A business with a few calls: one heard and judged in full, and one of every other kind a page must cope with."""

import datetime as dt
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np

from ivr.accounts.passwords import hash_password
from ivr.settings import StatePaths
from ivr.store.models import ROLES, Call, JournalEvent, Leg, LegRole, Score, Transcript, User, leg_id
from ivr.store.session import Store
from ivr.store.tables import Base

NOW = dt.datetime(2026, 11, 22, 2, 30, tzinfo=dt.UTC)
"""10:30 in Shanghai."""

PASSWORD = "a long pass phrase"
USERS = {"1001": "agent", "1002": "agent", "qa": "qa", "boss": "supervisor", "root": "admin"}

FULL = "ivr-test-1763778600.12"
OTHER_AGENTS = "ivr-test-1763775000.8"
RUNNING = "ivr-test-1763778900.16"
ABANDONED = "ivr-test-1763771400.4"
LOST_RECORDING = "ivr-test-1763767800.2"
CUT_SHORT = "ivr-test-1763764200.1"

CALLER = "13800138000"
SECONDS = 24.0
RATE = 8000

CALLER_WORDS = [
    ("您好", 9.0, 9.5, 0.97),
    ("我", 9.6, 9.8, 0.92),
    ("想", 9.8, 10.0, 0.95),
    ("预约", 10.0, 10.6, 0.99),
    ("保养", 10.6, 11.2, 0.99),
    ("大概", 13.2, 13.6, 0.41),
    ("多少", 13.6, 13.9, 0.9),
    ("钱", 13.9, 14.2, 0.93),
    ("好", 20.0, 20.3, 0.97),
    ("谢谢", 20.4, 20.9, 0.98),
]
AGENT_WORDS = [
    ("工号", 5.0, 5.5, 0.98),
    ("幺零零幺", 5.5, 6.4, 0.9),
    ("为您", 6.4, 6.8, 0.97),
    ("服务", 6.8, 7.3, 0.98),
    ("请问", 7.4, 7.8, 0.95),
    ("有什么", 7.8, 8.2, 0.93),
    ("可以", 8.2, 8.5, 0.96),
    ("帮您", 8.5, 8.9, 0.95),
    ("不知道", 15.0, 15.7, 0.93),
    ("请", 17.0, 17.2, 0.9),
    ("稍等", 17.2, 17.8, 0.96),
    ("再见", 21.5, 22.1, 0.98),
]


PROMPT_SECONDS = 1.5


def speak_greeting(paths: StatePaths, text: str) -> None:
    """One prompt with sound, as a build leaves it; all others have none."""
    folder = paths.prompts / "zh-CN"
    folder.mkdir(parents=True, exist_ok=True)
    for ending, rate, width in (("ulaw", 8000, 1), ("alaw", 8000, 1), ("sln16", 16000, 2)):
        (folder / f"greeting.{ending}").write_bytes(b"\x01" * int(PROMPT_SECONDS * rate) * width)
    made = {"text": text, "engine": "espeak-ng", "voice": "cmn-latn-pinyin+f2", "seconds": PROMPT_SECONDS}
    made |= {"lufs": -19.0, "made_at": NOW.isoformat(), "warnings": []}
    manifest = {"prompts": {"zh-CN/greeting": made}, "unavailable": {}}
    (paths.prompts / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def seed(store: Store, paths: StatePaths) -> None:
    """Fill an empty store and recordings folder."""
    Base.metadata.create_all(store.engine)
    password_hash = hash_password(PASSWORD)
    with store.write() as session:
        for login, role in USERS.items():
            session.add(User(login=login, name="", role=role, password_hash=password_hash, language="zh-CN"))
        session.add_all(_calls())
        session.flush()
        session.add_all(_full(paths))
        session.add_all(_troubled(paths))
        session.add_all(_journal())
    speak_greeting(paths, "您好，欢迎致电安行汽车售后服务中心。")


def _call(call_id: str, minutes_ago: float, **facts: Any) -> Call:
    started = NOW - dt.timedelta(minutes=minutes_ago)
    known: dict[str, Any] = {
        "direction": "inbound",
        "caller": CALLER,
        "called": "4008001001",
        "language": "zh-CN",
        "started_at": started,
        "recorded_at": started,
        "ended_at": started + dt.timedelta(seconds=SECONDS),
        "outcome": "answered",
        "queue": "service",
        "agent": "1001",
        "answered_at": started + dt.timedelta(seconds=5),
        "wait_seconds": 3.2,
        "talk_seconds": 18.8,
        "hung_up_by": "caller",
        "menu_path": ["main:0"],
    }
    return Call(id=call_id, **(known | facts))


def _unanswered(outcome: str, **facts: Any) -> dict[str, Any]:
    return {"outcome": outcome, "agent": None, "answered_at": None, "talk_seconds": None} | facts


def _calls() -> list[Call]:
    special = [
        _call(FULL, 10, queue="booking", menu_path=["main:1", "booking:1"]),
        _call(OTHER_AGENTS, 70, agent="1002", caller="02155667788", hung_up_by="agent"),
        _call(RUNNING, 1, **_unanswered("", ended_at=None, queue="service", hung_up_by=None, wait_seconds=None)),
        _call(ABANDONED, 130, **_unanswered("abandoned", caller=None, wait_seconds=41.0)),
        _call(LOST_RECORDING, 190),
        _call(CUT_SHORT, 250),
    ]
    special[2].outcome = None
    kinds = ("answered", "ended_in_menu", "message", "closed", "timed_out", "silent", "failed")
    others = []
    for index in range(40):
        kind = kinds[index % len(kinds)]
        facts = {} if kind == "answered" else _unanswered(kind)
        if kind in ("ended_in_menu", "silent"):
            facts |= {"queue": None, "wait_seconds": None, "menu_path": []}
        others.append(_call(f"ivr-test-17630{index:05}.1", 1500 + 97 * index, caller=f"1390000{index:04}", **facts))
    return [*special, *others]


def _full(paths: StatePaths) -> list[Any]:
    rows: list[Any] = []
    for role, words in zip(ROLES, (CALLER_WORDS, AGENT_WORDS), strict=True):
        relative = f"2026/11/22/{FULL}-{role}.wav"
        write_wav(paths.recordings / relative, SECONDS, [(start, end) for _, start, end, _ in words])
        rows.append(Leg(id=leg_id(FULL, role), call_id=FULL, role=role, recording=relative, seconds=SECONDS))
        rows.append(_transcript(FULL, role, words))
    rows.append(Score(call_id=FULL, total=55.6, items=_items(), made_at=NOW, model="demo-zh", demonstration=True))
    return rows


def _transcript(call_id: str, role: LegRole, words: list[tuple[str, float, float, float]]) -> Transcript:
    names = ("word", "start", "end", "confidence")
    return Transcript(
        leg_id=leg_id(call_id, role),
        state="done",
        model="demo-zh",
        demonstration=True,
        attempts=1,
        made_at=NOW,
        words=[dict(zip(names, word, strict=True)) for word in words],
    )


def _evidence(leg: str, start: float, end: float, text: str, confidence: float, **more: Any) -> dict[str, Any]:
    found = {"leg": leg, "start": start, "end": end, "text": text, "confidence": confidence, "instead": None}
    return found | more


def _item(rule: str, standard: str, verdict: str, weight: float, zh: str, en: str, **more: Any) -> dict[str, Any]:
    known = {"evidence": [], "reason": {}, "advice": {}, "auto_fail": False}
    label = {"zh-CN": zh, "en": en}
    return {"rule": rule, "standard": standard, "verdict": verdict, "weight": weight, "label": label} | known | more


def _items() -> list[dict[str, Any]]:
    instead = {"zh-CN": "请让我帮您查一下", "en": "请让我帮您查一下 (let me look that up for you)"}
    return [
        _item(
            *(
                "greeting",
                "S1",
                "met",
                25,
                "开头语：问候、公司名称、工号、主动询问",
                "Opening: greeting, company, work number",
            ),
            evidence=[_evidence("agent", 5.0, 7.3, "工号幺零零幺为您服务", 0.95)],
            reason={"zh-CN": "四项都已说到。", "en": "All four were said."},
        ),
        _item(
            *("forbidden_words", "S30", "not_met", 25, "服务禁语", "Words never to say"),
            evidence=[_evidence("agent", 15.0, 15.7, "不知道", 0.93, instead=instead)],
            reason={"zh-CN": "说了服务禁语。", "en": "A word that is never to be said was said."},
            advice={"zh-CN": "说能做到的，不说做不到的。", "en": "Say what can be done, not what cannot."},
        ),
        _item(
            *("closing", "S13", "not_assessable", 15, "结束语", "Closing"),
            reason={"zh-CN": "结尾的文字把握不足。", "en": "The end was not heard surely enough."},
        ),
        _item(*("caller_hangs_up_first", "S9", "met", 10, "客户先挂机", "The caller hangs up first")),
    ]


def _troubled(paths: StatePaths) -> list[Any]:
    cut = f"2026/11/22/{CUT_SHORT}-caller.wav"
    write_wav(paths.recordings / cut, 6.0, [(1.0, 2.0)])
    file = paths.recordings / cut
    file.write_bytes(file.read_bytes()[:40_001])
    broken = f"2026/11/22/{CUT_SHORT}-agent.wav"
    (paths.recordings / broken).write_bytes(b"not a recording")
    rows: list[Any] = [
        Leg(id=leg_id(CUT_SHORT, "caller"), call_id=CUT_SHORT, role="caller", recording=cut, seconds=2.5),
        Leg(id=leg_id(CUT_SHORT, "agent"), call_id=CUT_SHORT, role="agent", recording=broken, seconds=None),
        Transcript(leg_id=leg_id(CUT_SHORT, "caller"), state="pending"),
        Transcript(leg_id=leg_id(CUT_SHORT, "agent"), state="failed", attempts=2, error="the recording is damaged"),
    ]
    for role in ("caller", "agent"):
        gone = f"2026/11/22/{LOST_RECORDING}-{role}.wav"
        rows.append(
            Leg(id=leg_id(LOST_RECORDING, role), call_id=LOST_RECORDING, role=role, recording=gone, seconds=20.0)
        )
    return rows


def _journal() -> list[JournalEvent]:
    started = NOW - dt.timedelta(minutes=10)
    told = [
        (0.0, "call.started", {"caller": CALLER, "called": "4008001001", "language": "zh-CN"}),
        (0.1, "prompt.played", {"prompt": "greeting", "language": "zh-CN"}),
        (1.2, "menu.entered", {"menu": "main"}),
        (1.9, "menu.key", {"menu": "main", "key": "1", "label": "预约"}),
        (2.6, "menu.key", {"menu": "booking", "key": "1", "label": "保养"}),
        (2.8, "queue.joined", {"queue": "booking", "reason": "menu"}),
        (3.1, "wait.told", {"position": 1, "seconds": 20}),
        (5.0, "note", {"topic": "booking"}),
    ]
    return [
        JournalEvent(
            source="flow",
            position=f"flow:{index}",
            call_id=FULL,
            channel_id=None,
            at=started + dt.timedelta(seconds=at),
            kind=kind,
            data=facts,
        )
        for index, (at, kind, facts) in enumerate(told)
    ]


def write_wav(path: Path, seconds: float, spoken: list[tuple[float, float]]) -> None:
    """A recording that sounds where something is said and is silent elsewhere: 8 kHz, 16 bit, mono."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.zeros(int(seconds * RATE), dtype="<i2")
    for start, end in spoken:
        times = np.arange(int(start * RATE), int(end * RATE))
        shape = np.sin(np.linspace(0, np.pi, times.size))
        tone = np.sin(2 * np.pi * 220 * times / RATE)
        samples[times[0] : times[-1] + 1] = (9000 * shape * tone).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
