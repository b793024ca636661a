"""Who is on duty: the queues' members follow from the roster and the business file, whatever happened before."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.own_agent import is_own_queue
from ivr.hotline import Hotline, load_hotline
from ivr.settings import ROOT
from ivr.telephony.ami import AmiClient
from ivr.telephony.duty import ROSTER, Add, Level, Member, Remove, Step, plan, read_members, settle, sync
from tests.ami_server import SECRET, FakeAmi, FakeMember, ami_server

SAMPLE = load_hotline(ROOT / "hotline.yaml")
AGENTS = sorted(SAMPLE.agents)


def business(**changes: object) -> Hotline:
    return Hotline.model_validate(
        SAMPLE.model_dump(mode="json", exclude={"queues", "surveys"}) | {"queues": QUEUES} | changes
    )


QUEUES = {
    "service": {"label": {"zh-CN": "服务", "en": "S"}, "hours": "always", "agents": {"1001": 1, "1002": 1, "1003": 2}},
    "booking": {"label": {"zh-CN": "预约", "en": "B"}, "hours": "always", "agents": {"1002": 1, "1003": 1}},
}
HOTLINE = business()


@pytest.fixture
def fake() -> Iterator[FakeAmi]:
    with ami_server(queues={ROSTER: {}, "service": {}, "booking": {}}) as server:
        yield server


@pytest.fixture
def client(fake: FakeAmi) -> Iterator[AmiClient]:
    with AmiClient(fake.address, "ivr-control", SECRET) as client:
        yield client


def on_duty(*agents: str) -> dict[str, FakeMember]:
    return {f"PJSIP/{agent}": FakeMember(agent) for agent in agents}


def test_at_the_first_start_everybody_with_a_phone_of_their_own_is_on_duty(
    fake: FakeAmi, client: AmiClient, tmp_path: Path
) -> None:
    sync(client, HOTLINE, tmp_path / "known")
    assert fake.members() == {
        *((ROSTER, agent, f"PJSIP/{agent}") for agent in AGENTS),
        *(("service", agent, f"PJSIP/{agent}") for agent in AGENTS),
        ("booking", "1002", "PJSIP/1002"),
        ("booking", "1003", "PJSIP/1003"),
    }
    assert fake.queues["service"]["PJSIP/1003"].penalty == 1, "level 2 is rung when no level 1 is free"


def test_who_logs_in_with_a_pin_is_not_on_duty_before(fake: FakeAmi, client: AmiClient, tmp_path: Path) -> None:
    agents = {n: {"name": "某", "login": "pin" if n == "1002" else "phone"} for n in AGENTS}
    sync(client, business(agents=agents), tmp_path / "known")
    assert {agent for _, agent, _ in fake.members()} == {"1001", "1003"}


def test_who_logged_out_stays_logged_out_at_the_next_start(fake: FakeAmi, client: AmiClient, tmp_path: Path) -> None:
    sync(client, HOTLINE, tmp_path / "known")
    del fake.queues[ROSTER]["PJSIP/1002"]
    sync(client, HOTLINE, tmp_path / "known")
    assert {agent for _, agent, _ in fake.members()} == {"1001", "1003"}


def test_a_new_agent_is_put_on_duty_by_a_reload_and_a_former_one_leaves_every_queue(
    fake: FakeAmi, client: AmiClient, tmp_path: Path
) -> None:
    sync(client, HOTLINE, tmp_path / "known")
    agents = {n: {"name": "某"} for n in ("1001", "1002", "2099")}
    queues = {"service": QUEUES["service"] | {"agents": ["1001", "1002", "2099"]}}
    sync(client, business(agents=agents, queues=queues, menus=MENUS, menu_start="main"), tmp_path / "known")
    members = {(queue, agent) for queue, agent, _ in fake.members()}
    assert {agent for queue, agent in members if queue == ROSTER} == {"1001", "1002", "2099"}
    assert {agent for queue, agent in members if queue == "service"} == {"1001", "1002", "2099"}
    assert not {agent for queue, agent in members if queue == "booking"}


MENUS = {"main": {"options": {"0": {"label": {"zh-CN": "人工", "en": "Person"}, "queue": "service"}}}}


def test_a_pause_is_carried_into_a_queue_that_an_agent_joins(fake: FakeAmi, client: AmiClient) -> None:
    fake.queues[ROSTER] = {"PJSIP/1002": FakeMember("1002", paused="1", reason="2")}
    settle(client, HOTLINE)
    assert {(m.paused, m.reason) for m in read_members(client)} == {(True, "2")}


def test_an_agent_at_another_desk_is_rung_there(fake: FakeAmi, client: AmiClient) -> None:
    fake.queues[ROSTER] = {"PJSIP/1001": FakeMember("1002")}
    fake.queues["service"] = on_duty("1001", "1002")
    settle(client, HOTLINE)
    assert ("service", "1002", "PJSIP/1001") in fake.members()
    assert {place for _, _, place in fake.members()} == {"PJSIP/1001"}


def test_a_level_that_changed_changes_without_logging_anybody_out(fake: FakeAmi, client: AmiClient) -> None:
    fake.queues[ROSTER] = on_duty("1003")
    fake.queues["service"] = fake.queues["booking"] = {}
    fake.queues["service"] = on_duty("1003")
    fake.queues["booking"] = on_duty("1003")
    settle(client, HOTLINE)
    assert fake.queues["service"]["PJSIP/1003"].penalty == 1
    assert fake.done("QueueRemove") == []


def test_what_somebody_else_did_meanwhile_is_no_error(fake: FakeAmi, client: AmiClient) -> None:
    """The dialplan and another process put the same agent on duty between the look and the command."""
    fake.queues[ROSTER] = on_duty("1001")
    late = fake.answer

    def answer(asked: dict[str, str]) -> list[list[tuple[str, str]]]:
        if asked["Action"] == "QueueAdd":
            fake.queues[asked["Queue"]].setdefault(asked["Interface"], FakeMember(asked["MemberName"]))
        return late(asked)

    fake.answer = answer  # type: ignore[method-assign]
    settle(client, HOTLINE)
    assert ("service", "1001", "PJSIP/1001") in fake.members()


def test_the_agents_own_queues_follow_as_far_as_asterisk_knows_them(fake: FakeAmi, client: AmiClient) -> None:
    """A new agent's comes with the next reload; until then that agent is not rung first, and all else is as ever."""
    fake.queues |= {"service-1001": {}, "booking-1002": {}, "service-9999": on_duty("1003")}
    fake.queues[ROSTER] = {"PJSIP/1001": FakeMember("1001", paused="1", reason="2"), "PJSIP/1003": FakeMember("1002")}
    settle(client, HOTLINE)
    own = {(queue, agent, place) for queue, agent, place in fake.members() if is_own_queue(queue)}
    assert own == {("service-1001", "1001", "PJSIP/1001"), ("booking-1002", "1002", "PJSIP/1003")}
    assert fake.queues["service-1001"]["PJSIP/1001"].reason == "2"


