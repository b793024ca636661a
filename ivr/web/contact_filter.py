"""The filter of contacts and of results, as it stands in the address bar."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ivr.store.surveys import ContactState
from ivr.surveys.contacts import OPEN, Chosen
from ivr.surveys.funnel import STAGES, Stage
from ivr.web.filters import midnight_of, read_day, read_page, read_words

STATES: tuple[str, ...] = (OPEN, *get_args(ContactState))
FIELDS = ("state", "stage", "reason", "by", "kind", "from", "to", "text")


@dataclass(frozen=True)
class ContactFilter:
    """What was asked for; `bad` names the fields that were not understood and are ignored."""

    state: str | None = None
    stage: Stage | None = None
    reason: str | None = None
    by: str | None = None
    kind: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    text: str | None = None
    page: int = 1
    bad: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        return any((self.state, self.stage, self.reason, self.by, self.kind, self.since, self.until, self.text))

    def link(self, page: int = 1) -> str:
        """The address bar's part for another page of the same filter."""
        return self._query() if page == 1 else replace(self, page=page)._query()

    def having(self, **changes: str | dt.date | None) -> str:
        """The address bar's part for the first page of a filter that differs in these fields."""
        return replace(self, page=1, **changes)._query()  # type: ignore[arg-type]

    def on_page(self, page: int) -> "ContactFilter":
        return replace(self, page=page)

    def chosen(self, survey: str, zone: ZoneInfo, now: dt.datetime) -> Chosen:
        """The contacts of a survey that are meant; the days are whole days in the business's time zone."""
        return Chosen(
            survey=survey,
            state=self.state,
            reason=self.reason,
            by=self.by,
            kind=self.kind,
            since=midnight_of(self.since, zone) if self.since else None,
            until=midnight_of(self.until + dt.timedelta(days=1), zone) if self.until else None,
            text=self.text,
            stage=self.stage,
            now=now,
        )

    def _query(self) -> str:
        values = {
            "state": self.state,
            "stage": self.stage,
            "reason": self.reason,
            "by": self.by,
            "kind": self.kind,
            "from": self.since,
            "to": self.until,
            "text": self.text,
            "page": self.page if self.page != 1 else None,
        }
        return "?" + urlencode({name: value for name, value in values.items() if value})


def read_contact_filter(query: Iterable[tuple[str, str]]) -> ContactFilter:
    """Read the address bar; what cannot be understood is left out and named in `bad`."""
    given = {name: value.strip() for name, value in query if value.strip()}
    bad: list[str] = []
    state = given.get("state")
    if state is not None and state not in STATES:
        bad.append("state")
        state = None
    stage = next((known for known in STAGES if known == given.get("stage")), None)
    if "stage" in given and stage is None:
        bad.append("stage")
    words = {name: read_words(given, name, bad) for name in ("reason", "by", "kind", "text")}
    since, until = read_day(given, "from", bad), read_day(given, "to", bad)
    if since and until and since > until:
        since, until = until, since
    return ContactFilter(
        state=state, stage=stage, since=since, until=until, page=read_page(given.get("page")), bad=tuple(bad), **words
    )
