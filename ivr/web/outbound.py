"""What the pages about calls that we place have in common: the emergency stop at hand, and the surveys' names."""

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from ivr.calls.journal import Journal
from ivr.hotline import Survey
from ivr.store.surveys import Contact
from ivr.surveys.campaigns import read_stop
from ivr.web.answers import said
from ivr.web.context import Web, language_of, page, web_of
from ivr.web.names import Names


def outbound_page(request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page about calls that we place: whether they are stopped, and the button, stand on every one."""
    web = web_of(request)
    common = {"stop": read_stop(web.settings.paths), "said": said(request), "names": names_of(request)}
    return page(request, template, status, **(common | values))


def names_of(request: Request) -> Names:
    return Names(web_of(request).hotline(), language_of(request))


def known_survey(web: Web, session: Session, survey: str) -> Survey | None:
    """A survey of the business file; None for one that only contacts of old know. Raises HTTPException 404."""
    hotline = web.hotline()
    if hotline is not None and survey in hotline.surveys:
        return hotline.surveys[survey]
    of_old = select(Contact.id).where(Contact.survey == survey).limit(1)
    if "\x00" in survey or session.scalar(of_old) is None:
        raise HTTPException(404)
    return None


def journal_of(web: Web) -> Journal:
    return Journal(web.settings.paths.journal / "flow.jsonl", web.now)
