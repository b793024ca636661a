"""What a page, a command or a rule may have Asterisk do for an agent, in the words of the trade.

`Control` is the protocol that everybody codes against; `ivr.telephony.asterisk_control` carries it out over AMI.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ivr.errors import IvrError

DESK_SECONDS = 30
"""So long a desk's phone rings for what we want of it."""
SuperviseMode = Literal["listen", "whisper", "join"]

Refusal = Literal[
    "unknown_agent",  # no such work number in the business file
    "logged_out",  # the agent is at no desk
    "no_call",  # the agent has nobody on the line
    "wrong_state",  # the call is in no state for this (join without a consultation, …)
    "unknown_reason",  # no reason for a pause
    "unknown_target",  # neither a work number nor a queue
    "not_own_team",  # a supervisor may listen to the own teams only (S24)
    "on_a_call",  # the agent is on the phone already
    "no_trunk",  # the business file names no trunk for this
    "asterisk",  # Asterisk said no
]


class ControlError(IvrError):
    """A command to the telephone system that was not carried out, or not for certain."""


class CommandRefused(ControlError):
    """Nothing was done; `reason` says why, for programs."""

    def __init__(self, reason: Refusal, message: str, remedy: str = "") -> None:
        self.reason: Refusal = reason
        super().__init__(message, remedy)


class AsteriskUnreachable(ControlError):
    """Nothing was done, for certain: Asterisk did not get the command. Trying again is safe."""


class CommandUncertain(ControlError):
    """Asterisk got the command and never answered: it may or may not have been done. Look before trying again."""


@dataclass(frozen=True)
class Call:
    """A call that Asterisk is to place (AMI Originate, always asynchronous).

    `channel` is what is dialled first (`Local/…@…/n`); once it answers it goes to `context`,`exten`. A phone itself
    is a ValueError: Asterisk would go wherever that sends it (SIP 302); only the dialplan's Dial can be told not to.
    `channel_id` becomes the channel's unique id: choose it, and the journal tells what became of the call.
    """

    channel: str
    context: str
    exten: str
    timeout_seconds: float = 30
    caller_id: str = ""
    channel_id: str = ""
    other_channel_id: str = ""
    """The unique id of a Local channel's second half."""
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.channel.startswith("Local/"):
            raise ValueError(f"{self.channel}: allowed: a Local channel")


@dataclass(frozen=True)
class DeskCall:
    """A desk's phone that Asterisk is to ring; answered, it goes on in `context`,`exten` with these variables.

    `call_id` becomes the id of the call; without one it is a call of nobody's (`is_desk_call`).
    """

    desk: str
    context: str
    exten: str
    caller_id: str = ""
    call_id: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


def desk_call_id() -> str:
    """An id for a phone that we ring by ourselves, to listen or to be reminded: no customer's call."""
    return f"desk-{secrets.token_hex(8)}"


def is_desk_call(call_id: str) -> bool:
    """Whether a call bears such an id."""
    return call_id.startswith("desk-")


@dataclass(frozen=True)
class CaseCall:
    """A return call on a case (S25): `call_id` becomes its id, `case` names the case for the journal.

    What the agent hears and sees first (S8): `surname` (a prompt), `kind` (of the case), `customer` in writing.
    `language`: the customer's; `queue`: whose line takes the customer if the agent forgets them on hold.
    """

    call_id: str
    case: str
    kind: str
    language: str
    queue: str
    surname: str = ""
    customer: str = ""


class Control(Protocol):
    """Every method returns once Asterisk has said yes, within seconds; it blocks, call it from no event loop.

    Agents are work numbers. Raises CommandRefused (nothing done), AsteriskUnreachable (nothing done),
    CommandUncertain (nobody knows). Log in, log out, pause, unpause and end_wrap_up may be repeated: what is so
    already stays so without an error.
    """

    def log_in(self, agent: str, desk: str | None = None) -> None:
        """On duty in all the agent's queues, at `desk` (whose phone; None: the own). Whoever sat there is logged out.

        The PIN has been checked by whoever calls this.
        """

    def log_out(self, agent: str) -> None:
        """Off duty: no new caller from now on; the one on the line is finished first (S11)."""

    def pause(self, agent: str, reason: str) -> None:
        """No new caller while paused; `reason` is a key of `pause_reasons` in the business file, or a word."""

    def unpause(self, agent: str) -> None:
        """Free again."""

    def end_wrap_up(self, agent: str) -> None:
        """Free again before the wrap-up time is over (S14)."""

    def hold(self, agent: str) -> None:
        """The caller hears words and music (S7). Refused: no_call, wrong_state."""

    def unhold(self, agent: str) -> None:
        """The caller is back on the line."""

    def consult(self, agent: str, to: str) -> None:
        """The caller is put on hold and `to` is rung: a work number or a queue's name (S8)."""

    def complete_transfer(self, agent: str) -> None:
        """The one consulted takes the caller over; the agent is out."""

    def cancel_transfer(self, agent: str) -> None:
        """The one consulted is let go; the agent is with the caller again."""

    def join(self, agent: str) -> None:
        """Caller, agent and the one consulted talk together."""

    def blind_transfer(self, agent: str, to: str) -> None:
        """The caller goes to `to`, and comes back to the agent when nobody answers there."""

    def hang_up(self, agent: str) -> None:
        """The agent's end of the call is put down."""

    def supervise(self, supervisor: str, agent: str, mode: SuperviseMode) -> None:
        """The supervisor's phone rings; answered, it hears the agent's call. Refused: not_own_team, no_call."""

    def return_call(self, agent: str, number: str, case: CaseCall) -> None:
        """The agent's phone rings; answered, the agent hears who and why, and the customer is rung (S25, S8).

        Whether this number may be rung now has been checked by whoever calls this; the dialplan checks it again.
        Refused: logged_out, on_a_call, no_trunk.
        """

    def ring_desk(self, call: DeskCall) -> None:
        """A desk's phone rings; whoever answers is where the call says. Nobody is sent on by the phone."""

    def originate(self, call: Call) -> None:
        """Place a call. Done means: Asterisk has begun to dial; the journal tells what became of it."""
