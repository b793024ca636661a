"""Visits on the page: what there is, and taking a table of them over in two steps (S26)."""

import io
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ivr.tables.read import MAX_BYTES, LineError, TableError
from ivr.tables.write import write_csv
from ivr.visits.intake import FIELDS, NEEDED
from ivr.visits.keeping import VisitKeeper
from ivr.visits.record import kinds_and_servers, list_visits
from ivr.visits.table import read_visits
from ivr.visits.template import csv_template, xlsx_template
from ivr.visits.uploads import UploadGone, Uploads
from ivr.web.auth import SignedIn, Supervisor, check_form
from ivr.web.context import Web, language_of, web_of
from ivr.web.i18n import Translator
from ivr.web.outbound import journal_of, outbound_page
from ivr.web.visit_filter import read_visit_filter

router = APIRouter(prefix="/visits")

_PER_PAGE = 50
_SHOWN_ERRORS = 100
_SHOWN_LINES = 10
_KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True)
class _Errors:
    """What is wrong with a table's lines: the first of them to be shown, of how many, on how many lines."""

    shown: list[LineError]
    total: int
    lines: int

    @classmethod
    def of(cls, errors: list[LineError]) -> "_Errors":
        return cls(errors[:_SHOWN_ERRORS], len(errors), len({error.line for error in errors}))


@router.get("")
def visits_page(request: Request, user: Supervisor) -> Response:
    web = web_of(request)
    wanted = read_visit_filter(request.query_params.multi_items())
    chosen = wanted.chosen(web.zone())
    with web.store.read() as session:
        found = list_visits(session, chosen, wanted.page, _PER_PAGE)
        if not found.items and wanted.page > 1:
            wanted = wanted.on_page(found.pages)
            found = list_visits(session, chosen, wanted.page, _PER_PAGE)
        kinds, servers = kinds_and_servers(session)
    web.trace(user.login, "visit.search" if wanted.text else "visits")
    return outbound_page(request, "visits.html", found=found, wanted=wanted, kinds=kinds, servers=servers)


@router.get("/upload")
def upload_page(request: Request, user: Supervisor) -> Response:
    return _upload_page(request)


@router.post("/upload", dependencies=[Depends(check_form)])
def preview(request: Request, user: Supervisor, file: UploadFile) -> Response:
    """Step 1: what would become of the table; nothing is taken."""
    web = web_of(request)
    try:
        visits = read_visits(file.file.read(MAX_BYTES + 1), web.zone(), web.now())
    except TableError as error:
        return _upload_page(request, 400, problem=error)
    keeper = _keeper(web, user)
    foretold = keeper.preview(visits)
    first = visits.good[:_SHOWN_LINES]
    return outbound_page(
        request,
        "visits_preview.html",
        foretold=foretold,
        errors=_Errors.of(foretold.errors),
        first=list(zip(first, keeper.preview_lines(first), strict=True)),
        upload=_uploads(web).keep(visits, user.login),
    )


@router.post("/take", dependencies=[Depends(check_form)])
def take(request: Request, user: Supervisor, upload: str = Form("")) -> Response:
    """Step 2: what was shown is taken, once."""
    web = web_of(request)
    uploads = _uploads(web)
    try:
        visits = uploads.read(upload, user.login)
    except UploadGone:
        return _upload_page(request, 409, gone=True)
    done = _keeper(web, user).take(visits)
    uploads.forget(upload, user.login)
    web.trace(user.login, "visit.import")
    return outbound_page(request, "visits_taken.html", done=done, errors=_Errors.of(done.errors))


@router.get("/template.{form}")
def template(request: Request, form: str, user: Supervisor) -> Response:
    """An empty table to fill in, in the reader's language."""
    t = Translator(language_of(request))
    headings = [t(f"visit.field.{name}") for name in FIELDS]
    hints = [t(f"visit.hint.{name}") + (f" ({t('visits.needed')})" if name in NEEDED else "") for name in FIELDS]
    made: dict[str, Callable[[], bytes]] = {
        "csv": lambda: csv_template(headings),
        "xlsx": lambda: xlsx_template(headings, hints, (t("visits.title"), t("visits.columns"))),
    }
    if form not in made:
        raise HTTPException(404)
    return _download(made[form](), f"visits.{form}")


@router.get("/errors.csv")
def errors_table(request: Request, user: Supervisor, upload: str = "") -> Response:
    """All that is wrong with the lines of a preview, as a table."""
    web, t = web_of(request), Translator(language_of(request))
    try:
        visits = _uploads(web).read(upload, user.login)
    except UploadGone:
        return RedirectResponse("/visits/upload", 303)
    lines = (
        (error.line, t(f"visit.field.{error.field}"), t(f"visit.error.{error.problem}"))
        for error in _keeper(web, user).preview(visits).errors
    )
    file = io.BytesIO()
    write_csv(file, [t("visits.line"), t("visits.field"), t("visits.problem")], lines)
    return _download(file.getvalue(), "visits-errors.csv")


# ---- parts -----------------------------------------------------------------------------------------------


def _upload_page(
    request: Request, status: int = 200, problem: TableError | None = None, *, gone: bool = False
) -> Response:
    shown = {"fields": FIELDS, "needed": NEEDED}
    return outbound_page(request, "visits_upload.html", status, problem=problem, gone=gone, **shown)


def _keeper(web: Web, user: SignedIn) -> VisitKeeper:
    return VisitKeeper(web.store, journal_of(web), web.now(), by=user.login)


def _uploads(web: Web) -> Uploads:
    return Uploads(web.settings.paths.uploads, web.now())


def _download(data: bytes, name: str) -> Response:
    kind = _KINDS[name.rpartition(".")[2]]
    return Response(data, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
