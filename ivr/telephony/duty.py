"""Who is on duty: Asterisk's queues know it themselves, so it holds whoever is dead, and outlives a restart.

Being a member of the queue `on-duty` IS being on duty: the member's name is the agent's work number, the interface is
the desk's phone (PJSIP/<work number of the desk>). Members of the business's queues follow from that and from the
business file: agents of the queue who are on duty, at their desk, level as penalty. The dialplan (feature codes)
does the same by AddQueueMember and RemoveQueueMember, `on-duty` always first:

    AddQueueMember(on-duty,PJSIP/<desk>,0,,<agent>,PJSIP/<desk>)
    AddQueueMember(<queue>,PJSIP/<desk>,<level - 1>,,<agent>,PJSIP/<desk>)      for every queue of the agent
    AddQueueMember(<queue>-<agent>,PJSIP/<desk>,0,,<agent>,PJSIP/<desk>)        likewise (ivr/calls/own_agent.py)

`sync` puts right what differs. An agent with `login: phone` who is new in the business file is put on duty once;
from then on only logging in and out changes it.
"""

import json
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from ivr.calls.own_agent import is_own_queue, own_queue
from ivr.hotline import Hotline
from ivr.instance import LOOPBACK, Instance
from ivr.settings import StatePaths
from ivr.telephony.ami import AmiClient, Message
from ivr.telephony.control import CommandRefused

log = logging.getLogger(__name__)

ROSTER = "on-duty"
_KNOWN = "known-agents.json"
_ROUNDS = 5
_ALREADY_SO = ("Already there", "Not there")


@dataclass(frozen=True)
class Member:
    """An agent's place in a queue, as app_queue's QueueMember event tells it."""

    queue: str
    agent: str
    interface: str
    penalty: int = 0
    paused: bool = False
    reason: str = ""
    status: int = 0
    """The phone's device state: 1 free, 2 in use, 3 busy, 5 unreachable, 6 ringing, 7 both, 8 on hold."""
    in_call: bool = False
    last_call: int = 0
    """When the last call ended, seconds since 1970; 0 when there was none."""
    last_pause: int = 0
    login_time: int = 0

    @property
    def desk(self) -> str:
        """The work number whose phone it is."""
        return self.interface.removeprefix("PJSIP/")


@dataclass(frozen=True)
class Add:
    """Put an agent into a queue."""

    queue: str
    agent: str
    interface: str
    penalty: int = 0
    paused: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Remove:
    """Take a phone out of a queue."""

    queue: str
    interface: str


@dataclass(frozen=True)
class Level:
    """Give a member of a queue another penalty."""

    queue: str
    interface: str
    penalty: int


Step = Add | Remove | Level


def interface_of(desk: str) -> str:
    return f"PJSIP/{desk}"


def plan(
    hotline: Hotline, members: Collection[Member], newcomers: Collection[str] = (), own_queues: Collection[str] = ()
) -> list[Step]:
    """What has to be done so that the queues' members are who they should be; the roster comes first.

    `own_queues`: the agents' own queues that Asterisk knows; a new agent's comes with the next reload.
    """
    roster, steps = _roster(hotline, members)
    taken = {member.interface for member in roster.values()}
    for agent in sorted(newcomers):
        own = interface_of(agent)
        if agent not in roster and own not in taken:
            steps.append(Add(ROSTER, agent, own))
            roster[agent] = Member(ROSTER, agent, own)
    wanted = {
        (name, roster[agent].interface): Add(
            name, agent, roster[agent].interface, level - 1, roster[agent].paused, roster[agent].reason
        )
        for name, queue in hotline.queues.items()
        for agent, level in queue.agents.items()
        if agent in roster
    }
    wanted |= {
        (own, add.interface): Add(own, add.agent, add.interface, 0, add.paused, add.reason)
        for add in list(wanted.values())
        if (own := own_queue(add.queue, add.agent)) in own_queues
    }
    there = {(m.queue, m.interface): m for m in members if m.queue != ROSTER}
    # app_queue keeps, by its address alone, the queue of a member's last call for the wrap-up. Who has left a queue
    # that may be gone with the next reload joins the others anew, which makes app_queue forget it.
    moved = {member.interface for key, member in there.items() if key not in wanted}
    for key, member in there.items():
        add = wanted.get(key)
        if add is None or add.agent != member.agent:
            steps.append(Remove(*key))
        elif member.interface in moved:
            steps += [Remove(*key), add]
        elif add.penalty != member.penalty:
            steps.append(Level(*key, add.penalty))
    steps += [add for key, add in wanted.items() if key not in there or there[key].agent != add.agent]
    return steps


