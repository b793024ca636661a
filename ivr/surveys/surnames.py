"""The customers who are soon to be rung can be addressed by name: their surnames get a sound beforehand (S2, S26)."""

import datetime as dt
import logging
from collections.abc import Callable, Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.errors import IvrError
from ivr.hotline import Hotline, HotlineInForce
from ivr.settings import Settings
from ivr.speech.prompts import PromptStore
from ivr.speech.surname_sounds import Addressed, ensure, missing_sounds, surname_sound
from ivr.store.customers import Customer, Visit
from ivr.store.session import Store, open_store
from ivr.store.surveys import Contact

log = logging.getLogger(__name__)

AHEAD = dt.timedelta(days=1)
"""Names are said for the first time so long before their customers are rung."""


def soon_addressed(session: Session, now: dt.datetime) -> Iterator[Addressed]:
    """Whoever may be rung within a day, as they are to be addressed; each name once a language."""
    asked = (
        select(Customer.surname, Customer.title, Contact.language)
        .join(Visit, Visit.customer_id == Customer.id)
        .join(Contact, Contact.visit_id == Visit.id)
        .where(Contact.state == "planned", Contact.next_at <= now + AHEAD, Customer.surname != "", Customer.title != "")
        .distinct()
    )
    for surname, title, language in session.execute(asked):
        yield Addressed(surname, title, language)


class SurnameKeeper:
    """Makes the sounds that are missing, and tells the dialler which there are; `look` is called now and then by the
    one scheduler.

    What cannot be made is said once and tried again: the customers are greeted without their names meanwhile.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store | None = None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._settings = settings
        self._store = store or open_store(settings.store_url)
        self._now = now
        self._hotline = HotlineInForce(settings)
        self._known: tuple[Hotline, PromptStore] | None = None
        self._complained = ""

    def look(self) -> int:
        """How many names could not be given a sound."""
        try:
            silent = self._make_missing()
            trouble = f"{silent} names have no sound: no engine spoke them" if silent else ""
        except IvrError as error:
            silent, trouble = 0, error.message
        if trouble and trouble != self._complained:
            log.warning("Customers are greeted without their names: %s", trouble)
        self._complained = trouble
        return silent

    def sound(self, surname: str, title: str, language: str) -> str:
        """The prompt that says surname and title, for the dialler's order; empty where there is no such sound."""
        return surname_sound(self._prompts(self._hotline()), Addressed(surname, title, language))

    def _make_missing(self) -> int:
        hotline = self._hotline()
        with self._store.read() as session:
            whom = list(soon_addressed(session, self._now()))
        missing = missing_sounds(self._prompts(hotline), whom)
        return len(ensure(self._settings, hotline, missing, self._now())) if missing else 0

    def _prompts(self, hotline: Hotline) -> PromptStore:
        known = self._known
        if known is None or known[0] is not hotline:
            self._known = known = hotline, PromptStore(self._settings.paths, hotline)
        return known[1]
