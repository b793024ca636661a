"""One case on the page: what it is about, by when, and what somebody does about it (S25, S12, S26)."""

from collections.abc import Mapping
from contextlib import suppress

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse
from sqlalchemy import select
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ivr.accounts.users import Role
from ivr.callbacks.progress import knows_everything
from ivr.calls.recordings import RecordingMissing, resolve
from ivr.cases import acts
from ivr.cases.board import NOBODY
from ivr.cases.calling import Caller, Desk, is_on_do_not_call
from ivr.cases.record import CaseRecord, Reader, get_case
from ivr.cases.return_calls import UNDER_WAY, calls_of_case
from ivr.hotline import Survey
from ivr.store.models import User, spoken_text
from ivr.surveys.campaigns import read_stop
from ivr.surveys.story import ContactNotFound, answer_of, contact_story
from ivr.telephony.control import ControlError
from ivr.web.answers import answer, refusal_key, said
from ivr.web.auth import Agent, SignedIn, Supervisor, check_form, signed_in
from ivr.web.case_survey import given_answers
from ivr.web.context import Web, csrf_token, fragment, page, web_of
from ivr.web.desk import in_page_language
from ivr.web.feed import Glance, stream
from ivr.web.media import RangedFile, sound_of
from ivr.web.outbound import journal_of, names_of

router = APIRouter(prefix="/cases/{case_id}")


@router.get("")
def case_page(request: Request, case_id: str, user: Agent) -> Response:
    return _case_page(request, case_id, user)


@router.get("/stream")
async def case_stream(request: Request, case_id: str, user: Agent) -> Response:
    return stream(web_of(request).feed, csrf_token(request), lambda glance: _draw(request, case_id, glance))


@router.post("/take", dependencies=[Depends(check_form)])
def take(request: Request, case_id: str, user: Agent) -> Response:
    web = web_of(request)
    case = visible_case(web, user, case_id)
    try:
        acts.take(web.store, journal_of(web), case.id, user.login, web.now(), in_charge=_in_charge(user))
    except acts.CaseRefused as error:
        return _case_page(request, case_id, user, error.problem, 409)
    web.trace(user.login, "case.take", case.call_id)
    return RedirectResponse(f"/cases/{case.id}", 303)


@router.post("/give", dependencies=[Depends(check_form)])
def give(request: Request, case_id: str, user: Supervisor, to: str = Form("")) -> Response:
    """Have somebody work on it: agents do not see what may be about them, so it is given to them."""
    web = web_of(request)
    case = visible_case(web, user, case_id)
    try:
        acts.give(web.store, journal_of(web), case.id, user.login, to, web.now(), known=_accounts(web), in_charge=True)
    except acts.CaseRefused as error:
        return _case_page(request, case_id, user, error.problem, 400 if error.problem == "nobody" else 409)
    web.trace(user.login, "case.give", case.call_id)
    return RedirectResponse(f"/cases/{case.id}", 303)


@router.post("/move", dependencies=[Depends(check_form)])
def move(request: Request, case_id: str, user: Agent, department: str = Form("")) -> Response:
    """Say which department answers for it."""
    web, hotline = web_of(request), web_of(request).hotline()
    case = visible_case(web, user, case_id)
    to = None if department in ("", NOBODY) else department
    known = hotline.departments if hotline else {}
    try:
        acts.move(
            web.store, journal_of(web), case.id, user.login, to, web.now(), known=known, in_charge=_in_charge(user)
        )
    except acts.CaseRefused as error:
        return _case_page(request, case_id, user, error.problem, 400 if error.problem == "no_department" else 409)
    web.trace(user.login, "case.move", case.call_id)
    return RedirectResponse(f"/cases/{case.id}", 303)


@router.post("/close", dependencies=[Depends(check_form)])
def close(request: Request, case_id: str, user: Agent, outcome: str = Form("")) -> Response:
    web = web_of(request)
    case = visible_case(web, user, case_id)
    told = "".join(sign for sign in outcome if sign == "\n" or sign.isprintable())
    try:
        acts.close(web.store, journal_of(web), case.id, user.login, told, web.now(), in_charge=_in_charge(user))
    except acts.CaseRefused as error:
        return _case_page(request, case_id, user, error.problem, 400 if error.problem == "no_outcome" else 409)
    web.trace(user.login, "case.close", case.call_id)
    return RedirectResponse(f"/cases/{case.id}", 303)


@router.post("/call", dependencies=[Depends(check_form)])
def call(request: Request, case_id: str, user: Agent) -> Response:
    """The agent's phone rings, then the customer's (S25)."""
    web, hotline = web_of(request), web_of(request).hotline()
    case = visible_case(web, user, case_id)
    place = f"cases/{case.id}"
    if user.work_number is None or hotline is None:
        return answer(request, place, "call.no_phone", ok=False)
    web.trace(user.login, "case.call", case.call_id)
    try:
        _caller(web).call(case.id, Desk(user.login, user.work_number), hotline, web.now())
    except acts.CaseRefused as error:
        return answer(request, place, f"call.{error.problem}", ok=False)
    except ControlError as error:
        return answer(request, place, refusal_key(error), ok=False)
    return answer(request, place, "return_call")


