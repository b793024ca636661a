"""A customer said when to call: plain words are agreed on by rule, all else waits for a person who listens (S26)."""

import datetime as dt
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from ivr.calls.journal import Journal
from ivr.hotline.survey_prompts import SAID_TIME
from ivr.store.models import Transcript
from ivr.store.session import Store
from ivr.store.surveys import Contact, ContactAttempt, comment_leg
from ivr.surveys.ids import attempt_call_id
from ivr.surveys.said_times import WORDS_WITHIN, TimeListener, TimeRefused, said_times, set_time
from tests.stores import engine_url, store
from tests.unit.test_cases import NOW, cases, hotline, put
from tests.unit.test_survey_cases import contact, opened

__all__ = ["engine_url", "store"]

ZONE = ZoneInfo("Asia/Shanghai")
SAID_AT = NOW.astimezone(ZONE).replace(hour=10, minute=0, second=0, microsecond=0)
MINUTE = dt.timedelta(minutes=1)
TOMORROW_AT_THREE = SAID_AT.replace(hour=15) + dt.timedelta(days=1)


def says(store: Store, *words: str, confidence: float = 0.95, state: str = "done", **facts: Any) -> str:
    """A customer who has no time says when to call; the contact's id. Without words: nothing is written down."""
    own = contact(store, state="planned", last_result="later", expires_at=SAID_AT + dt.timedelta(days=7))
    call = attempt_call_id(own, 1)
    with store.write() as session:
        session.get_one(Contact, own).time_said_in = call
        tried = {"number": "13800138000", "claimed_at": SAID_AT - MINUTE, "dialled_at": SAID_AT - MINUTE}
        session.add(ContactAttempt(contact_id=own, attempt=1, call_id=call, ended_at=SAID_AT, result="later", **tried))
        if words or state != "done":
            heard = [
                {"word": word, "start": n / 2, "end": n / 2 + 0.4, "confidence": confidence}
                for n, word in enumerate(words)
            ]
            leg = comment_leg(call, SAID_TIME)
            session.add(Transcript(leg_id=leg, state=state, made_at=SAID_AT, words=heard, **facts))
    return own


def agreed(store: Store, tmp_path: Path, now: dt.datetime = SAID_AT + MINUTE) -> list[dict[str, Any]]:
    """What the listener writes into the journal."""
    path = tmp_path / "flow.jsonl"
    TimeListener(store, hotline, Journal(path, lambda: now), lambda: now).look()
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def matters(store: Store, now: dt.datetime = SAID_AT + MINUTE) -> list[tuple[str, str]]:
    opened(store, now=now)
    return [(case.kind, case.matter) for case in cases(store).values()]


@pytest.mark.standards("S26")
def test_plain_words_are_agreed_on_and_trouble_nobody(store: Store, tmp_path: Path) -> None:
    own = says(store, "明天", "下午", "三点")
    [event] = agreed(store, tmp_path)
    assert (event["event"], event["call"], event["by"]) == ("contact.time_set", own, "")
    assert dt.datetime.fromisoformat(event["agreed"]) == TOMORROW_AT_THREE
    assert matters(store) == []


@pytest.mark.standards("S26")
def test_words_that_were_not_heard_for_sure_are_for_a_person(store: Store, tmp_path: Path) -> None:
    says(store, "明天", "下午", "三点", confidence=0.7)
    assert agreed(store, tmp_path) == []
    assert matters(store) == [("survey_time", "明天下午三点？")]
    assert matters(store) == [("survey_time", "明天下午三点？")], "one case, however often it is looked for"
    with store.read() as session:
        [said] = said_times(session, hotline(), session.scalars(select(Contact)).all())
    assert said.meant == TOMORROW_AT_THREE and said.agreed is None


def test_what_the_demonstration_model_heard_is_for_a_person(store: Store, tmp_path: Path) -> None:
    says(store, "明天", "下午", "三点", demonstration=True)
    assert agreed(store, tmp_path) == []
    assert matters(store) == [("survey_time", "明天下午三点？")]


def test_words_that_mean_no_moment_are_for_a_person(store: Store, tmp_path: Path) -> None:
    says(store, "不要", "再", "打", "了")
    assert agreed(store, tmp_path) == []
    assert matters(store) == [("survey_time", "不要再打了？")]


def test_words_that_nobody_could_write_down_are_for_a_person(store: Store) -> None:
    says(store, state="failed")
    assert matters(store) == [("survey_time", "")]


def test_words_are_waited_for_a_while_and_then_a_person_listens(store: Store) -> None:
    says(store, state="pending")
    assert matters(store, SAID_AT + WORDS_WITHIN) == []
    assert matters(store, SAID_AT + WORDS_WITHIN + MINUTE) == [("survey_time", "")]


def test_a_moment_that_passed_before_the_words_were_there_is_not_agreed_on(store: Store, tmp_path: Path) -> None:
    says(store, "一个", "小时", "以后")
    assert agreed(store, tmp_path, now=SAID_AT + dt.timedelta(hours=2)) == []


@pytest.mark.parametrize(
    ("after", "problem"),
    [(dt.timedelta(0), "over"), (dt.timedelta(days=121), "too_far"), (dt.timedelta(hours=13), "closed")],
)
def test_nobody_settles_a_moment_at_which_nobody_may_be_rung(tmp_path: Path, after: dt.timedelta, problem: str) -> None:
    business, journal = hotline(), Journal(tmp_path / "flow.jsonl")
    survey = business.surveys["after_service"]
    with pytest.raises(TimeRefused) as refused:
        set_time(journal, business, survey, "c", SAID_AT + after, SAID_AT, by="boss")
    assert refused.value.problem == problem
    assert not journal.path.exists()


def test_a_case_that_was_put_right_is_not_opened_again(store: Store) -> None:
    says(store, "不要", "再", "打", "了")
    assert len(matters(store)) == 1
    with store.write() as session:
        session.scalars(select(Contact)).one().agreed_at = TOMORROW_AT_THREE
    put(store)
    assert len(matters(store, SAID_AT + dt.timedelta(days=1))) == 1
