"""How far contacts have come: due, dialled, reached, completed; every contact at exactly one stage (S26)."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, case, exists, func, select, true
from sqlalchemy.orm import Session

from ivr.store.surveys import Answer, AttemptResult, Contact, ContactAttempt, ContactState
from ivr.surveys.figures import Rate

Stage = Literal[
    "not_due",
    "due",  # and never dialled
    "dialled",  # and the right person was not on the line
    "reached",  # the right person, and some question was left open
    "completed",
]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""In order: whoever got to one has been through those before it."""

_NOT_TELLING: tuple[AttemptResult, ...] = ("refused", "lost", "failed")
"""Results of attempts that may not have been dialled."""


@dataclass(frozen=True)
class Funnel:
    """Contacts counted by the last stage they got to and by their state: the counts add up to all contacts."""

    counts: Mapping[tuple[Stage, ContactState], int]

    @property
    def contacts(self) -> int:
        return sum(self.counts.values())

    def at_least(self, stage: Stage) -> int:
        """How many got to a stage, or beyond."""
        reached = STAGES[STAGES.index(stage) :]
        return sum(count for (at, _), count in self.counts.items() if at in reached)

    def no_further(self, stage: Stage) -> dict[ContactState, int]:
        """Those whose last stage it is, by state."""
        return {state: count for (at, state), count in self.counts.items() if at == stage and count}

    def step(self, stage: Stage) -> Rate:
        """How many of those at the stage before got to this one (of the first stage: of all)."""
        before = STAGES[max(0, STAGES.index(stage) - 1)]
        return Rate(self.at_least(stage), self.at_least(before))

    @property
    def states(self) -> dict[ContactState, int]:
        """Contacts by state, whatever the stage."""
        found: dict[ContactState, int] = defaultdict(int)
        for (_, state), count in self.counts.items():
            found[state] += count
        return dict(found)

    def to_json(self) -> dict[str, Any]:
        return {"contacts": self.contacts, **{stage: self.at_least(stage) for stage in STAGES[1:]}}


def count_stages(found: Iterable[tuple[Stage, ContactState, int]]) -> Funnel:
    """The funnel of contacts counted piece by piece."""
    counts: dict[tuple[Stage, ContactState], int] = defaultdict(int)
    for stage, state, count in found:
        counts[stage, state] += count
    return Funnel(dict(counts))


def has_answered() -> ColumnElement[bool]:
    """Whether a contact's customer answered any question."""
    return exists().where(Answer.contact_id == Contact.id)


def stage_at(now: dt.datetime) -> ColumnElement[Stage]:
    """The last stage a contact has got to: a column of a query about contacts."""
    return case(
        (Contact.state == "completed", "completed"),
        (Contact.reached_at.is_not(None), "reached"),
        (_was_dialled(), "dialled"),
        (Contact.due_at <= now, "due"),
        else_="not_due",
    )


def _was_dialled() -> ColumnElement[bool]:
    """Its last result tells it of most; only of the others the attempts are looked at."""
    dialled = exists().where(ContactAttempt.contact_id == Contact.id, ContactAttempt.dialled_at.is_not(None))
    return case((Contact.last_result.not_in(_NOT_TELLING), true()), else_=dialled)


def funnels(session: Session, now: dt.datetime) -> dict[str, Funnel]:
    """The funnel of every survey that has contacts; one pass over them."""
    each = select(Contact.survey, stage_at(now).label("stage"), Contact.state).subquery()
    asked = select(each, func.count()).group_by(*each.c)
    found: dict[str, list[tuple[Stage, ContactState, int]]] = defaultdict(list)
    for survey, stage, state, count in session.execute(asked):
        found[survey].append((stage, state, count))
    return {survey: count_stages(counts) for survey, counts in found.items()}
