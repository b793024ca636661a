"""One call, rich in small courtesies: what the system does so that an agent can keep S2, S5, S6, S9 and S13."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from ivr.calls.record import CallRecord
from ivr.demo.voices import AGENT, CALLER, speak
from ivr.telephony.asterisk_control import AsteriskControl
from tests.live.conftest import Running, listen
from tests.live.ears import Ears
from tests.live.talks import rings
from tests.live.test_callers import business, known, lasts, on_the_line, operator

NUMBER = "13500000090"
INFORMATION = "choice_nobody"
"""Any prompt can be an information; this one every instance has."""
AGENT_SAYS = "请问还有其他可以帮您的吗？感谢您的来电，再见。"
CALLER_SAYS = "好的，谢谢。"


@dataclass
class Story:
    """The call as everybody has it: what the two heard, what the journal holds, and the record."""

    live: Running
    agent: Ears
    caller: Ears
    prompts: list[str]
    keys: list[dict[str, Any]]
    record: CallRecord


@pytest.fixture(scope="module")
def story(live: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """王建国 asks for an information, twice, then for a person, who takes leave of him; he puts the phone down."""
    folder = tmp_path_factory.mktemp("story")
    words = speak(AGENT_SAYS, AGENT, folder / "agent.wav"), speak(CALLER_SAYS, CALLER, folder / "caller.wav")
    operator(live, "customers", "add", "王建国", "--number", NUMBER, "--title", "先生")
    known(live, NUMBER, lambda facts: facts.surname == "王")
    with closing(AsteriskControl(live.settings)) as control:
        control.log_in("1001")
        control.unpause("1001")
    with business(live, _with_information), live.agent_phone() as agent, on_the_line(live, NUMBER) as caller:
        for count, key in enumerate("8*0", start=1):
            caller.wait("menu.entered", count=count)
            if count > 1:
                listen(_seconds(live, "note_down") + _seconds(live, INFORMATION) + 0.5)
            caller.press(key)
        rings(agent, seconds=60)
        agent.answer()
        caller.wait("BRIDGE_ENTER", count=2)
        for phone, sound in zip((agent, caller.phone), words, strict=True):
            listen(phone.say(sound) + 0.3)
        caller.phone.hang_up()
        agent.wait_for("CALL_CLOSED")
        ears = Ears(agent, live.settings.paths, folder), Ears(caller.phone, live.settings.paths, folder)
        record = live.record(caller.call_id, lambda record: record.score is not None)
        yield Story(live, *ears, caller.heard, caller.all("menu.key"), record)


def _with_information(data: dict[str, Any]) -> None:
    label = {"zh-CN": "通知", "en": "News"}
    data["menus"]["main"]["options"]["8"] = {"label": label, "say": INFORMATION}


def _seconds(live: Running, prompt: str) -> float:
    return lasts(live, {"prompt": prompt, "language": "zh-CN"}).total_seconds()


def verdict(record: CallRecord, standard: str) -> str:
    assert record.score is not None
    (item,) = [item for item in record.score.items if item["standard"] == standard]
    return str(item["verdict"])


@pytest.mark.standards("S2")
def test_s2_the_agent_hears_by_which_name_the_caller_is_addressed(story: Story) -> None:
    (name,) = story.agent.times("surname_wang2_male", torn=True)
    assert name < 2.5, "before the caller is put through"
    assert story.caller.times("surname_wang2_male") == [], "a whisper"


@pytest.mark.standards("S5")
def test_s5_the_caller_hears_the_work_number_and_only_that_stands_in_the_record(story: Story) -> None:
    assert len(story.caller.times("work_number_1001")) == 1
    assert story.record.agent == "1001"
    assert story.live.hotline.agents["1001"].name not in str(story.record.to_json())


@pytest.mark.standards("S6")
def test_s6_an_information_is_announced_and_repeated_at_a_key(story: Story) -> None:
    said = ["note_down", INFORMATION]
    assert [prompt for prompt in story.prompts if prompt in said] == said * 2
    assert story.caller.times("note_down") and story.caller.times(INFORMATION)
    assert [key["key"] for key in story.keys] == ["8", "*", "0"]


@pytest.mark.standards("S9")
def test_s9_a_caller_who_puts_the_phone_down_first_is_written_down_and_counts_for_the_agent(story: Story) -> None:
    assert story.record.hung_up_by == "caller"
    assert verdict(story.record, "S9") == "met"


@pytest.mark.standards("S13")
def test_s13_the_scorecard_hears_the_closing_words(story: Story) -> None:
    assert verdict(story.record, "S13") == "met"


@pytest.mark.standards("S17")
def test_s17_before_the_service_the_caller_hears_nothing_but_what_leads_to_it(story: Story) -> None:
    opening = {"greeting", "recording_notice", "recording_notice_short", "menu_main"}
    assert set(story.prompts) <= opening | {"note_down", INFORMATION, "after_info", "connecting", "all_busy"}
