"""A call told as a timeline: what the caller, the hotline, the agents and the system did, and what was said."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Literal

from sqlalchemy.orm import Session

from ivr.calls.events import Event
from ivr.calls.projection import events_of
from ivr.calls.record import CallRecord, LegRecord, get_call
from ivr.calls.story_words import MESSAGES, PROMPTS, StoryLanguage
from ivr.calls.talk import work_number
from ivr.store.models import spoken_text
from ivr.surveys.events import ANSWER, CONFIRMED, DIALLED, ENDED, HEARD, NOT_ANSWERED, TAKEN_BACK
from ivr.surveys.events import ANSWERED as SURVEY_ANSWERED

Who = Literal["caller", "hotline", "agent", "system"]

PAUSE_SECONDS = 0.8
"""A silence longer than this ends an utterance."""

_PIECES = ("num_", "digit_", "unit_", "work_number", "opens_at", "day_", "weekday_", "daypart_", "time_", "surname_")
"""Prompts that are parts of a spoken number, time or name: telling them one by one tells nothing."""
_FAMILIES = (
    "survey",
    "holiday",
    "menu",
    "wait",
    "silent",
    "bad_line",
    "message",
    "rating",
    "callback",
    "closed",
    "choice",
)


@dataclass(frozen=True)
class StoryLine:
    """When, who, and what, in the reader's language."""

    at: datetime
    who: Who
    what: str


@dataclass(frozen=True)
class Utterance:
    """Words said without a pause; `start` and `end` in seconds from the recording's start."""

    start: float
    end: float
    text: str


def story(
    session: Session, call_id: str, language: StoryLanguage = "zh-CN", labels: Mapping[str, str] | None = None
) -> list[StoryLine]:
    """The timeline of a call; `labels` are the queues' names to show. Raises CallNotFound."""
    return tell(get_call(session, call_id), events_of(session, call_id), language, labels)


def tell(
    record: CallRecord,
    events: Iterable[Event],
    language: StoryLanguage = "zh-CN",
    labels: Mapping[str, str] | None = None,
) -> list[StoryLine]:
    """The same from what is known: pure."""
    teller = _Teller(record, language, labels or {})
    lines = [*teller.deeds(events), *teller.answered(), *teller.said(), *teller.ended()]
    return teller.merged(sorted(lines, key=lambda line: line[0].at))


def utterances(words: Sequence[Mapping[str, Any]], pause: float = PAUSE_SECONDS) -> list[Utterance]:
    """A leg's words as utterances, in order of time."""
    groups: list[list[Mapping[str, Any]]] = []
    for word in sorted(words, key=lambda word: float(word["start"])):
        if groups and float(word["start"]) - float(groups[-1][-1]["end"]) <= pause:
            groups[-1].append(word)
        else:
            groups.append([word])
    return [Utterance(float(g[0]["start"]), float(g[-1]["end"]), spoken_text(g)) for g in groups]


_Line = tuple[StoryLine, str | None]
"""A line; and the prompt's name when it is a prompt, for joining it with its neighbours."""


_Told = tuple[Who, str, Mapping[str, Any]]
"""Who did what: the message, and its facts."""

_LET_GO = ("callback", "message", "closed", "timed_out", "blocked", "silent", "surveyed")
"""Outcomes of calls that the hotline itself ends, with a goodbye."""

_MARKS = (("key", "key_customer"), ("elder", "elder"))
_BY_AGENT: dict[str, Who] = {
    "HOLD": "agent",
    "UNHOLD": "agent",
    "CONSULT": "agent",
    "TRANSFER_RETURNED": "system",
    "CUT_OFF": "system",
}
_BY_DIALPLAN = {
    "RECORDING": "recording",
    "CALLBACK_PLACE": "place",
    "CALLBACK_DIALLED": "calls_back",
    "RETURN_CALL_DIALLED": "calls_back",
    DIALLED: "rings_for_survey",
}
_TOLD_BY_FLOW: dict[str, tuple[Who, str]] = {
    "menu.wrong_key": ("caller", "wrong_key"),
    "menu.silent": ("caller", "silent"),
    "line.silent": ("caller", "line_silent"),
    "caller.blocked": ("system", "blocked"),
    "notice.played": ("hotline", "notice"),
    "callback.requested": ("caller", "asks_back"),
    "callback.cancelled": ("system", "callback_cancelled"),
    "callback.gave_up": ("system", "callback_gave_up"),
    "message.left": ("caller", "message"),
    "message.discarded": ("system", "message_discarded"),
    "rating.given": ("caller", "rates"),
    "rating.skipped": ("caller", "rates_not"),
    "case.taken": ("agent", "case_taken"),
    "case.closed": ("agent", "case_closed"),
    "case.given": ("agent", "case_given"),
    "case.called": ("agent", "case_called"),
    "case.escalated": ("system", "case_escalated"),
    "flow.failed": ("system", "flow_failed"),
    CONFIRMED: ("caller", "survey_confirmed"),
    ANSWER: ("caller", "survey_answer"),
    TAKEN_BACK: ("caller", "survey_taken_back"),
}


