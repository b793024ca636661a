"""A transfer as an explicit state machine: what has happened, and what the agent may do next (S8)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ivr.errors import IvrError


class State(StrEnum):
    """Where a transfer stands; the last three are ends, after which a new one may begin."""

    IDLE = "idle"
    CONSULTING = "consulting"
    JOINED = "joined"
    COMPLETED = "completed"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """What an agent does about a transfer, or what becomes of it."""

    CONSULT = "consult"
    JOIN = "join"
    COMPLETE = "complete"
    CANCEL = "cancel"
    BLIND = "blind"
    RETURNED = "returned"
    ALONE = "alone"
    """The one consulted has gone; caller and agent are left."""


class StepNotAllowed(IvrError):
    """A transfer's step does not fit where it stands."""


_STEPS: dict[State, dict[Step, State]] = {
    State.IDLE: {Step.CONSULT: State.CONSULTING, Step.BLIND: State.COMPLETED},
    State.CONSULTING: {
        Step.JOIN: State.JOINED,
        Step.COMPLETE: State.COMPLETED,
        Step.CANCEL: State.CANCELLED,
        Step.ALONE: State.CANCELLED,
        Step.RETURNED: State.RETURNED,
    },
    # From here on nobody can be sent away: the agent leaves the two alone, or the other one goes.
    State.JOINED: {Step.COMPLETE: State.COMPLETED, Step.ALONE: State.CANCELLED},
    # Nobody answered there: the caller is back with the agent who sent them.
    State.COMPLETED: {Step.RETURNED: State.RETURNED},
}
_AGAIN = frozenset({State.RETURNED, State.CANCELLED})
_CHOSEN = (Step.CONSULT, Step.JOIN, Step.COMPLETE, Step.CANCEL, Step.BLIND)


@dataclass(frozen=True)
class Transfer:
    """One transfer of one call; `to` is the work number or queue it goes to, None before there is one."""

    state: State = State.IDLE
    to: str | None = None

    @property
    def allowed(self) -> frozenset[Step]:
        """The steps that an agent may take now."""
        steps = _STEPS.get(self._start, {})
        return frozenset(step for step in _CHOSEN if step in steps)

    @property
    def open(self) -> bool:
        """Whether the caller is held while the agent speaks with somebody else, or all three speak."""
        return self.state in (State.CONSULTING, State.JOINED)

    def after(self, step: Step, to: str | None = None) -> "Transfer":
        """The transfer once a step is taken; raises StepNotAllowed where it does not fit."""
        target = _STEPS.get(self._start, {}).get(step)
        if target is None:
            raise StepNotAllowed(
                f"A transfer that is {self.state} knows no {step}.",
                f"possible now: {', '.join(sorted(self.allowed)) or 'nothing'}",
            )
        return Transfer(target, to or self.to)

    @property
    def _start(self) -> State:
        return State.IDLE if self.state in _AGAIN else self.state


def told_by(steps: Iterable[tuple[Step, str | None]]) -> Transfer:
    """The transfer that facts tell of, oldest first; a fact that does not fit (told twice, or late) changes nothing."""
    transfer = Transfer()
    for step, to in steps:
        try:
            transfer = transfer.after(step, to)
        except StepNotAllowed:
            continue
    return transfer
