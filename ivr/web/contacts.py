"""One contact with its story, its sound, and the button that takes it off the list (S26, S24)."""

import datetime as dt
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ivr.calls.record import CallRecord
from ivr.calls.recordings import RecordingMissing, resolve
from ivr.store.models import ROLES
from ivr.store.surveys import OPEN_STATES
from ivr.surveys import said_times
from ivr.surveys.campaigns import read_stop
from ivr.surveys.events import CANCELLED
from ivr.surveys.facts import FactFinder
from ivr.surveys.rule import Decision
from ivr.surveys.said_times import SaidTime
from ivr.surveys.story import ContactNotFound, ContactStory, answer_of, contact_story
from ivr.web.auth import Quality, SignedIn, Supervisor, check_form
from ivr.web.context import Web, web_of
from ivr.web.media import LegSound, RangedFile, leg_sounds, sound_of
from ivr.web.outbound import journal_of, outbound_page

router = APIRouter(prefix="/contacts")

_MOMENT_LENGTH = 19
"""Characters of a date and time without a zone (ISO 8601)."""


@dataclass(frozen=True)
class Sounds:
    """What can be heard of a call, and how long the longest of it is (seconds)."""

    ready: list[LegSound]
    seconds: float


@router.get("/{contact_id}")
def contact_page(request: Request, contact_id: str, user: Quality) -> Response:
    return _page(request, contact_id, user)


def _page(request: Request, contact_id: str, user: SignedIn, status: int = 200, problem: str | None = None) -> Response:
    web = web_of(request)
    story = _story(web, contact_id)
    web.trace(user.login, "contact.open", customer_id=story.customer.id)
    is_open = story.contact.state in OPEN_STATES
    when = _said_time(web, story)
    return outbound_page(
        request,
        "contact.html",
        status,
        when=when,
        when_sound=sound_of(web.settings.paths, when.recording)[0] if when and when.recording else "missing",
        problem=problem,
        story=story,
        decision=_decision(web, story) if is_open else None,
        is_open=is_open,
        sounds={call_id: _sounds(web, call) for call_id, call in story.calls.items()},
        comments={
            said.answer.question: sound_of(web.settings.paths, said.answer.recording)[0]
            for said in story.answers
            if said.answer.recording
        },
        now=web.now(),
    )


@router.post("/{contact_id}/cancel", dependencies=[Depends(check_form)])
def cancel(request: Request, contact_id: str, user: Supervisor) -> Response:
    """Have nobody rung for it any more; a call that is up goes on."""
    web = web_of(request)
    story = _story(web, contact_id)
    if story.contact.state in OPEN_STATES:
        journal_of(web).write(contact_id, CANCELLED, contact=contact_id, by=user.login)
        web.trace(user.login, "contact.cancel", customer_id=story.customer.id)
    return RedirectResponse(f"/contacts/{contact_id}?said=contact_cancelled", 303)


@router.post("/{contact_id}/time", dependencies=[Depends(check_form)])
def set_time(request: Request, contact_id: str, user: Supervisor, at: str = Form("")) -> Response:
    """Settle when to call a customer who said it in their own words."""
    web = web_of(request)
    contact, hotline = _story(web, contact_id).contact, web.hotline()
    survey = hotline.surveys.get(contact.survey) if hotline else None
    if hotline is None or survey is None or contact.time_said_in is None or contact.state not in OPEN_STATES:
        return _page(request, contact_id, user, 409, "not_wanted")
    try:
        moment = dt.datetime.fromisoformat(at[:_MOMENT_LENGTH]).replace(tzinfo=hotline.zone)
        said_times.set_time(journal_of(web), hotline, survey, contact_id, moment, web.now(), user.login)
    except ValueError:
        return _page(request, contact_id, user, 400, "no_time")
    except said_times.TimeRefused as error:
        return _page(request, contact_id, user, 400, error.problem)
    web.trace(user.login, "contact.time")
    return RedirectResponse(f"/contacts/{contact_id}?said=contact_time_set", 303)


@router.api_route("/{contact_id}/time/audio", methods=["GET", "HEAD"])
def time_audio(request: Request, contact_id: str, user: Quality) -> Response:
    """The customer saying when they want to be called, by HTTP ranges."""
    web = web_of(request)
    when = _said_time(web, _story(web, contact_id))
    return _comment_file(web, user, when.call_id if when else "", when.recording if when else None)


@router.api_route("/{contact_id}/answers/{question}/audio", methods=["GET", "HEAD"])
def comment_audio(request: Request, contact_id: str, question: str, user: Quality) -> Response:
    """What the customer said after the tone, by HTTP ranges."""
    web = web_of(request)
    with web.store.read() as session:
        answer = answer_of(session, contact_id, question)
    return _comment_file(web, user, answer.call_id if answer else "", answer.recording if answer else None)


def _comment_file(web: Web, user: SignedIn, call_id: str, recording: str | None) -> Response:
    if recording is None:
        raise HTTPException(404)
    try:
        file = resolve(web.settings.paths.recordings, recording)
    except RecordingMissing as error:
        raise HTTPException(404) from error
    # No sound without its trace: when the trace cannot be written, nothing is heard.
    web.trace(user.login, "listen.comment", call_id)
    return RangedFile(file, media_type="audio/wav")


def _said_time(web: Web, story: ContactStory) -> SaidTime | None:
    """What the customer said about when to call them; None where they said nothing, or keyed it since."""
    hotline = web.hotline()
    if hotline is None:
        return None
    with web.store.read() as session:
        return next(iter(said_times.said_times(session, hotline, [story.contact])), None)


def _story(web: Web, contact_id: str) -> ContactStory:
    try:
        with web.store.read() as session:
            return contact_story(session, contact_id, web.now())
    except ContactNotFound as error:
        raise HTTPException(404) from error


def _decision(web: Web, story: ContactStory) -> Decision | None:
    """What the dialler would do with it this moment; None without a business file."""
    hotline = web.hotline()
    if hotline is None:
        return None
    stopped = read_stop(web.settings.paths) is not None
    with web.store.read() as session:
        return FactFinder(hotline).why(session, story.contact, web.now(), stopped=stopped)


def _sounds(web: Web, call: CallRecord) -> Sounds:
    ready = [sound for sound in leg_sounds(web.settings.paths, call) if sound.role in ROLES and sound.state == "ready"]
    return Sounds(ready, max((sound.seconds for sound in ready), default=0.0))
