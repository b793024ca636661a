"""What an agent may do in which state, from the desk page: the same rules as at the phone."""

from enum import StrEnum

from ivr.desk.transfer import Step, Transfer


class Duty(StrEnum):
    """What an agent is doing, as the live board names it."""

    LOGGED_OUT = "logged_out"
    FREE = "free"
    RINGING = "ringing"
    TALKING = "talking"
    HOLD = "hold"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"
    UNKNOWN = "unknown"
    """The board has no word of this agent: nothing is offered that might do harm."""


class Command(StrEnum):
    """What an agent asks for by a button; each is one command of the telephone system."""

    LOG_IN = "log_in"
    LOG_OUT = "log_out"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    END_WRAP_UP = "end_wrap_up"
    HOLD = "hold"
    UNHOLD = "unhold"
    CONSULT = "consult"
    JOIN = "join"
    COMPLETE = "complete"
    CANCEL = "cancel"
    BLIND = "blind"
    HANG_UP = "hang_up"


_TRANSFER = {Command(step.value): step for step in Step if step not in (Step.RETURNED, Step.ALONE)}

# A call goes before everything: who logs off or pauses while serving finishes that caller first (S11).
_BY_DUTY: dict[Duty, frozenset[Command]] = {
    Duty.LOGGED_OUT: frozenset({Command.LOG_IN}),
    Duty.FREE: frozenset({Command.LOG_OUT, Command.PAUSE}),
    Duty.RINGING: frozenset({Command.LOG_OUT, Command.PAUSE}),
    Duty.TALKING: frozenset({Command.LOG_OUT, Command.PAUSE, Command.HOLD, Command.HANG_UP, *_TRANSFER}),
    # Back to the caller first: nobody is passed on, or left, without a word.
    Duty.HOLD: frozenset({Command.UNHOLD}),
    Duty.WRAP_UP: frozenset({Command.LOG_OUT, Command.PAUSE, Command.END_WRAP_UP}),
    Duty.PAUSED: frozenset({Command.LOG_OUT, Command.UNPAUSE}),
    Duty.UNKNOWN: frozenset({Command.LOG_IN}),
}


def known_duty(name: str | None) -> Duty:
    """The duty of a name on the board; an unknown name is UNKNOWN."""
    return next((duty for duty in Duty if duty == name), Duty.UNKNOWN)


def allowed(duty: Duty, transfer: Transfer) -> frozenset[Command]:
    """The commands an agent may give now.

    While a transfer is open it alone decides: the caller is held by it, and putting the phone down would be
    a step of it that has its own name.
    """
    commands = _BY_DUTY[duty]
    if transfer.open:
        commands -= {Command.HOLD, Command.UNHOLD, Command.HANG_UP, Command.LOG_OUT, Command.PAUSE}
    return frozenset(
        command for command in commands if command not in _TRANSFER or _TRANSFER[command] in transfer.allowed
    )
