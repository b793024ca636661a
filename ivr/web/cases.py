"""Cases on the page: what a person still has to put right, message by message (S25, S12)."""

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ivr.calls.journal import Journal
from ivr.calls.recordings import RecordingMissing, RecordingUnreadable, resolve, wav_facts
from ivr.cases import acts
from ivr.cases.board import CLOSED, OPEN, SHOWN, Chosen, count_cases, list_cases
from ivr.cases.record import KINDS, CaseRecord, Reader, get_case, undelivered
from ivr.store.models import spoken_text
from ivr.web.auth import Agent, Role, SignedIn, check_form
from ivr.web.context import Web, language_of, page, web_of
from ivr.web.filters import read_page
from ivr.web.media import RangedFile
from ivr.web.names import Names

router = APIRouter()

_PER_PAGE = 50


@router.get("/cases")
def cases_page(request: Request, user: Agent) -> Response:
    web, query = web_of(request), request.query_params
    shown = next((name for name in SHOWN if name == query.get("show")), OPEN)
    kind = query.get("kind") if query.get("kind") in KINDS else None
    chosen = Chosen(shown, [kind] if kind else [])
    reader, now = reader_of(web, user), web.now()
    with web.store.read() as session:
        found = list_cases(session, reader, now, chosen, page=read_page(query.get("page")), per_page=_PER_PAGE)
        counts = {**count_cases(session, reader, now, chosen), CLOSED: 0}
        failed = undelivered(session) if user.may("supervisor") else 0
    kept = {"kind": kind} if kind else {}
    return page(
        request,
        "cases.html",
        found=found,
        shown=shown,
        choices=SHOWN,
        kinds=KINDS,
        kind=kind,
        counts=counts,
        failed=failed,
        now=now,
        tab=lambda name: "?" + urlencode({"show": name} | kept),
        link=lambda number: "?" + urlencode({"show": shown, "page": number} | kept),
        names=Names(web.hotline(), language_of(request)),
    )


@router.get("/cases/{case_id}")
def case_page(request: Request, case_id: str, user: Agent) -> Response:
    return _case_page(request, case_id, user)


@router.post("/cases/{case_id}/take", dependencies=[Depends(check_form)])
def take(request: Request, case_id: str, user: Agent) -> Response:
    web = web_of(request)
    case = _visible(web, user, case_id)
    try:
        acts.take(web.store, _journal(web), case.id, user.login, web.now(), in_charge=_in_charge(user))
    except acts.CaseRefused as error:
        return _case_page(request, case_id, user, error.problem, 409)
    web.trace(user.login, "case.take", case.call_id)
    return RedirectResponse(f"/cases/{case.id}", 303)


@router.post("/cases/{case_id}/close", dependencies=[Depends(check_form)])
def close(request: Request, case_id: str, user: Agent, outcome: str = Form("")) -> Response:
    web = web_of(request)
    case = _visible(web, user, case_id)
    told = "".join(sign for sign in outcome if sign == "\n" or sign.isprintable())
    try:
        acts.close(web.store, _journal(web), case.id, user.login, told, web.now(), in_charge=_in_charge(user))
    except acts.CaseRefused as error:
        return _case_page(request, case_id, user, error.problem, 400 if error.problem == "no_outcome" else 409)
    web.trace(user.login, "case.close", case.call_id)
    return RedirectResponse(f"/cases/{case.id}", 303)


@router.api_route("/cases/{case_id}/audio", methods=["GET", "HEAD"])
def message_audio(request: Request, case_id: str, user: Agent) -> Response:
    """What the caller said, by HTTP ranges."""
    web = web_of(request)
    case = _visible(web, user, case_id)
    if case.message is None:
        raise HTTPException(404)
    try:
        file = resolve(web.settings.paths.recordings, case.message.recording)
    except RecordingMissing as error:
        raise HTTPException(404) from error
    # No sound without its trace: when the trace cannot be written, nothing is heard.
    web.trace(user.login, "listen.message", case.call_id)
    return RangedFile(file, media_type="audio/wav")


# ---- parts -----------------------------------------------------------------------------------------------


def reader_of(web: Web, user: SignedIn) -> Reader:
    """What a user may see: agents what callers left for their queues and what they work on, others all."""
    if user.role > Role.AGENT:
        return Reader(user.login)
    hotline, agent = web.hotline(), user.work_number
    queues = hotline.queues.items() if hotline else ()
    return Reader(user.login, frozenset(name for name, queue in queues if agent in queue.agents))


def _visible(web: Web, user: SignedIn, case_id: str) -> CaseRecord:
    """The case; a case that the user may not see is not there."""
    if not (case_id.isascii() and case_id.isdigit() and len(case_id) < 10):
        raise HTTPException(404)
    try:
        with web.store.read() as session:
            case = get_case(session, int(case_id))
    except acts.CaseNotFound as error:
        raise HTTPException(404) from error
    if not reader_of(web, user).may_see(case):
        raise HTTPException(404)
    return case


def _case_page(
    request: Request, case_id: str, user: SignedIn, problem: str | None = None, status: int = 200
) -> Response:
    web = web_of(request)
    case = _visible(web, user, case_id)
    web.trace(user.login, "case.open", case.call_id)
    return page(
        request,
        "case.html",
        status,
        case=case,
        problem=problem,
        now=web.now(),
        sound=_sound(web, case),
        said=spoken_text(case.said.words) if case.said else "",
        in_charge=_in_charge(user),
        names=Names(web.hotline(), language_of(request)),
    )


def _sound(web: Web, case: CaseRecord) -> str | None:
    """Whether the message can be heard: ready, missing or damaged; None when there is none."""
    if case.message is None:
        return None
    try:
        facts = wav_facts(resolve(web.settings.paths.recordings, case.message.recording))
    except RecordingMissing:
        return "missing"
    except RecordingUnreadable:
        return "damaged"
    return "ready" if facts.samples else "damaged"


def _in_charge(user: SignedIn) -> bool:
    return user.role >= Role.SUPERVISOR


def _journal(web: Web) -> Journal:
    return Journal(web.settings.paths.journal / "flow.jsonl", web.now)