def _roster(hotline: Hotline, members: Iterable[Member]) -> tuple[dict[str, Member], list[Step]]:
    """Who is on duty at which desk (the latest one logged in at), and what has to leave the roster."""
    roster: dict[str, Member] = {}
    gone: list[Step] = []
    for member in sorted((m for m in members if m.queue == ROSTER), key=lambda m: -m.login_time):
        known = member.agent in hotline.agents and member.desk in hotline.agents
        if known and member.agent not in roster:
            roster[member.agent] = member
        else:
            gone.append(Remove(ROSTER, member.interface))
    return roster, gone


def read_members(client: AmiClient) -> list[Member]:
    """Every member of every queue; raises ControlError."""
    return members_of(client.ask_list("QueueStatus"))


def members_of(status: Iterable[Message]) -> list[Member]:
    """Every member of every queue, from what QueueStatus told."""
    return [member_of(event) for event in status if event.event == "QueueMember"]


def own_queues(status: Iterable[Message]) -> set[str]:
    """The agents' own queues, from what QueueStatus told."""
    names = {event.get("Queue") for event in status if event.event == "QueueParams"}
    return {name for name in names if is_own_queue(name)}


def member_of(event: Message) -> Member:
    """A QueueMember event (Asterisk documentation, AMI event QueueMember)."""
    return Member(
        queue=event.get("Queue"),
        agent=event.get("Name"),
        interface=event.get("Location"),
        penalty=_whole(event.get("Penalty")),
        paused=event.get("Paused") == "1",
        reason=event.get("PausedReason"),
        status=_whole(event.get("Status")),
        in_call=event.get("InCall") == "1",
        last_call=_whole(event.get("LastCall")),
        last_pause=_whole(event.get("LastPause")),
        login_time=_whole(event.get("LoginTime")),
    )


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def carry_out(client: AmiClient, steps: Iterable[Step]) -> None:
    """Do the steps; one that somebody else has done meanwhile is done. Raises ControlError."""
    for step in steps:
        try:
            _do(client, step)
        except CommandRefused as refused:
            if not any(words in refused.message for words in _ALREADY_SO):
                raise


def _do(client: AmiClient, step: Step) -> None:
    match step:
        case Add():
            client.ask(
                "QueueAdd",
                repeatable=True,
                Queue=step.queue,
                Interface=step.interface,
                StateInterface=step.interface,
                MemberName=step.agent,
                Penalty=step.penalty,
                Paused="yes" if step.paused else "no",
                **({"Reason": step.reason} if step.reason else {}),
            )
        case Remove():
            client.ask("QueueRemove", repeatable=True, Queue=step.queue, Interface=step.interface)
        case Level():
            client.ask(
                "QueuePenalty", repeatable=True, Queue=step.queue, Interface=step.interface, Penalty=step.penalty
            )


def settle(client: AmiClient, hotline: Hotline, newcomers: Collection[str] = ()) -> int:
    """Carry out the plan until nothing differs any more; the number of steps. Raises ControlError."""
    done = 0
    for _ in range(_ROUNDS):
        status = client.ask_list("QueueStatus")
        steps = plan(hotline, members_of(status), newcomers, own_queues(status))
        if not steps:
            return done
        carry_out(client, steps)
        done += len(steps)
    raise CommandRefused("asterisk", "The queues' members do not become who they should be.", "look at asterisk.log")


def sync(client: AmiClient, hotline: Hotline, known_file: Path) -> int:
    """Put new agents on duty and every queue's members right; the number of steps. Raises ControlError, OSError.

    `known_file` remembers whom `login: phone` has put on duty before, so that who logged out stays logged out.
    """
    by_phone = {number for number, agent in hotline.agents.items() if agent.login == "phone"}
    known = _read_known(known_file)
    steps = settle(client, hotline, by_phone - known)
    if known != by_phone:
        draft = known_file.with_suffix(".new")
        draft.write_text(json.dumps(sorted(by_phone)))
        draft.replace(known_file)
    return steps


def control_client(instance: Instance) -> AmiClient:
    """The connection that may do things for agents."""
    return AmiClient((LOOPBACK, instance.ami), "ivr-control", instance.ami_secret)


def put_right(paths: StatePaths, instance: Instance, hotline: Hotline) -> int:
    """`sync` for a running instance; the number of steps. Raises ControlError, OSError."""
    with control_client(instance) as client:
        return sync(client, hotline, paths.state / _KNOWN)


def _read_known(file: Path) -> set[str]:
    try:
        return {str(number) for number in json.loads(file.read_text())}
    except (FileNotFoundError, ValueError, TypeError):
        return set()
