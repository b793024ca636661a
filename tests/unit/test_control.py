"""Commands for agents: what Asterisk is asked to do for each, and what is refused before it is asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.hotline import load_hotline
from ivr.instance import Instance
from ivr.settings import ROOT, Settings
from ivr.telephony.asterisk_control import AsteriskControl
from ivr.telephony.control import AsteriskUnreachable, Call, CommandRefused, CommandUncertain, Control, is_desk_call
from ivr.telephony.duty import ROSTER
from ivr.telephony.features import queue_numbers
from tests.ami_server import SECRET, FakeAmi, FakeMember, ami_server

NOW = 1_772_445_600
FEATURES = """
[general]
atxferabort = *1
atxfercomplete => *2 ; with a remark
atxferthreeway = *3
[featuremap]
atxfer = *7
[applicationmap]
hold = *5,self,Gosub,"agent-hold,s,1",default
"""


@pytest.fixture
def fake() -> Iterator[FakeAmi]:
    queues = {
        ROSTER: {"PJSIP/1001": FakeMember("1001")},
        "service": {"PJSIP/1001": FakeMember("1001")},
        "booking": {},
    }
    with ami_server(queues=queues) as server:
        yield server


@pytest.fixture
def control(fake: FakeAmi, settings: Settings) -> Iterator[AsteriskControl]:
    settings.paths.create()
    hotline = load_hotline(ROOT / "hotline.yaml")
    instance = Instance.create(settings.paths, hotline.agents)
    point_to(settings, instance, fake)
    (settings.paths.asterisk / "etc").mkdir()
    (settings.paths.asterisk / "etc" / "features.conf").write_text(FEATURES)
    made = AsteriskControl(settings, lambda: NOW)
    yield made
    made.close()


def point_to(settings: Settings, instance: Instance, fake: FakeAmi) -> None:
    """Have the instance's file name the stand-in."""
    changed = instance.model_copy(update={"ami": fake.port, "ami_secret": SECRET})
    settings.paths.instance_file.write_text(changed.model_dump_json())


def talking(fake: FakeAmi, desk: str = "1001", bridge: str = "b-1") -> None:
    fake.channels = [
        {"Channel": "PJSIP/trunk-sample-00000001", "Uniqueid": "i-1.1", "Linkedid": "i-1.1", "ChannelState": "6"},
        {
            "Channel": f"PJSIP/{desk}-00000002",
            "Uniqueid": "i-1.2",
            "Linkedid": "i-1.1",
            "ChannelState": "6",
            "BridgeId": bridge,
        },
    ]


def pressed(fake: FakeAmi) -> list[tuple[str, str, str]]:
    return [(a["Channel"], a["Digit"], a["Receive"]) for a in fake.done("PlayDTMF")]


def test_the_implementation_is_what_everybody_codes_against(control: AsteriskControl) -> None:
    def takes(_: Control) -> None: ...

    takes(control)


def test_logging_out_takes_the_agent_out_of_every_queue_the_roster_first(
    fake: FakeAmi, control: AsteriskControl
) -> None:
    control.log_out("1001")
    assert fake.members() == set()
    assert [a["Queue"] for a in fake.done("QueueRemove")] == [ROSTER, "service"]
    control.log_out("1001")


def test_logging_in_at_another_desk_moves_the_agent_and_logs_out_who_sat_there(
    fake: FakeAmi, control: AsteriskControl
) -> None:
    control.log_in("1002", desk="1001")
    assert {(queue, agent) for queue, agent, _ in fake.members()} == {
        (ROSTER, "1002"),
        ("service", "1002"),
        ("booking", "1002"),
    }
    assert {place for _, _, place in fake.members()} == {"PJSIP/1001"}
    control.log_in("1002")
    assert {place for _, _, place in fake.members()} == {"PJSIP/1002"}


def test_logging_in_twice_changes_nothing(fake: FakeAmi, control: AsteriskControl) -> None:
    before = fake.members()
    control.log_in("1001")
    assert fake.members() == before and fake.done("QueueAdd") == []


def test_a_pause_has_a_reason_and_may_be_repeated(fake: FakeAmi, control: AsteriskControl) -> None:
    control.pause("1001", "2")
    control.pause("1001", "2")
    [asked] = fake.done("QueuePause")
    assert (asked["Paused"], asked["Reason"], asked["Interface"]) == ("true", "2", "PJSIP/1001")
    control.unpause("1001")
    assert fake.queues["service"]["PJSIP/1001"].paused == "0"


