"""Why a campaign rings nobody just now, or that it does: in one look, for those in charge (S26)."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.hotline import Hotline
from ivr.hotline.hours import Spans
from ivr.store.surveys import AttemptResult, CampaignState, Contact, ContactAttempt
from ivr.surveys.policy import Windows

Why = Literal[
    "stopped",  # the emergency stop
    "no_trunk",
    "not_started",
    "paused",
    "outside_hours",
    "closed_day",
    "inbound_busy",  # callers who wait have taken every line
    "nobody_due",
    "ringing",
]


@dataclass(frozen=True)
class Standing:
    """What a campaign does now: `why`, the hours allowed today (minutes of the wall clock), and the next moment at
    which customers may be rung (now, where that is allowed; None: none is in sight)."""

    why: Why
    today: Spans
    next_open: dt.datetime | None


@dataclass(frozen=True)
class Surroundings:
    """What holds for every campaign: the stop, and how many callers wait (None: nobody knows)."""

    now: dt.datetime
    stopped: bool = False
    waiting_callers: int | None = None


@dataclass(frozen=True)
class Today:
    """A campaign's attempts since midnight: by result, and those still under way."""

    results: Mapping[AttemptResult, int] = field(default_factory=dict)
    running: int = 0

    @property
    def attempts(self) -> int:
        return sum(self.results.values()) + self.running


def standing(hotline: Hotline, survey: str, state: CampaignState, due: int, here: Surroundings) -> Standing:
    """What a campaign does now; `due`: contacts whose turn it may be. Pure."""
    windows = Windows.of(hotline, hotline.surveys[survey])
    today = windows.spans(here.now.astimezone(hotline.zone).date())
    return Standing(_why(hotline, windows, state, due, here), today, windows.next_open(here.now))


def _why(hotline: Hotline, windows: Windows, state: CampaignState, due: int, here: Surroundings) -> Why:
    if here.stopped:
        return "stopped"
    if hotline.outbound.trunk is None:
        return "no_trunk"
    if state != "running":
        return "not_started" if state == "planned" else "paused"
    if not windows.is_open(here.now):
        return "closed_day" if windows.is_closed_day(here.now) else "outside_hours"
    if (here.waiting_callers or 0) >= hotline.outbound.lines:
        return "inbound_busy"
    return "ringing" if due else "nobody_due"


def attempts_since(session: Session, midnight: dt.datetime) -> dict[str, Today]:
    """Each survey's attempts since a moment; one pass."""
    counted = (
        select(Contact.survey, ContactAttempt.result, func.count())
        .join(Contact, Contact.id == ContactAttempt.contact_id)
        .where(ContactAttempt.claimed_at >= midnight)
        .group_by(Contact.survey, ContactAttempt.result)
    )
    results: dict[str, Counter[AttemptResult]] = defaultdict(Counter)
    running: Counter[str] = Counter()
    for survey, result, count in session.execute(counted):
        if result is None:
            running[survey] += count
        else:
            results[survey][result] += count
    return {survey: Today(dict(results[survey]), running[survey]) for survey in {*results, *running}}


def turns(session: Session, now: dt.datetime) -> dict[str, int]:
    """How many contacts of each survey are worth looking at by now, or are being rung."""
    due = select(Contact.survey, func.count()).where(
        (Contact.state == "dialling") | ((Contact.state == "planned") & (Contact.next_at <= now))
    )
    return {row[0]: row[1] for row in session.execute(due.group_by(Contact.survey))}
