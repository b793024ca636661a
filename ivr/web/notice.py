"""The emergency notice: one click puts it before the menu, another takes it down (S20)."""

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from ivr.calls.notice import LONGEST, NoticeBoard, NoticeUnusable, read_end
from ivr.hotline import Language
from ivr.speech import notice as board
from ivr.web.auth import Supervisor, check_form
from ivr.web.context import page, web_of

router = APIRouter()

Field = Annotated[str, Form()]


@router.get("/notice")
def notice_page(request: Request, user: Supervisor) -> Response:
    return _page(request)


@router.post("/notice", dependencies=[Depends(check_form)])
def put_up(request: Request, user: Supervisor, text: Field = "", english: Field = "", until: Field = "") -> Response:
    """Spoken first, then in force; the page says why where it cannot be."""
    web = web_of(request)
    hotline = web.hotline()
    if hotline is None:
        return _page(request)
    now = web.now()
    texts: dict[Language, str] = (
        {hotline.languages[0]: text, "en": english} if english else {hotline.languages[0]: text}
    )
    try:
        end = read_end(until.replace("T", " "), now.astimezone(hotline.zone)) if until else None
        board.put_up(web.settings, hotline, texts, end, now)
    except NoticeUnusable as error:
        return _page(request, 400, problem=str(error), texts=texts)
    web.trace(user.login, "notice.on")
    return RedirectResponse("/notice", 303)


@router.post("/notice/off", dependencies=[Depends(check_form)])
def take_down(request: Request, user: Supervisor) -> Response:
    web = web_of(request)
    board.take_down(web.settings)
    web.trace(user.login, "notice.off")
    return RedirectResponse("/notice", 303)


def _page(
    request: Request, status: int = 200, problem: str | None = None, texts: dict[Language, str] | None = None
) -> Response:
    """The notice in force, and a form that holds the last one's words."""
    web = web_of(request)
    hotline = web.hotline()
    notice = NoticeBoard.of(web.settings.paths).read()
    now = web.now()
    return page(
        request,
        "notice.html",
        status,
        notice=notice if notice.in_force(now) else None,
        texts=texts or dict(notice.texts),
        default=hotline.languages[0] if hotline else "zh-CN",
        spoken=[str(language) for language in hotline.languages] if hotline else [],
        earliest=(now.astimezone(web.zone()) + dt.timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M"),
        longest=LONGEST,
        problem=problem,
    )
