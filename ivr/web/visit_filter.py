"""The filter of visits, as it stands in the address bar."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ivr.visits.record import Chosen
from ivr.web.filters import midnight_of, read_day, read_page, read_words


@dataclass(frozen=True)
class VisitFilter:
    """What was asked for; `bad` names the fields that were not understood and are ignored."""

    kind: str | None = None
    by: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    text: str | None = None
    page: int = 1
    bad: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        return any((self.kind, self.by, self.since, self.until, self.text))

    def link(self, page: int) -> str:
        """The address bar's part for another page of the same filter."""
        values = {"kind": self.kind, "by": self.by, "from": self.since, "to": self.until, "text": self.text}
        values["page"] = str(page) if page != 1 else None
        return "?" + urlencode({name: value for name, value in values.items() if value})

    def on_page(self, page: int) -> "VisitFilter":
        return replace(self, page=page)

    def chosen(self, zone: ZoneInfo) -> Chosen:
        """The visits that are meant; the days are whole days in the business's time zone."""
        return Chosen(
            kind=self.kind,
            by=self.by,
            since=midnight_of(self.since, zone) if self.since else None,
            until=midnight_of(self.until + dt.timedelta(days=1), zone) if self.until else None,
            text=self.text,
        )


def read_visit_filter(query: Iterable[tuple[str, str]]) -> VisitFilter:
    """Read the address bar; what cannot be understood is left out and named in `bad`."""
    given = {name: value.strip() for name, value in query if value.strip()}
    bad: list[str] = []
    kind, by, text = (read_words(given, name, bad) for name in ("kind", "by", "text"))
    since, until = read_day(given, "from", bad), read_day(given, "to", bad)
    if since and until and since > until:
        since, until = until, since
    return VisitFilter(kind, by, since, until, text, read_page(given.get("page")), tuple(bad))
