"""Surnames get their sound before their bearers are rung; without one a customer is greeted without a name."""

import datetime as dt
import json
import logging

import pytest
from sqlalchemy import delete

from ivr.hotline import load_hotline
from ivr.settings import ROOT, Settings
from ivr.speech import surname_sounds
from ivr.speech.build import build
from ivr.speech.engines import Engine
from ivr.speech.espeak import Espeak
from ivr.speech.prompts import PromptStore
from ivr.speech.surname_sounds import Addressed, ensure, missing_sounds, surname_sound
from ivr.store.customers import Customer, Visit
from ivr.store.session import Store
from ivr.store.surveys import Contact
from ivr.surveys.surnames import SurnameKeeper
from ivr.tools import ToolMissing, tool
from tests.stores import engine_url, store

__all__ = ["engine_url", "store"]

NOON = dt.datetime(2026, 11, 27, 4, tzinfo=dt.UTC)
HOTLINE = load_hotline(ROOT / "hotline.yaml")
SHAN = Addressed("单", "女士", "zh-CN")


@pytest.fixture(autouse=True)
def offline_voice(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[Engine]:
    """The offline voice alone; a test may take it away."""
    try:
        voices: list[Engine] = [Espeak(tool("espeak-ng"))]
    except ToolMissing as missing:
        pytest.skip(f"the offline voice is absent: {missing}")
    monkeypatch.setattr(surname_sounds, "engines", lambda settings, choice: list(voices))
    settings.paths.create()
    return voices


@pytest.fixture
def prompts(settings: Settings) -> PromptStore:
    return PromptStore(settings.paths, HOTLINE)


def test_a_rare_surname_has_no_prompt_until_it_has_a_sound(settings: Settings, prompts: PromptStore) -> None:
    assert surname_sound(prompts, SHAN) == ""
    assert missing_sounds(prompts, [SHAN, SHAN]) == [SHAN]
    assert ensure(settings, HOTLINE, [SHAN], NOON) == []
    assert surname_sound(prompts, SHAN) == "surname_shan4_female"
    assert missing_sounds(prompts, [SHAN]) == []


def test_an_english_call_says_mr_and_the_name_as_it_sounds_in_mandarin(
    settings: Settings, prompts: PromptStore
) -> None:
    mr_wang = Addressed("王", "先生", "en")
    assert ensure(settings, HOTLINE, [mr_wang], NOON) == []
    assert surname_sound(prompts, mr_wang) == "surname_wang2_male"
    assert prompts.manifest()["prompts"]["en/surname_wang2_male"]["text"] == "Mr 王"
    assert surname_sound(prompts, Addressed("王", "先生", "zh-CN")) == ""  # made when the business is started


def test_a_latin_name_is_said_in_both_languages(settings: Settings, prompts: PromptStore) -> None:
    whom = [Addressed("O'Brien", "女士", language) for language in HOTLINE.languages]
    assert ensure(settings, HOTLINE, whom, NOON) == []
    assert [surname_sound(prompts, who) for who in whom] == ["surname_obrien_female"] * 2


@pytest.mark.parametrize(
    "who", [Addressed("乐", "先生", "zh-CN"), Addressed("王", "", "zh-CN"), Addressed("", "先生", "en")]
)
def test_who_cannot_be_addressed_by_name_is_not_missing_one(
    settings: Settings, prompts: PromptStore, who: Addressed
) -> None:
    assert missing_sounds(prompts, [who]) == []
    assert surname_sound(prompts, who) == ""
    ensure(settings, HOTLINE, [who], NOON)
    assert list((settings.paths.prompts / "zh-CN").iterdir()) == []


def test_names_made_while_another_build_runs_are_not_forgotten(
    settings: Settings, prompts: PromptStore, offline_voice: list[Engine]
) -> None:
    """A supervisor's build and the scheduler's write one manifest."""
    prompts.prompts = {key: prompt for key, prompt in prompts.prompts.items() if key[1] == "survey_is_it"}

    def meanwhile(done: int, total: int, key: str) -> None:
        if done == 1:
            ensure(settings, HOTLINE, [SHAN], NOON)

    build(prompts, offline_voice, settings.cache_dir, NOON, meanwhile)
    made = json.loads(prompts.manifest_file.read_text())["prompts"]
    assert sorted(made) == ["en/survey_is_it", "zh-CN/surname_shan4_female", "zh-CN/survey_is_it"]


# --- the scheduler -----------------------------------------------------------------------------------


def planned(store: Store, surname: str, **facts: object) -> None:
    """A customer of this name whom a survey is to reach."""
    with store.write() as session:
        customer = Customer(name=f"{surname}某", surname=surname, title="先生", updated_at=NOON)
        session.add(customer)
        session.flush()
        visit = Visit(external_id=surname, customer_id=customer.id, kind="保养", at=NOON)
        session.add(visit)
        session.flush()
        contact = {
            "id": surname, "survey": "after_service", "visit_id": visit.id, "number": "13800138000",
            "language": "zh-CN", "due_at": NOON, "next_at": NOON, "expires_at": NOON + dt.timedelta(days=7),
        }  # fmt: skip
        session.add(Contact(**contact | facts))


@pytest.fixture
def keeper(settings: Settings, store: Store) -> SurnameKeeper:
    return SurnameKeeper(settings, store, lambda: NOON)


def test_the_scheduler_gives_a_sound_to_whoever_is_rung_within_a_day(keeper: SurnameKeeper, store: Store) -> None:
    planned(store, "单")
    planned(store, "仇", next_at=NOON + dt.timedelta(hours=23))
    planned(store, "解", next_at=NOON + dt.timedelta(hours=25))
    planned(store, "查", state="completed")
    assert keeper.look() == 0
    said = {name: keeper.sound(name, "先生", "zh-CN") for name in "单仇解查"}
    assert said == {"单": "surname_shan4_male", "仇": "surname_qiu2_male", "解": "", "查": ""}


def test_an_engine_that_is_gone_stops_nothing_is_told_once_without_names_and_tried_again(
    keeper: SurnameKeeper,
    store: Store,
    prompts: PromptStore,
    offline_voice: list[Engine],
    caplog: pytest.LogCaptureFixture,
) -> None:
    planned(store, "单")
    voice = offline_voice.pop()
    with caplog.at_level(logging.WARNING):
        assert keeper.look() == keeper.look() == 1
    assert len(caplog.records) == 1
    assert "单" not in caplog.text
    offline_voice.append(voice)
    assert keeper.look() == 0
    assert surname_sound(prompts, Addressed("单", "先生", "zh-CN")) == "surname_shan4_male"


def test_a_name_whose_bearer_is_forgotten_is_no_trouble(keeper: SurnameKeeper, store: Store) -> None:
    planned(store, "单")
    with store.write() as session:
        session.execute(delete(Customer))
    assert keeper.look() == 0
