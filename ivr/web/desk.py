"""The agent's desk: who calls, with their file; what the agent does about it; notes; the own day."""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ivr.calls.journal import Journal
from ivr.desk.duty import Command
from ivr.desk.view import Desk, desk_of, may_note, targets
from ivr.hotline import Hotline, Language, Texts
from ivr.telephony.control import Control
from ivr.web.answers import answer, carry_out, said
from ivr.web.auth import Agent, SignedIn, check_form, signed_in
from ivr.web.context import Web, csrf_token, fragment, language_of, page, web_of
from ivr.web.feed import Glance, stream
from ivr.web.i18n import Translator, known_language
from ivr.web.names import Names

router = APIRouter(prefix="/desk")

REGIONS = ("alerts", "status", "call", "note", "file", "figures")
MAX_NOTE = 2000
_CALL_ID = re.compile(r"[\w.\-]{1,150}")


def at_desk(user: Agent) -> SignedIn:
    """A dependency: the user takes calls. Raises HTTPException 404 for whoever does not."""
    if user.work_number is None:
        raise HTTPException(404)
    return user


AtDesk = Annotated[SignedIn, Depends(at_desk)]


@router.get("")
def desk_page(request: Request, user: Agent) -> Response:
    regions = _draw(request, web_of(request).feed.look()) if user.work_number else None
    return page(request, "desk.html", regions=regions, names=_names(request), said=said(request))


@router.get("/stream")
async def desk_stream(request: Request, user: AtDesk) -> Response:
    feed = web_of(request).feed
    return stream(feed, csrf_token(request), lambda glance: _draw(request, glance))


def _names(request: Request) -> Names:
    return Names(web_of(request).hotline(), language_of(request))


def _draw(request: Request, glance: Glance) -> Mapping[str, str] | None:
    """The page's regions; None once the user is signed out, has another role, or takes no calls."""
    user = signed_in(request)
    if user is None or user.must_change or user.work_number is None:
        return None
    request.state.user = in_page_language(request, user)
    web = web_of(request)
    with web.store.read() as session:
        desk = desk_of(session, glance.board, user.work_number, midnight(web))
    # No file without its trace: when the trace cannot be written, nothing is shown (S24).
    if desk.file is not None:
        web.trace(user.login, "desk", desk.shown_call)
    values = _values(request, web, desk, glance, user.work_number)
    return {region: fragment(request, f"_desk_{region}.html", **values) for region in REGIONS}


def in_page_language(request: Request, user: SignedIn) -> SignedIn:
    """The user with the language the open page is in, which another page may have switched since."""
    asked = request.query_params.get("language")
    return user if asked is None else replace(user, language=known_language(asked))


def _values(request: Request, web: Web, desk: Desk, glance: Glance, agent: str) -> dict[str, object]:
    hotline = web.hotline()
    colleagues, queues = targets(hotline, glance.board, agent) if hotline else ([], [])
    language = language_of(request)
    names = Names(hotline, language)
    reasons = _labels(hotline.pause_reasons, language) if hotline else {}
    dispositions = _labels(hotline.dispositions, language) if hotline else {}
    return {
        "desk": desk,
        "agent": agent,
        "known": hotline is not None and agent in hotline.agents,
        "glance": glance,
        "names": names,
        "target_name": lambda to: names.queue(to) if hotline and to in hotline.queues else names.agent(to),
        "reason_label": reason_labels(hotline, language),
        "disposition_label": lambda key: dispositions.get(key, key),
        "called_name": lambda customer: f"{customer.surname}{customer.title}" if customer and customer.surname else "",
        "colleagues": colleagues,
        "queues": queues,
        "reasons": reasons.items(),
        "dispositions": dispositions.items(),
        "max_note": MAX_NOTE,
    }


def _labels(texts: Mapping[str, Texts], language: Language) -> dict[str, str]:
    return {key: label.get(language) or next(iter(label.values()), key) for key, label in texts.items()}


def reason_labels(hotline: Hotline | None, language: Language) -> Callable[[str], str]:
    """The words for why somebody is paused: of the business file, else of ours."""
    known, translate = _labels(hotline.pause_reasons, language) if hotline else {}, Translator(language)
    return lambda reason: known.get(reason) or translate.named("duty.reason", reason)


