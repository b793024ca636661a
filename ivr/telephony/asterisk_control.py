"""`Control` carried out by Asterisk's manager interface.

Commands in the middle of a call press, on the agent's channel, the keys that the agent's phone would send
(features.conf): page and phone do the same thing, and the dialplan does the rest without Python.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ivr.hotline import Hotline, HotlineInForce
from ivr.instance import Instance
from ivr.settings import Settings
from ivr.telephony import duty
from ivr.telephony.agi import plain
from ivr.telephony.ami import AmiClient, Message
from ivr.telephony.control import DESK_SECONDS, Call, CaseCall, CommandRefused, DeskCall, SuperviseMode, desk_call_id
from ivr.telephony.duty import ROSTER, Member, interface_of
from ivr.telephony.features import SUPERVISE_DIGIT, Features, read_features, target_number

_UP = "6"
_RINGING = ("4", "5")
_REASON = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
TRANSFER_CONTEXT = "transfer"
PUT_DOWN_CONTEXT = "put-down"


@dataclass(frozen=True)
class Channel:
    """One of Asterisk's channels (AMI event CoreShowChannel)."""

    name: str
    id: str
    call: str
    caller: str
    up: bool
    ringing: bool
    bridge: str


class AsteriskControl:
    """`Control` for one instance; connects when first used, keeps one connection, and may be used by any thread."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        """`now`: seconds since 1970, as Asterisk counts them."""
        self._settings, self._now = settings, now
        self._in_force = HotlineInForce(settings)
        self._client: AmiClient | None = None

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    # ---- on and off duty -------------------------------------------------------------------------------

    def log_in(self, agent: str, desk: str | None = None) -> None:
        hotline = self._hotline(agent)
        place = interface_of(desk or agent)
        if desk is not None and desk not in hotline.agents:
            raise CommandRefused("unknown_agent", f"There is no phone {desk}.", "name an agent's phone")
        roster = [member for member in duty.read_members(self._ami) if member.queue == ROSTER]
        if not any(member.agent == agent and member.interface == place for member in roster):
            leaving = [m for m in roster if m.agent == agent or m.interface == place]
            duty.carry_out(self._ami, [duty.Remove(ROSTER, member.interface) for member in leaving])
            duty.settle(self._ami, hotline)
            duty.carry_out(self._ami, [duty.Add(ROSTER, agent, place)])
        duty.settle(self._ami, hotline)

    def log_out(self, agent: str) -> None:
        hotline = self._hotline(agent)
        seats = [m for m in duty.read_members(self._ami) if m.queue == ROSTER and m.agent == agent]
        duty.carry_out(self._ami, [duty.Remove(ROSTER, seat.interface) for seat in seats])
        duty.settle(self._ami, hotline)

    def pause(self, agent: str, reason: str) -> None:
        if not _REASON.fullmatch(reason):
            raise CommandRefused("unknown_reason", "That is no reason for a pause.", "see pause_reasons")
        self._set_paused(self._seat(agent), reason)

    def unpause(self, agent: str) -> None:
        self._set_paused(self._seat(agent), None)

    def end_wrap_up(self, agent: str) -> None:
        """A member who is taken out and put back has no last call, so app_queue waits for nothing."""
        hotline = self._hotline(agent)
        seat = self._seat(agent)
        mine = [m for m in duty.read_members(self._ami) if m.interface == seat.interface and m.queue != ROSTER]
        now = self._now()
        for member in mine:
            wrap_up = max(queue.wrap_up_seconds for queue in hotline.queues.values())
            if member.last_call and not member.in_call and now - member.last_call <= wrap_up:
                again = duty.Add(member.queue, agent, member.interface, member.penalty, member.paused, member.reason)
                duty.carry_out(self._ami, [duty.Remove(member.queue, member.interface), again])
        duty.settle(self._ami, hotline)

    def _set_paused(self, seat: Member, reason: str | None) -> None:
        if seat.paused == (reason is not None) and seat.reason == (reason or ""):
            return
        more = {"Reason": reason} if reason else {}
        paused = "true" if reason is not None else "false"
        self._ami.ask("QueuePause", repeatable=True, Interface=seat.interface, Paused=paused, **more)

    # ---- during a call ---------------------------------------------------------------------------------

    def hold(self, agent: str) -> None:
        self._press(agent, self._features.hold)

    def unhold(self, agent: str) -> None:
        self._press(agent, self._features.hold)

    def consult(self, agent: str, to: str) -> None:
        number = target_number(self._hotline(agent), to)
        channel = self._channel(agent)
        self._ami.ask("Atxfer", Channel=channel.name, Exten=number, Context=TRANSFER_CONTEXT)

    def complete_transfer(self, agent: str) -> None:
        self._press(agent, self._features.complete)

    def cancel_transfer(self, agent: str) -> None:
        self._press(agent, self._features.cancel)

    def join(self, agent: str) -> None:
        self._press(agent, self._features.join)

    def blind_transfer(self, agent: str, to: str) -> None:
        number = target_number(self._hotline(agent), to)
        channel = self._channel(agent, bridged=True)
        self._ami.ask("BlindTransfer", Channel=channel.name, Exten=number, Context=TRANSFER_CONTEXT)

    def hang_up(self, agent: str) -> None:
        """While the agent consults, the phone put down hands the caller over: what AMI's Hangup does as well."""
        channel = self._channel(agent)
        if channel.bridge and not self._consults(channel):
            self._ami.ask("Redirect", Channel=channel.name, Context=PUT_DOWN_CONTEXT, Exten="s", Priority=1)
        else:
            self._ami.ask("Hangup", repeatable=True, Channel=channel.name, Cause=16)

    def _consults(self, channel: Channel) -> bool:
        there = [other for other in read_channels(self._ami) if other.bridge == channel.bridge]
        return any(other.name.startswith("Local/") and f"@{TRANSFER_CONTEXT}-" in other.name for other in there)

    def _press(self, agent: str, keys: str) -> None:
        if not keys:
            raise CommandRefused("asterisk", "features.conf has no key for that.", "run `ivr reload`")
        channel = self._channel(agent)
        for key in keys:
            self._ami.ask("PlayDTMF", Channel=channel.name, Digit=key, Receive="true")

    # ---- placing calls ---------------------------------------------------------------------------------

    def supervise(self, supervisor: str, agent: str, mode: SuperviseMode) -> None:
        hotline = self._hotline(supervisor)
        if agent not in hotline.agents or not hotline.may_listen(supervisor, agent):
            raise CommandRefused("not_own_team", f"{supervisor} may not listen to {agent}.", "see `supervises`")
        self._channel(agent, bridged=True)
        desk = self._find_seat(supervisor)
        self.ring_desk(
            DeskCall(
                desk=desk.desk if desk else supervisor,
                context="supervise",
                exten=SUPERVISE_DIGIT[mode] + agent,
                caller_id=f"{supervisor} <{supervisor}>",
                variables={"SUPERVISOR": supervisor},
            )
        )

    def return_call(self, agent: str, number: str, case: CaseCall) -> None:
        hotline, seat = self._hotline(agent), self._seat(agent)
        if hotline.return_trunk is None:
            raise CommandRefused("no_trunk", "The business file names no trunk for this.", "set outbound.trunk")
        if any(channel.name.startswith(f"{seat.interface}-") for channel in read_channels(self._ami)):
            raise CommandRefused("on_a_call", f"Agent {agent} is on the phone.", "end that call first")
        self.ring_desk(
            DeskCall(
                desk=seat.desk,
                context="return-call",
                exten="s",
                caller_id=f'"回电 {plain(case.customer)[:40]}" <{number}>',
                call_id=case.call_id,
                variables={
                    "RETURN_CALL": case.call_id,
                    "RETURN_AGENT": agent,
                    "RETURN_NUMBER": number,
                    "RETURN_LANGUAGE": case.language,
                    "RETURN_KIND": case.kind,
                    "QUEUE": case.queue,
                    "IVR_SURNAME": case.surname,
                    "IVR_CUSTOMER": plain(case.customer)[:40],
                },
            )
        )

    def ring_desk(self, call: DeskCall) -> None:
        call_id = call.call_id or desk_call_id()
        goes_on = {"RING_CONTEXT": call.context, "RING_EXTEN": call.exten, **call.variables}
        self.originate(
            Call(
                channel=f"Local/{call.desk}@ring-desk/n",
                context="ring-desk",
                exten="answered",
                timeout_seconds=DESK_SECONDS + 5,
                caller_id=call.caller_id,
                channel_id=call_id,
                other_channel_id=f"{call_id}-desk",
                variables={f"__{name}": value for name, value in goes_on.items()},  # the phone's channel inherits them
            )
        )

    def originate(self, call: Call) -> None:
        headers: dict[str, Any] = {
            "Channel": call.channel,
            "Context": call.context,
            "Exten": call.exten,
            "Priority": 1,
            "Timeout": int(call.timeout_seconds * 1000),
            "Async": "true",
            "Variable": [f"{name}={_variable(value)}" for name, value in call.variables.items()],
            "CallerID": call.caller_id,
            "ChannelId": call.channel_id,
            "OtherChannelId": call.other_channel_id,
        }
        self._ami.ask("Originate", **{name: value for name, value in headers.items() if value})

    # ---- what a dialler sees, and stops ---------------------------------------------------------------------

    def channels(self) -> list[Channel]:
        """Every channel there is."""
        return read_channels(self._ami)

    def waiting_callers(self) -> int:
        """How many callers wait in all queues together."""
        queues = (event for event in self._ami.ask_list("QueueStatus") if event.event == "QueueParams")
        return sum(int(event.get("Calls") or 0) for event in queues)

    def drop(self, channel: Channel) -> None:
        """Hang a channel up; nothing when it is gone already."""
        try:
            self._ami.ask("Hangup", Channel=channel.name, Cause=16)
        except CommandRefused:
            if any(other.name == channel.name for other in self.channels()):
                raise

    # ---- inside ----------------------------------------------------------------------------------------

    @property
    def _ami(self) -> AmiClient:
        if self._client is None:
            self._client = duty.control_client(Instance.load(self._settings.paths))
        return self._client

    @property
    def _features(self) -> Features:
        return read_features(self._settings.paths)

    def _hotline(self, agent: str) -> Hotline:
        hotline = self._in_force()
        if agent not in hotline.agents:
            raise CommandRefused("unknown_agent", f"There is no agent {agent}.", "see `ivr agents`")
        return hotline

    def _find_seat(self, agent: str) -> Member | None:
        members = duty.read_members(self._ami)
        return next((m for m in members if m.queue == ROSTER and m.agent == agent), None)

    def _seat(self, agent: str) -> Member:
        seat = self._find_seat(agent)
        if seat is None:
            self._hotline(agent)
            raise CommandRefused("logged_out", f"Agent {agent} is not on duty.", "log in first")
        return seat

    def _channel(self, agent: str, bridged: bool = False) -> Channel:
        """The agent's end of the call: the talking one before any other."""
        self._hotline(agent)
        seat = self._find_seat(agent)
        place = seat.interface if seat else interface_of(agent)
        own = [c for c in read_channels(self._ami) if c.name.startswith(f"{place}-") and c.up]
        own.sort(key=lambda channel: not channel.bridge)
        if not own or (bridged and not own[0].bridge):
            raise CommandRefused("no_call", f"Agent {agent} has nobody on the line.")
        return own[0]


def read_channels(client: AmiClient) -> list[Channel]:
    """Every channel there is; raises ControlError."""
    return [channel_of(event) for event in client.ask_list("CoreShowChannels") if event.event == "CoreShowChannel"]


def channel_of(event: Message) -> Channel:
    """A CoreShowChannel event; `call` is Asterisk's linkedid."""
    return Channel(
        name=event.get("Channel"),
        id=event.get("Uniqueid"),
        call=event.get("Linkedid"),
        caller=event.get("CallerIDNum"),
        up=event.get("ChannelState") == _UP,
        ringing=event.get("ChannelState") in _RINGING,
        bridge=event.get("BridgeId"),
    )


def _variable(value: str) -> str:
    """A variable's value as Asterisk's AST_STANDARD_APP_ARGS reads it back."""
    return re.sub(r'([\\,"()\[\]])', r"\\\1", value)