def test_who_leaves_a_queue_joins_the_others_anew(fake: FakeAmi, client: AmiClient) -> None:
    """Asterisk's memory of the last call's queue must not outlive the queue."""
    fake.queues |= {"gone": {}, "service-1002": {}}
    for queue in (ROSTER, "service", "booking", "service-1002", "gone"):
        fake.queues[queue] = on_duty("1002")
    settle(client, HOTLINE)
    assert {step["Queue"] for step in fake.done("QueueRemove")} == {"gone", "service", "booking", "service-1002"}
    assert {queue for queue, _, _ in fake.members()} == {ROSTER, "service", "booking", "service-1002"}
    assert settle(client, HOTLINE) == 0


members = st.builds(
    Member,
    queue=st.sampled_from([ROSTER, "service", "booking", "gone"]),
    agent=st.sampled_from([*AGENTS, "9999"]),
    interface=st.sampled_from([f"PJSIP/{n}" for n in [*AGENTS, "9999"]]),
    penalty=st.integers(0, 3),
    login_time=st.integers(0, 5),
)


def carried_out(before: list[Member], steps: list[Step]) -> list[Member]:
    """What app_queue makes of the steps."""
    there = {(m.queue, m.interface): m for m in before}
    for step in steps:
        match step:
            case Add():
                assert (step.queue, step.interface) not in there, "app_queue would refuse"
                there[step.queue, step.interface] = Member(step.queue, step.agent, step.interface, step.penalty)
            case Remove():
                del there[step.queue, step.interface]
            case Level():
                old = there[step.queue, step.interface]
                there[step.queue, step.interface] = Member(old.queue, old.agent, old.interface, step.penalty)
    return list(there.values())


@given(st.lists(members, unique_by=lambda m: (m.queue, m.interface)), st.sets(st.sampled_from(AGENTS)))
def test_once_carried_out_a_plan_leaves_nothing_to_do_and_nobody_at_two_desks(
    before: list[Member], newcomers: set[str]
) -> None:
    after = carried_out(before, plan(HOTLINE, before, newcomers))
    assert plan(HOTLINE, after) == []
    roster = [m for m in after if m.queue == ROSTER]
    assert len({m.agent for m in roster}) == len(roster)
    for queue, settings in HOTLINE.queues.items():
        assert {(m.agent, m.penalty) for m in after if m.queue == queue} == {
            (m.agent, settings.agents[m.agent] - 1) for m in roster if m.agent in settings.agents
        }
