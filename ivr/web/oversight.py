"""Pages for those in charge: what callers hear, and who looked at what."""

from fastapi import APIRouter, Request
from sqlalchemy import func, select
from starlette.responses import Response

from ivr.calls.record import Page
from ivr.errors import IvrError
from ivr.speech.models import SpeechModel, find_model
from ivr.speech.prompts import PromptRow, PromptStore, list_prompts
from ivr.store.models import AccessLog
from ivr.web.auth import Admin, Supervisor
from ivr.web.context import language_of, page, web_of
from ivr.web.filters import read_page

router = APIRouter()

_PER_PAGE = 100
_LONGEST_TEXT = 64
_PARTS = ("sentences", "pieces", "all")
_PIECES = ("surname_", "num_", "digit_", "unit_", "month_", "weekday_", "daypart_", "time_")
"""Prompts that are put together to sentences: names, numbers, times."""


@router.get("/prompts")
def prompts_page(request: Request, user: Supervisor) -> Response:
    web = web_of(request)
    hotline = web.hotline()
    spoken = [str(language) for language in hotline.languages] if hotline else []
    shown = request.query_params.get("language") or language_of(request)
    if shown not in spoken and spoken:
        shown = spoken[0]
    rows: list[PromptRow] = []
    problem = None
    if hotline is not None:
        try:
            rows = list_prompts(PromptStore(web.settings.paths, hotline))
        except IvrError as error:
            problem = str(error)
    text = request.query_params.get("text", "")[:_LONGEST_TEXT].strip()
    part = request.query_params.get("part")
    part = part if part in _PARTS else _PARTS[0]
    spoken_rows = [row for row in rows if row.lang == shown]
    return page(
        request,
        "prompts.html",
        rows=[row for row in spoken_rows if _is_part(row, part) and _has(row, text)],
        everything=len(spoken_rows),
        parts_of=_PARTS,
        part=part,
        text=text,
        problem=problem,
        spoken=spoken,
        shown=shown,
        model=_model(request),
    )


def _is_part(row: PromptRow, part: str) -> bool:
    return part == "all" or row.id.startswith(_PIECES) == (part == "pieces")


def _has(row: PromptRow, text: str) -> bool:
    return text.casefold() in f"{row.id} {row.text}".casefold()


def _model(request: Request) -> SpeechModel | None:
    try:
        return find_model(web_of(request).settings)
    except IvrError:
        return None


@router.get("/access")
def access_page(request: Request, user: Admin) -> Response:
    web = web_of(request)
    with web.store.read() as session:
        total = session.scalar(select(func.count()).select_from(AccessLog)) or 0
        last = max(1, -(-total // _PER_PAGE))
        number = min(read_page(request.query_params.get("page")), last)
        rows = session.scalars(
            select(AccessLog)
            .order_by(AccessLog.at.desc(), AccessLog.id.desc())
            .limit(_PER_PAGE)
            .offset((number - 1) * _PER_PAGE)
        ).all()
    return page(request, "access.html", found=Page(list(rows), number, _PER_PAGE, total), link=lambda n: f"?page={n}")
