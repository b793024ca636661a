"""An agent's own keys at the phone: what is asked, what is done, what is written down."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agi_scripts import agent_desk
from ivr.calls.journal import Journal
from ivr.hotline import load_hotline
from ivr.settings import ROOT
from ivr.telephony.call import Call, Desk
from tests.flows.scripted import HANG_UP, NOON, Caller, Clock, StudioSounds, Told, on_the_line

PIN = "135790"


@dataclass
class AgentPhone(Caller):
    """The phone 1001, as [desk-codes] describes it."""

    code: str = "log_in"
    agent: str = "1001"
    on_duty: bool = True
    entering: str = ""
    reason: str = ""

    def answer(self, words: list[str]) -> str:
        match words:
            case ["GET", "FULL", "VARIABLE", expression] if expression.startswith("${CODE}"):
                duty = "yes" if self.on_duty else "no"
                return f"200 result=1 ({self.code},1001,{self.agent},{duty},{self.entering},{self.reason})\n"
            case ["GOSUB", context, _, "1", _] if context.startswith("duty-"):
                return "100 result=0 Trying...\n200 result=0 Gosub complete\n"
        return super().answer(words)

    @property
    def done(self) -> list[list[str]]:
        """The subroutines of the dialplan that were run."""
        return [words[1:] for words in self.commands if words[0] == "GOSUB" and words[1].startswith("duty-")]


def tell(phone: AgentPhone, journal: Path) -> Told:
    import json

    desk = Desk(
        load_hotline(ROOT / "hotline.yaml"),
        StudioSounds(),  # type: ignore[arg-type]
        Journal(journal, now=Clock(NOON).now),
        knows_pin=lambda agent, pin: (agent, pin) in {("1001", PIN), ("1002", "246801")},
    )
    error: BaseException | None = None
    with on_the_line(phone) as channel:
        call = Call(channel, desk)
        try:
            call.begin()
            agent_desk.run(call)
        except Exception as raised:
            error = raised
    lines = journal.read_text().splitlines() if journal.exists() else []
    return Told(phone, [json.loads(line) for line in lines], error)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "flow.jsonl"


def duty_events(told: Told) -> list[str]:
    return [name for name in told.event_names() if name.startswith(("agent.", "wrap_up."))]


def test_agent_logs_in_with_the_pin(journal: Path) -> None:
    phone = AgentPhone(keys=[PIN], on_duty=False)
    told = tell(phone, journal)
    assert phone.done == [["duty-log_in", "1001", "1", "1001"]]
    assert {k: told.event("agent.logged_in")[k] for k in ("agent", "desk")} == {"agent": "1001", "desk": "1001"}
    assert phone.heard == ["desk_pin", "desk_logged_in"]
    assert phone.variables["IVR_NEXT"] == "hangup"


def test_second_agent_at_a_desk_takes_it_over_and_the_first_is_logged_out(journal: Path) -> None:
    phone = AgentPhone(keys=["246801"], entering="1002")
    told = tell(phone, journal)
    assert phone.done == [["duty-log_in", "1002", "1", "1001"]]
    assert duty_events(told) == ["agent.logged_out", "agent.logged_in"]
    assert told.event("agent.logged_out")["agent"] == "1001"


@pytest.mark.parametrize("entering", ["", "1002", "9999"])
def test_wrong_pin_is_asked_for_three_times_and_then_nothing_has_changed(journal: Path, entering: str) -> None:
    phone = AgentPhone(keys=["111111", None, "246802"], on_duty=False, entering=entering)
    told = tell(phone, journal)
    assert phone.done == [] and duty_events(told) == []
    assert phone.heard == ["desk_pin", "desk_pin_again", "desk_pin_again", "desk_pin_wrong"]


def test_pin_stands_in_no_journal(journal: Path) -> None:
    tell(AgentPhone(keys=["111111", PIN], on_duty=False), journal)
    assert PIN not in journal.read_text() and "111111" not in journal.read_text()


def test_agent_logs_out(journal: Path) -> None:
    phone = AgentPhone(code="log_out", agent="1002")
    assert duty_events(tell(phone, journal)) == ["agent.logged_out"]
    assert [words[:2] for words in phone.done] == [["duty-log_out", "1002"]]


@pytest.mark.parametrize("code", ["log_out", "pause", "ready", "end_wrap_up"])
def test_whoever_is_not_on_duty_is_told_to_log_in_first(journal: Path, code: str) -> None:
    phone = AgentPhone(code=code, on_duty=False)
    assert duty_events(tell(phone, journal)) == []
    assert phone.done == [] and phone.heard == ["desk_not_logged_in"]


@pytest.mark.parametrize(("reason", "keys", "written"), [("2", [], "2"), ("", ["3"], "3"), ("", [None], "1")])
def test_pause_has_a_reason(journal: Path, reason: str, keys: list[str | None], written: str) -> None:
    phone = AgentPhone(code="pause", reason=reason, keys=keys)
    told = tell(phone, journal)
    assert told.event("agent.paused")["reason"] == written
    assert phone.done == [["duty-pause", "1001", "1", f"1001,{written}"]]


def test_reason_nobody_has_named_is_asked_for(journal: Path) -> None:
    phone = AgentPhone(code="pause", reason="9", keys=["1"])
    assert tell(phone, journal).event("agent.paused")["reason"] == "1"
    assert phone.heard[0] == "desk_pause_reason"


@pytest.mark.parametrize(("code", "event"), [("ready", "agent.unpaused"), ("end_wrap_up", "wrap_up.ended")])
def test_agent_is_free_again(journal: Path, code: str, event: str) -> None:
    phone = AgentPhone(code=code)
    assert duty_events(tell(phone, journal)) == [event]
    assert phone.done == [[f"duty-{code}", "1001", "1", "1001"]]


def test_agent_who_hangs_up_while_asked_for_the_pin_stays_off_duty(journal: Path) -> None:
    phone = replace(AgentPhone(on_duty=False), keys=[HANG_UP])
    assert duty_events(tell(phone, journal)) == []
    assert phone.done == []
