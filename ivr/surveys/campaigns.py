"""Campaigns: which surveys are being rung, how far they are, and the emergency stop of everything outbound."""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.calls.journal import Journal
from ivr.errors import IvrError
from ivr.hotline import Hotline
from ivr.settings import StatePaths
from ivr.store.session import Store
from ivr.store.surveys import Campaign, CampaignState, Contact
from ivr.surveys.events import CAMPAIGN, GOES_ON, STOPPED
from ivr.surveys.funnel import Funnel, funnels

OUTBOUND = "outbound"
"""What stands for the call in the journal where everybody's calls are meant."""


class NoSuchSurvey(IvrError):
    """The business file has no survey of this name."""


class NothingToRing(IvrError):
    """The business file names no trunk to ring customers through."""


@dataclass(frozen=True)
class Overview:
    """A campaign as it is shown. `changed_at` None: nobody has ever started it. `reasons`: why those that are planned
    wait, with how many do."""

    survey: str
    state: CampaignState
    changed_at: datetime | None
    by: str
    funnel: Funnel
    reasons: dict[str, int]


@dataclass(frozen=True)
class Stop:
    """The emergency stop: since when, and by whom."""

    since: datetime
    by: str


# ---- what is being rung ----------------------------------------------------------------------------------


def start(store: Store, journal: Journal, hotline: Hotline, survey: str, *, by: str) -> None:
    """Have a survey's customers rung. Raises NoSuchSurvey, NothingToRing, StoreUnavailable, OSError."""
    if hotline.outbound.trunk is None:
        raise NothingToRing("No trunk is named for ringing customers.", "set outbound.trunk in hotline.yaml")
    _change(store, journal, hotline, survey, "running", by)


def pause(store: Store, journal: Journal, hotline: Hotline, survey: str, *, by: str) -> None:
    """Ring nobody more for a survey until it is started again; calls that are up go on. Raises as `start`."""
    _change(store, journal, hotline, survey, "paused", by)


def state_of(session: Session, survey: str) -> CampaignState:
    """Whether a survey's customers are being rung."""
    row = session.get(Campaign, survey)
    return row.state if row else "planned"


def running(session: Session, hotline: Hotline) -> list[str]:
    """The surveys whose customers are being rung, in the order of the business file."""
    started = set(session.scalars(select(Campaign.survey).where(Campaign.state == "running")))
    return [survey for survey in hotline.surveys if survey in started]


def _change(store: Store, journal: Journal, hotline: Hotline, survey: str, state: CampaignState, by: str) -> None:
    if survey not in hotline.surveys:
        known = ", ".join(hotline.surveys) or "none yet"
        raise NoSuchSurvey(f"There is no survey {survey}.", f"surveys in hotline.yaml: {known}")
    with store.write() as session:
        row = session.get(Campaign, survey)
        if row is not None and row.state == state:
            return
        at = journal.write(OUTBOUND, CAMPAIGN, survey=survey, state=state, by=by)
        session.merge(Campaign(survey=survey, state=state, changed_at=at, by=by))


# ---- how far it is ---------------------------------------------------------------------------------------


def overview(session: Session, hotline: Hotline, now: datetime) -> list[Overview]:
    """Every survey of the business file as a campaign, in its order, with how far it is."""
    rows = {row.survey: row for row in session.scalars(select(Campaign))}
    counted, reasons = funnels(session, now), waiting_reasons(session)
    found = []
    for survey in hotline.surveys:
        row = rows.get(survey)
        told: tuple[CampaignState, datetime | None, str] = (
            (row.state, row.changed_at, row.by) if row else ("planned", None, "")
        )
        found.append(Overview(survey, *told, counted.get(survey, Funnel({})), reasons.get(survey, {})))
    return found


def waiting_reasons(session: Session) -> dict[str, dict[str, int]]:
    """Why each survey's planned contacts wait, with how many do."""
    waiting = select(Contact.survey, Contact.reason, func.count()).where(Contact.state == "planned")
    found: dict[str, dict[str, int]] = {}
    for survey, reason, count in session.execute(waiting.group_by(Contact.survey, Contact.reason)):
        found.setdefault(survey, {})[reason] = count
    return found


# ---- the emergency stop ----------------------------------------------------------------------------------


def stop_outbound(paths: StatePaths, journal: Journal, *, by: str) -> None:
    """The emergency stop: from now on no customer is rung, whatever for. Raises OSError.

    The file is what counts: the dialplan obeys it too. The dialler ends calls that ring within about a second; who
    has answered already is talked to.
    """
    fd = os.open(paths.outbound_stopped, os.O_WRONLY | os.O_CREAT, 0o600)  # in force, even where the disk is full
    try:
        at = journal.write(OUTBOUND, STOPPED, by=by)
        os.truncate(fd, 0)
        os.write(fd, json.dumps({"since": at.isoformat(), "by": by}, ensure_ascii=False).encode())
    finally:
        os.close(fd)


def resume_outbound(paths: StatePaths, journal: Journal, *, by: str) -> None:
    """The end of the emergency stop: running campaigns go on, and callbacks. Raises OSError."""
    if paths.outbound_stopped.exists():
        journal.write(OUTBOUND, GOES_ON, by=by)
        paths.outbound_stopped.unlink(missing_ok=True)


def read_stop(paths: StatePaths) -> Stop | None:
    """The emergency stop that is in force, if any; whatever stands in its file, it is. Raises OSError."""
    file = paths.outbound_stopped
    try:
        text, written = file.read_text(encoding="utf-8", errors="replace"), file.stat().st_mtime
    except FileNotFoundError:
        return None
    try:
        told = json.loads(text)
        since = datetime.fromisoformat(told["since"])
        return Stop(since.astimezone(UTC), str(told["by"]))
    except (ValueError, TypeError, KeyError):
        return Stop(datetime.fromtimestamp(written, UTC), "")