@pytest.mark.parametrize("reason", ["", "x" * 33, "go home", "1\r\nAction: Logoff", "${SHELL(id)}"])
def test_a_reason_that_is_none_is_refused(control: AsteriskControl, reason: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        control.pause("1001", reason)
    assert refused.value.reason == "unknown_reason"


def test_pausing_somebody_who_is_off_duty_is_refused(control: AsteriskControl) -> None:
    with pytest.raises(CommandRefused) as refused:
        control.pause("1002", "1")
    assert refused.value.reason == "logged_out"


def test_an_early_end_of_the_wrap_up_puts_the_agent_back_in_line_at_once(
    fake: FakeAmi, control: AsteriskControl, settings: Settings
) -> None:
    text = settings.hotline_file.read_text().replace("ring_seconds: 15", "ring_seconds: 15\n    wrap_up_seconds: 600")
    settings.paths.hotline_in_force.write_text(text)
    fake.queues["service"]["PJSIP/1001"].last_call = NOW - 5
    control.end_wrap_up("1001")
    assert fake.queues["service"]["PJSIP/1001"].last_call == 0
    assert fake.queues[ROSTER]["PJSIP/1001"].name == "1001", "on duty all the time"


def test_hold_presses_what_the_phone_would_send_on_the_agents_own_channel(
    fake: FakeAmi, control: AsteriskControl
) -> None:
    talking(fake)
    control.hold("1001")
    assert pressed(fake) == [("PJSIP/1001-00000002", "*", "true"), ("PJSIP/1001-00000002", "5", "true")]


@pytest.mark.parametrize(("command", "keys"), [("complete_transfer", "*2"), ("cancel_transfer", "*1"), ("join", "*3")])
def test_each_step_of_a_transfer_is_its_key(fake: FakeAmi, control: AsteriskControl, command: str, keys: str) -> None:
    talking(fake, bridge="")
    getattr(control, command)("1001")
    assert "".join(digit for _, digit, _ in pressed(fake)) == keys


@pytest.mark.standards("S8")
def test_s8_consulting_and_transferring_reach_agents_and_queues_by_number(
    fake: FakeAmi, control: AsteriskControl, settings: Settings
) -> None:
    talking(fake)
    numbers = queue_numbers(load_hotline(settings.hotline_file))
    control.consult("1001", "1002")
    control.blind_transfer("1001", "booking")
    [asked], [blind] = fake.done("Atxfer"), fake.done("BlindTransfer")
    assert (asked["Channel"], asked["Exten"], asked["Context"]) == ("PJSIP/1001-00000002", "1002", "transfer")
    assert (blind["Exten"], blind["Context"]) == (numbers["booking"], "transfer")


@pytest.mark.parametrize("to", ["9999", "nowhere", "13800000000", "02", ""])
def test_a_call_is_sent_nowhere_but_to_agents_and_queues(fake: FakeAmi, control: AsteriskControl, to: str) -> None:
    talking(fake)
    with pytest.raises(CommandRefused) as refused:
        control.blind_transfer("1001", to)
    assert refused.value.reason == "unknown_target" and fake.done("BlindTransfer") == []


def test_commands_for_a_call_without_a_call_are_refused(control: AsteriskControl) -> None:
    for command in (control.hold, control.hang_up, control.join):
        with pytest.raises(CommandRefused) as refused:
            command("1001")
        assert refused.value.reason == "no_call"


def test_a_phone_put_down_asks_for_it_itself_so_that_the_queue_counts_the_agents_hang_up(
    fake: FakeAmi, control: AsteriskControl
) -> None:
    talking(fake)
    control.hang_up("1001")
    [asked] = fake.done("Redirect")
    assert (asked["Channel"], asked["Context"]) == ("PJSIP/1001-00000002", "put-down")
    assert not fake.done("Hangup")


def test_a_phone_put_down_during_a_consultation_hands_the_caller_over(fake: FakeAmi, control: AsteriskControl) -> None:
    talking(fake)
    fake.channels.append({"Channel": "Local/1002@transfer-00000001;1", "ChannelState": "6", "BridgeId": "b-1"})
    control.hang_up("1001")
    assert fake.done("Hangup") and not fake.done("Redirect")


@pytest.mark.standards("S24")
def test_s24_a_supervisor_listens_to_the_own_team_only(fake: FakeAmi, control: AsteriskControl) -> None:
    talking(fake)
    control.supervise("1003", "1001", "whisper")
    [asked] = fake.done("Originate")
    assert asked["Channel"] == "Local/1003@ring-desk/n", "not the phone itself: Asterisk would go where a 302 sends it"
    goes_on = ["__RING_CONTEXT=supervise", "__RING_EXTEN=21001", "__SUPERVISOR=1003"]
    assert asked["Variable"] == goes_on and asked["Async"] == "true"
    assert is_desk_call(asked["ChannelId"])
    with pytest.raises(CommandRefused) as refused:
        control.supervise("1001", "1003", "listen")
    assert refused.value.reason == "not_own_team" and len(fake.done("Originate")) == 1


def test_no_phone_is_dialled_but_by_the_dialplan_which_does_not_follow_a_302() -> None:
    with pytest.raises(ValueError, match="Local"):
        Call(channel="PJSIP/1001", context="hold-reminder", exten="s")


def test_a_placed_call_carries_its_ids_and_variables_unharmed(fake: FakeAmi, control: AsteriskControl) -> None:
    control.originate(
        Call(
            channel="Local/place@callback/n",
            context="callback",
            exten="s",
            channel_id="cb-1",
            other_channel_id="cb-1b",
            variables={"A": "1", "B": 'a,b"c'},
        )
    )
    [asked] = fake.done("Originate")
    assert (asked["ChannelId"], asked["OtherChannelId"]) == ("cb-1", "cb-1b")
    assert asked["Variable"] == ["A=1", 'B=a\\,b\\"c']


def test_a_call_whose_placing_is_uncertain_is_not_placed_again(fake: FakeAmi, control: AsteriskControl) -> None:
    fake.cut = {"Originate"}
    with pytest.raises(CommandUncertain):
        control.originate(Call(channel="Local/place@callback/n", context="callback", exten="s"))
    assert len(fake.done("Originate")) == 1


def test_nothing_is_done_while_asterisk_is_away(settings: Settings, tmp_path: Path) -> None:
    settings.paths.create()
    Instance.create(settings.paths, ["1001", "1002", "1003"])
    with pytest.raises(AsteriskUnreachable):
        AsteriskControl(settings).log_out("1001")
