"""Times to be called that customers said instead of keying them (S26): what was heard, what is agreed from it by rule,
and what a supervisor settles who has listened."""

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.calls.journal import Journal
from ivr.errors import IvrError
from ivr.hotline import Hotline, Survey
from ivr.hotline.survey_prompts import SAID_TIME
from ivr.speech.words import Word, join_words
from ivr.store.models import Leg, Transcript
from ivr.store.session import Store
from ivr.store.surveys import OPEN_STATES, Contact, ContactAttempt, comment_leg
from ivr.surveys.events import TIME_SET
from ivr.surveys.policy import FAR, Windows
from ivr.surveys.spoken_time import understand

log = logging.getLogger(__name__)

SURE = 0.8
"""Confidence that every word must have; what the demonstration model heard is never sure."""
WORDS_WITHIN = dt.timedelta(hours=1)
"""A recording without words for so long is for a person."""
_AT_ONCE = 200


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class TimeRefused(IvrError):
    """No customer may be called at this moment; `problem` is over, too_far or closed."""

    def __init__(self, problem: str, message: str) -> None:
        super().__init__(message)
        self.problem = problem


@dataclass(frozen=True)
class SaidTime:
    """What a customer said about when to call; `words` None: not written down yet; `meant` None: not plain."""

    contact: Contact
    call_id: str
    said_at: dt.datetime
    recording: str | None
    words: Transcript | None
    meant: dt.datetime | None
    sure: bool

    @property
    def agreed(self) -> dt.datetime | None:
        """The moment that is agreed by these words alone."""
        return self.meant if self.sure else None

    def wants_person(self, now: dt.datetime) -> bool:
        """Whether somebody has to listen to it."""
        heard = self.words is not None and self.words.state in ("done", "failed")
        return self.agreed is None and (heard or now > self.said_at + WORDS_WITHIN)


def said_times(session: Session, hotline: Hotline, contacts: Sequence[Contact]) -> list[SaidTime]:
    """What these contacts' customers said last, of those who said it instead of keying it."""
    calls = {row.time_said_in: row for row in contacts if row.time_said_in}
    legs = {comment_leg(call, SAID_TIME): call for call in calls}
    ended = select(ContactAttempt.call_id, ContactAttempt.ended_at).where(ContactAttempt.call_id.in_(calls))
    over = {call: at for call, at in session.execute(ended) if at}
    words = {row.leg_id: row for row in session.scalars(select(Transcript).where(Transcript.leg_id.in_(legs)))}
    sounds = {row.id: row.recording for row in session.scalars(select(Leg).where(Leg.id.in_(legs)))}
    return [
        _said_time(hotline, calls[call], call, over[call], sounds.get(leg), words.get(leg))
        for leg, call in legs.items()
        if call in over
    ]


def _said_time(
    hotline: Hotline, contact: Contact, call_id: str, at: dt.datetime, recording: str | None, words: Transcript | None
) -> SaidTime:
    survey, meant, sure = hotline.surveys.get(contact.survey), None, False
    if words is not None and words.state == "done" and survey is not None:
        heard = [Word.from_json(word) for word in words.words]
        meant = understand(join_words(heard), at, Windows.of(hotline, survey))
        sure = not words.demonstration and all(word.confidence >= SURE for word in heard)
    return SaidTime(contact, call_id, at, recording, words, meant, sure)


class TimeListener:
    """Agrees on what was plainly said, as soon as its words are there; `look` is called now and then."""

    def __init__(
        self,
        store: Store,
        hotline: Callable[[], Hotline],
        journal: Journal,
        now: Callable[[], dt.datetime] = _utc_now,
    ) -> None:
        self._store, self._hotline, self._journal, self._now = store, hotline, journal, now
        self._complaint = ""

    def look(self) -> int:
        """How many times were agreed on; what is in trouble is said once and tried again."""
        try:
            agreed = self._agree()
        except (IvrError, OSError) as error:
            said = error.message if isinstance(error, IvrError) else str(error.strerror)
            if said != self._complaint:
                log.error("Times that customers said wait: %s", said)
            self._complaint = said
            return 0
        self._complaint = ""
        return agreed

    def _agree(self) -> int:
        hotline, now = self._hotline(), self._now()
        with self._store.read() as session:
            waiting = select(Contact).where(
                Contact.state.in_(OPEN_STATES), Contact.time_said_in.is_not(None), Contact.agreed_at.is_(None)
            )
            found = said_times(session, hotline, session.scalars(waiting.limit(_AT_ONCE)).all())
            agreed = {each.contact.id: each.agreed for each in found if each.agreed and each.agreed > now}
        for contact, moment in agreed.items():
            self._journal.write(contact, TIME_SET, agreed=moment.isoformat(), by="")
        return len(agreed)


def set_time(
    journal: Journal, hotline: Hotline, survey: Survey, contact_id: str, moment: dt.datetime, now: dt.datetime, by: str
) -> None:
    """Settle when a customer is called who said so; raises TimeRefused where nobody may be rung then."""
    if moment <= now:
        raise TimeRefused("over", "This moment is over; allowed: a moment to come.")
    if moment > now + FAR:
        raise TimeRefused("too_far", f"This moment is too far away; allowed: the next {FAR.days} days.")
    if not Windows.of(hotline, survey).is_open(moment):
        raise TimeRefused("closed", "Nobody may be rung at this moment; allowed: the hours of this survey.")
    journal.write(contact_id, TIME_SET, agreed=moment.isoformat(), by=by)