class _Facts(dict[str, Any]):
    """Facts of which one may be missing: a story is told all the same."""

    def __missing__(self, key: str) -> str:
        return "?"


class _Teller:
    def __init__(self, record: CallRecord, language: StoryLanguage, labels: Mapping[str, str]) -> None:
        self._record = record
        self._messages, self._prompts = MESSAGES[language], PROMPTS[language]
        self._labels = labels

    def deeds(self, events: Iterable[Event]) -> Iterator[_Line]:
        events = list(events)
        joined = [event.at for event in events if event.kind == "queue.joined" and event.at]
        for event in events:
            told = {"cel": self._cel, "queue_log": self._queue, "flow": self._flow}[event.source](event)
            if told is not None and event.at is not None:
                who, message, facts = told
                at = self._placed(event.at, joined) if event.source == "queue_log" else event.at
                yield StoryLine(at, who, self._text(message, **facts)), None
            elif event.kind == "prompt.played" and event.at is not None:
                name = self._prompt_name(str(event.data.get("prompt") or ""))
                if name:
                    yield StoryLine(_began(event, event.at), "hotline", name), name

    def _placed(self, at: datetime, joined: Sequence[datetime]) -> datetime:
        """queue_log knows whole seconds only: nothing in it came before the recording, or the flow's handing over."""
        earlier = [moment for moment in joined if moment < at + timedelta(seconds=1)]
        return max(at, self._record.recorded_at or self._record.started_at, *earlier)

    def said(self) -> Iterator[_Line]:
        start = self._record.recorded_at or self._record.started_at
        for leg in self._record.legs:
            who: Who = "agent" if leg.role == "agent" else "caller"
            began = self._message_began(leg) if leg.role == "message" else start
            for utterance in utterances(leg.words):
                at = began + timedelta(seconds=utterance.start)
                yield StoryLine(at, who, f"“{utterance.text}”"), None

    def _message_began(self, leg: LegRecord) -> datetime:
        message = self._record.message
        if message is None:
            return self._record.started_at
        return message.left_at - timedelta(seconds=message.seconds or leg.seconds or 0.0)

    def answered(self) -> Iterator[_Line]:
        if self._record.answered_at is not None:
            if self._record.callback_of:
                yield StoryLine(self._record.answered_at, "caller", self._text("answers_back")), None
                return
            text = self._text("answers", agent=self._record.agent or self._record.called or "")
            yield StoryLine(self._record.answered_at, "agent", text), None

    def ended(self) -> Iterator[_Line]:
        record = self._record
        if record.ended_at is None:
            return
        by = record.hung_up_by or "system"
        if record.outcome != "abandoned" or by != "caller":  # an abandon has been told as such
            let_go = "lets_go" if record.outcome in _LET_GO else "cut_off"
            yield StoryLine(record.ended_at, by, self._text(let_go if by == "system" else "hangs_up")), None
        if record.demonstration:
            yield StoryLine(record.ended_at, "system", self._text("demonstration")), None

    def merged(self, lines: Sequence[_Line]) -> list[StoryLine]:
        """Prompts said one after the other become one line."""
        told: list[StoryLine] = []
        for are_prompts, group in groupby(lines, key=lambda line: line[1] is not None):
            run = list(group)
            if are_prompts:
                names = list(dict.fromkeys(name for _, name in run if name))
                told.append(StoryLine(run[0][0].at, "hotline", self._text("plays", prompts=" · ".join(names))))
            else:
                told.extend(line for line, _ in run)
        return told

    # ---- one event -------------------------------------------------------------------------------------

    def _cel(self, event: Event) -> _Told | None:
        extra = event.data.get("extra", {})
        text = str(extra.get("extra", ""))
        if event.kind == "CHAN_START":
            return self._rings(event)
        if event.kind in _BY_DIALPLAN:
            return "system", _BY_DIALPLAN[event.kind], {"called": self._record.called or ""}
        if event.kind == SURVEY_ANSWERED:
            return "caller", "answers_back", {}
        if event.kind == NOT_ANSWERED:
            return "system", "survey_not_answered", {"result": "/".join(text.split("/")[2:])}
        if event.kind in ("CALLBACK_RESULT", "RETURN_CALL_RESULT"):
            result = text.rpartition("/")[2]
            known = f"callback_{result}" in self._messages
            return "system", f"callback_{result}" if known else "callback_failed", {"result": result}
        if event.kind == "WORK_NUMBER":
            return "hotline", "work_number", {"agent": text}
        if event.kind in _BY_AGENT:
            # CONSULT tells <agent>><to>, the others tell the agent alone.
            agent, _, to = text.partition(">")
            deed = "cut_off_by_us" if event.kind == "CUT_OFF" else event.kind.lower()
            return _BY_AGENT[event.kind], deed, {"agent": agent, "to": self._labels.get(to, to)}
        if event.kind in ("BLINDTRANSFER", "ATTENDEDTRANSFER"):
            return "agent", "transfers" if event.kind == "BLINDTRANSFER" else "hands_over", self._transfer(event)
        return None

    def _rings(self, event: Event) -> _Told | None:
        if event.channel_id == self._record.id:
            if self._record.callback_of or self._record.contact_id:
                return None
            caller = self._record.caller or self._messages["withheld"]
            return "caller", "calls", {"caller": caller, "called": self._record.called or ""}
        agent = work_number(str(event.data.get("channel", "")))
        # A consultation's Local channel is no phone.
        return ("system", "rings", {"agent": agent}) if agent and "Local/" not in event.data["channel"] else None

    def _transfer(self, event: Event) -> dict[str, Any]:
        at = event.at.isoformat() if event.at else None
        known = next((one for one in self._record.transfers if one.get("at") == at), None)
        to = str(known["to"] if known else event.data.get("extra", {}).get("extension", ""))
        return {"to": self._labels.get(to, to)}

    def _queue(self, event: Event) -> _Told | None:
        queue = str(event.data.get("queue") or "")
        queue = self._labels.get(queue, queue)
        if event.kind == "ENTERQUEUE":
            return "system", "joins" if not self._record.callback_of else "place_joins", {"queue": queue}
        if event.kind == "RINGNOANSWER":
            return "system", "no_answer", {"agent": event.data.get("agent") or ""}
        # From an agent of their own the caller goes on in the same line.
        if event.kind in ("EXITWITHTIMEOUT", "EXITEMPTY") and not event.data.get("own"):
            return "system", "exit", {"queue": queue}
        if event.kind == "EXITWITHKEY":
            return "caller", "key_in_line", {}
        # A line that went dead while queued is an abandon too, but nobody hung up.
        if event.kind == "ABANDON" and self._record.hung_up_by == "caller":
            return "caller", "abandons", {}
        return None

    def _flow(self, event: Event) -> _Told | None:
        data = event.data
        if event.kind == "menu.key":
            message = "key" if data.get("label") else "key_alone"
            return "caller", message, {"key": data.get("key"), "label": data.get("label")}
        if event.kind == "wait.told":
            seconds, facts = data.get("seconds"), {"position": data.get("position")}
            if isinstance(seconds, int | float):
                return "hotline", "wait_seconds", {**facts, "seconds": round(seconds)}
            return "hotline", "wait", facts
        if event.kind == "wait.choice":
            choice = f"choice_{data.get('choice')}"
            return ("caller", choice, {}) if choice in self._messages else None
        if event.kind == "caller.known":
            marks = [self._messages[message] for fact, message in _MARKS if data.get(fact)]
            return ("system", "known", {"marks": "、".join(marks)}) if marks else None
        if event.kind == "wrap_up.noted":
            disposition = str(data.get("disposition") or "")
            text = self._labels.get(disposition, disposition)
            return "agent", "noted", {"agent": data.get("agent", ""), "disposition": text, "text": data.get("text", "")}
        if event.kind in (HEARD, ENDED):
            told = f"survey_heard_{data.get('who')}" if event.kind == HEARD else f"survey_{data.get('result')}"
            return ("system", told, _Facts(data)) if told in self._messages else None
        if event.kind in _TOLD_BY_FLOW:
            who, message = _TOLD_BY_FLOW[event.kind]
            return who, message, _Facts(data)
        return None

    def _prompt_name(self, prompt: str) -> str | None:
        if not prompt or prompt.startswith(_PIECES):
            return None
        prompt = prompt.removesuffix("_short")
        family = next((family for family in _FAMILIES if prompt.startswith(f"{family}_")), prompt)
        return self._prompts.get(prompt) or self._prompts.get(family) or prompt

    def _text(self, message: str, **facts: Any) -> str:
        return self._messages[message].format_map(_Facts(facts))


def _began(event: Event, otherwise: datetime) -> datetime:
    """A prompt is written down when it is over; `began` says when it began."""
    try:
        began = datetime.fromisoformat(str(event.data.get("began", "")))
    except ValueError:
        return otherwise
    return began if began.tzinfo else otherwise
