"""Every survey and every way through it, by chance: nobody is trapped, sent in circles, or kept from a person."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_scripts.callback_survey import run
from ivr.calls.message_sound import Spoken
from ivr.hotline import Hotline, Survey, load_hotline
from ivr.settings import ROOT
from ivr.surveys.walk import STEPS
from ivr.telephony.agi import CallerHungUp

SAMPLE = load_hotline(ROOT / "hotline.yaml")
NOON = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
TEXT = {"zh-CN": "问题", "en": "Question"}
KEYS = st.sampled_from([None, *"0123456789*#"])
NO_END = st.sampled_from([None, *"12345678*#"])


@st.composite
def surveys(draw: st.DrawFn) -> Survey:
    """A survey of up to six questions of all kinds, with branches."""
    questions: list[dict[str, Any]] = []
    closed: list[str] = []
    for number in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["scale", "yes_no", "choice", "number", "comment"]))
        question: dict[str, Any] = {"id": f"q{number}", "kind": kind, "ask": TEXT}
        if kind == "choice":
            question["choices"] = dict.fromkeys(draw(st.sets(st.sampled_from("12345678"), min_size=1)), TEXT)
        if closed and draw(st.booleans()):
            question["only_if"] = {draw(st.sampled_from(closed)): ["1"]}
        if kind in ("scale", "yes_no"):
            closed.append(question["id"])
            question["bad"] = draw(st.sampled_from([[], ["1"], ["2"]]))
        questions.append(question)
    return Survey.model_validate({"label": TEXT, "purpose": TEXT, "questions": questions})


@dataclass
class Line:
    """A call as the flow sees it, with a customer who presses what comes; it behaves as ivr.telephony.call does."""

    hotline: Hotline
    keys: Iterator[str | None]
    order: str
    at_once: bool = False
    """Whether the customer presses before anything is said to its end."""
    journaled: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    pressed: list[str | None] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    now: datetime = NOON
    language: str = "zh-CN"

    def read(self, variables: str) -> str:
        return "DTMF" if "RECORD" in variables else self.order

    def journal(self, event: str, **facts: Any) -> None:
        self.journaled.append((event, facts))

    def play(self, *prompts: str) -> None:
        self.said += prompts

    def ask(self, *prompts: str, seconds: float = 4.0) -> str | None:
        self.said += prompts
        self.pressed.append(next(self.keys))
        return self.pressed[-1]

    def ask_digits(self, *prompts: str, most: int = 16, seconds: float = 6.0) -> str:
        key = self.ask(*prompts)
        return key if key and key.isdigit() else ""

    def record(self, what: str, most: int, least: float) -> Spoken:
        key = next(self.keys)
        return Spoken(f"{what}.wav", 3.0, "good" if key in ("1", "2") else "quiet", gone=False)

    def begun(self, prompt: str) -> bool:
        return prompt in self.said

    def heard(self, prompt: str) -> bool:
        return prompt in self.said and not self.at_once

    def can_say(self, prompt: str) -> bool:
        return True

    def briefly(self, prompt: str) -> str:
        return f"{prompt}_short"

    def open_queue(self, queue: str) -> str | None:
        return queue

    def queue_outlook(self, queue: str) -> Any:
        return SimpleNamespace(free_now=True)

    def enqueue(self, queue: str, reason: str) -> None:
        self.done.append("queue")

    def bye(self, *prompts: str) -> None:
        self.said += prompts
        self.done.append("bye")

    @property
    def result(self) -> str:
        [ended] = [facts for event, facts in self.journaled if event == "survey.ended"]
        return str(ended["result"])


def through(survey: Survey, keys: list[str | None], then: str | None, order: str = "", **more: Any) -> Line:
    """The call of a customer who presses these keys, and `then` for ever."""
    hotline = SAMPLE.model_copy(update={"surveys": {"s": survey}})

    def pressing() -> Iterator[str | None]:
        yield from keys
        while True:
            yield then

    line = Line(hotline, pressing(), order or "c,13800138000,s,surname_wang2_male,,,HUMAN,x,", **more)
    run(line)  # type: ignore[arg-type]
    return line


@given(surveys(), st.lists(KEYS, max_size=120), KEYS, st.booleans())
def test_every_way_ends_once_with_a_word_and_a_deed(
    survey: Survey, keys: list[str | None], then: str | None, at_once: bool
) -> None:
    line = through(survey, keys, then, at_once=at_once)
    assert len(line.done) == 1 and line.result
    assert len(line.pressed) <= 2 * STEPS


@given(surveys(), st.lists(NO_END, max_size=30))
def test_0_is_a_person_wherever_it_is_pressed(survey: Survey, keys: list[str | None]) -> None:
    line = through(survey, keys, "0")
    if "0" in line.pressed:
        assert line.result == "person"
        assert line.done == ["queue"]
        assert line.pressed.index("0") == len(line.pressed) - 1


@given(surveys(), st.lists(NO_END, max_size=30))
def test_9_is_never_again_wherever_keys_are_asked_for(survey: Survey, keys: list[str | None]) -> None:
    line = through(survey, keys, "9")
    if line.result == "do_not_call":
        assert line.pressed[-1] == "9"
        assert ("number.do_not_call", {"number": "13800138000", "reason": "key", "by": ""}) in line.journaled


@given(surveys(), st.lists(KEYS, max_size=60), KEYS)
def test_the_recording_is_told_to_whoever_is_asked_anything_and_nobody_is_asked_twice_unless_they_go_back(
    survey: Survey, keys: list[str | None], then: str | None
) -> None:
    line = through(survey, keys, then, at_once=True)
    events = [event for event, _ in line.journaled]
    if "survey.asking" in events or line.result == "person":
        assert "recording_notice_short" in line.said
    answered: set[str] = set()
    for event, facts in line.journaled:
        if event == "survey.answer":
            assert facts["question"] not in answered
            answered.add(facts["question"])
        elif event == "survey.taken_back":
            answered.discard(facts["question"])


@given(surveys(), st.lists(KEYS, max_size=60), KEYS)
def test_completed_means_that_all_that_was_due_has_been_asked(
    survey: Survey, keys: list[str | None], then: str | None
) -> None:
    line = through(survey, keys, then)
    given_answers: dict[str, str] = {}
    for event, facts in line.journaled:
        if event == "survey.answer":
            given_answers[facts["question"]] = facts["value"]
        elif event == "survey.taken_back":
            given_answers.pop(facts["question"], None)
    left = list(survey.due_questions(given_answers))
    if line.result == "completed":
        assert all(question.kind == "comment" for question in left), "only what was not understood is left"


@pytest.mark.standards("S10")
@given(surveys(), st.lists(KEYS, max_size=40), st.integers(0, 40))
def test_cut_off_anywhere_and_rung_again_ends_with_the_same_answers(
    survey: Survey, keys: list[str | None], cut: int
) -> None:
    """The first call is cut off after so many keys; the second one presses what would have come."""
    hotline = SAMPLE.model_copy(update={"surveys": {"s": survey}})

    def hangs_up() -> Iterator[str | None]:
        yield from keys[:cut]
        raise CallerHungUp

    first = Line(hotline, hangs_up(), "c,13800138000,s,surname_wang2_male,,,HUMAN,x,")
    try:
        run(first)  # type: ignore[arg-type]
    except CallerHungUp:
        asking, known = "", dict[str, str]()
        for event, facts in first.journaled:
            if event == "survey.asking":
                asking = facts["question"]
            elif event == "survey.answer":
                known[facts["question"]] = facts["value"]
                asking = "" if asking == facts["question"] else asking
            elif event == "survey.taken_back":
                known.pop(facts["question"], None)
        told = " ".join(f"{question}:{value}" for question, value in known.items())
        order = f"c,13800138000,s,surname_wang2_male,{asking},{told},HUMAN,x,"
        second = through(survey, ["1"], "1", order)
        assert second.result in ("completed", "declined")
        asked = [facts["question"] for event, facts in second.journaled if event == "survey.asking"]
        assert not set(asked) & set(known), "nothing that was answered is asked again"
        if asking:
            assert asked[0] == asking