@router.api_route("/audio", methods=["GET", "HEAD"])
def message_audio(request: Request, case_id: str, user: Agent) -> Response:
    """What the caller said, by HTTP ranges."""
    web = web_of(request)
    case = visible_case(web, user, case_id)
    return _sound_file(web, user, "listen.message", case, case.message.recording if case.message else None)


@router.api_route("/audio/{question}", methods=["GET", "HEAD"])
def comment_audio(request: Request, case_id: str, question: str, user: Agent) -> Response:
    """What the customer answered a survey's question with, by HTTP ranges."""
    web = web_of(request)
    case = visible_case(web, user, case_id)
    with web.store.read() as session:
        given = answer_of(session, case.contact_id or "", question)
    return _sound_file(web, user, "listen.comment", case, given.recording if given else None)


# ---- parts -----------------------------------------------------------------------------------------------


def reader_of(web: Web, user: SignedIn) -> Reader:
    """What a user may see: agents what callers left for their queues and what they work on, others all."""
    if user.role > Role.AGENT:
        return Reader(user.login)
    hotline, agent = web.hotline(), user.work_number
    queues = hotline.queues.items() if hotline else ()
    return Reader(user.login, frozenset(name for name, queue in queues if agent in queue.agents))


def visible_case(web: Web, user: SignedIn, case_id: str) -> CaseRecord:
    """The case; a case that the user may not see is not there. Raises HTTPException 404."""
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
    case = visible_case(web, user, case_id)
    web.trace(user.login, "case.open", case.call_id)
    names, story = names_of(request), None
    with web.store.read() as session, suppress(ContactNotFound):  # the visit may have been deleted meanwhile
        story = contact_story(session, case.contact_id or "", web.now())
    return page(
        request,
        "case.html",
        status,
        case=case,
        problem=problem,
        now=web.now(),
        sound=sound_of(web.settings.paths, case.message.recording)[0] if case.message else None,
        said=spoken_text(case.said.words) if case.said else "",
        told=said(request),
        survey=story,
        answers=given_answers(web.settings.paths, _survey(web, story.contact.survey), story, names) if story else [],
        in_charge=_in_charge(user),
        may_work=case.state != "closed" and (case.owner == user.login or _in_charge(user)),
        departments=names.departments(case.department),
        accounts=_accounts(web) if _in_charge(user) else {},
        calls=_calls(request, web, case, user),
        names=names,
    )


def _draw(request: Request, case_id: str, glance: Glance) -> Mapping[str, str] | None:
    """The page's region that changes by itself; None once its reader may not see it any more."""
    user = signed_in(request)
    if user is None or user.must_change:
        return None
    request.state.user = in_page_language(request, user)
    web = web_of(request)
    try:
        case = visible_case(web, user, case_id)
    except HTTPException:
        return None
    return {"calls": _calls(request, web, case, user)}


def _calls(request: Request, web: Web, case: CaseRecord, user: SignedIn) -> str:
    """The return calls so far, and whether another one may be made now."""
    hotline, now = web.hotline(), web.now()
    with web.store.read() as session:
        calls = calls_of_case(session, case.reference, case.opened_at)
        gate = _caller(web).gate(session, case.number, hotline, now) if hotline else None
        unwanted = is_on_do_not_call(session, case.number)
    stages = [(call, call.stage(now)) for call in calls]
    return fragment(
        request,
        "_case_calls.html",
        case=case,
        calls=list(reversed(stages)),
        under_way=any(stage in UNDER_WAY for _, stage in stages),
        gate=gate,
        unwanted=unwanted,
        mine=case.state == "taken" and case.owner == user.login,
        names=names_of(request),
    )


def _accounts(web: Web) -> dict[str, str]:
    """Who may work on a case: login and name."""
    with web.store.read() as session:
        return {row.login: row.name for row in session.execute(select(User.login, User.name).order_by(User.login))}


def _survey(web: Web, name: str) -> Survey | None:
    hotline = web.hotline()
    return hotline.surveys.get(name) if hotline else None


def _caller(web: Web) -> Caller:
    paths = web.settings.paths
    return Caller(
        web.store,
        journal_of(web),
        web.control,
        stopped=lambda: read_stop(paths) is not None,
        knows_everything=lambda: knows_everything(web.store, paths.journal),
    )


def _sound_file(web: Web, user: SignedIn, action: str, case: CaseRecord, recording: str | None) -> Response:
    if recording is None:
        raise HTTPException(404)
    try:
        file = resolve(web.settings.paths.recordings, recording)
    except RecordingMissing as error:
        raise HTTPException(404) from error
    # No sound without its trace: when the trace cannot be written, nothing is heard.
    web.trace(user.login, action, case.call_id)
    return RangedFile(file, media_type="audio/wav")


def _in_charge(user: SignedIn) -> bool:
    return user.role >= Role.SUPERVISOR