def midnight(web: Web) -> dt.datetime:
    """When the business's day began."""
    return web.now().astimezone(web.zone()).replace(hour=0, minute=0, second=0, microsecond=0)


@router.post("/note", dependencies=[Depends(check_form)])
def write_note(
    request: Request,
    user: AtDesk,
    call: str = Form(""),
    disposition: str = Form(""),
    text: str = Form(""),
    then: str = Form(""),
) -> Response:
    """Write down what a call was about (S14): a fact, so the journal has it first; then, if asked, be free again."""
    web, agent = web_of(request), str(user.work_number)
    hotline = web.hotline()
    text = text.strip()[:MAX_NOTE]
    if hotline is None or disposition not in hotline.dispositions or not _CALL_ID.fullmatch(call):
        return answer(request, "desk", "note_incomplete", ok=False)
    with web.store.read() as session:
        if not may_note(session, web.feed.look().board, agent, call):
            raise HTTPException(404)
    journal = Journal(web.settings.paths.journal / "flow.jsonl", web.now)
    journal.write(call, "wrap_up.noted", agent=agent, disposition=disposition, text=text)
    if then == "free":
        return carry_out(request, "desk", lambda control: control.end_wrap_up(agent))
    return answer(request, "desk", "noted")


@router.post("/log_in", dependencies=[Depends(check_form)])
def log_in(request: Request, user: AtDesk, pin: str = Form(""), desk: str = Form("")) -> Response:
    """On duty, at the own desk or another: with the PIN, as at the phone."""
    web, agent = web_of(request), str(user.work_number)
    if web.pin_throttle.attempt(agent) > 0:
        return answer(request, "desk", "pin_throttled", ok=False)
    if not web.pin_fits(agent, pin.strip()):
        return answer(request, "desk", "pin_wrong", ok=False)
    web.pin_throttle.forgive(agent)
    hotline, desk = web.hotline(), desk.strip()
    if desk and (hotline is None or desk not in hotline.agents):
        return answer(request, "desk", "unknown_desk", ok=False)
    return carry_out(request, "desk", lambda control: control.log_in(agent, desk or None))


@router.post("/{name}", dependencies=[Depends(check_form)])
def command(request: Request, user: AtDesk, name: str, to: str = Form(""), reason: str = Form("")) -> Response:
    """One of the agent's commands; the telephone system decides whether it is possible now."""
    web, agent = web_of(request), str(user.work_number)
    known = next((each for each in Command if each == name), None)
    if known is None or known is Command.LOG_IN:
        raise HTTPException(404)
    hotline = web.hotline()
    if known is Command.PAUSE and (hotline is None or reason not in hotline.pause_reasons):
        return answer(request, "desk", "no_reason", ok=False)
    if known in (Command.CONSULT, Command.BLIND) and not _is_target(hotline, agent, to):
        return answer(request, "desk", "unknown_target", ok=False)
    return carry_out(request, "desk", lambda control: _give(control, known, agent, to, reason))


def _is_target(hotline: Hotline | None, agent: str, to: str) -> bool:
    return hotline is not None and to != agent and (to in hotline.agents or to in hotline.queues)


def _give(control: Control, given: Command, agent: str, to: str, reason: str) -> None:
    simple: dict[Command, Callable[[str], None]] = {
        Command.LOG_OUT: control.log_out,
        Command.UNPAUSE: control.unpause,
        Command.END_WRAP_UP: control.end_wrap_up,
        Command.HOLD: control.hold,
        Command.UNHOLD: control.unhold,
        Command.JOIN: control.join,
        Command.COMPLETE: control.complete_transfer,
        Command.CANCEL: control.cancel_transfer,
        Command.HANG_UP: control.hang_up,
    }
    if given is Command.PAUSE:
        control.pause(agent, reason)
    elif given is Command.CONSULT:
        control.consult(agent, to)
    elif given is Command.BLIND:
        control.blind_transfer(agent, to)
    else:
        simple[given](agent)
