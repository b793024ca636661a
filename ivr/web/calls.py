"""The list of calls, and one call: what happened, what was said, how it was judged."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from ivr.calls.record import LegRecord, get_call, list_calls
from ivr.calls.story import story
from ivr.store.models import ROLES
from ivr.web.auth import Agent, own_only, require_own
from ivr.web.context import language_of, page, web_of
from ivr.web.filters import CHOICES, RUNNING, read_filter
from ivr.web.media import leg_sounds
from ivr.web.names import Names
from ivr.web.talk import utterances

router = APIRouter()


@router.get("/calls")
def calls_page(request: Request, user: Agent) -> Response:
    web = web_of(request)
    wanted = read_filter(request.query_params.multi_items())
    asked = wanted.arguments(web.zone()) | own_only(user)
    with web.store.read() as session:
        found = list_calls(session, **asked)
        if not found.items and wanted.page > 1:
            wanted = wanted.on_page(found.pages)
            found = list_calls(session, **(asked | {"page": found.pages}))
        running = list_calls(session, **(asked | {"outcome": RUNNING, "page": 1, "per_page": 1})).total
    if wanted.caller:
        web.trace(user.login, "search")
    return page(
        request,
        "calls.html",
        found=found,
        wanted=wanted,
        running=running if wanted.outcome is None else 0,
        choices=CHOICES,
        names=Names(web.hotline(), language_of(request)),
    )


@router.get("/calls/{call_id}")
def call_page(request: Request, call_id: str, user: Agent) -> Response:
    web = web_of(request)
    language = language_of(request)
    names = Names(web.hotline(), language)
    with web.store.read() as session:
        call = get_call(session, call_id)
        require_own(user, call)
        lines = story(session, call_id, language, names.labels(call.queue))
    web.trace(user.login, "open", call.id)
    heard = leg_sounds(web.settings.paths, call)
    sounds = [sound for sound in heard if sound.role in ROLES]
    talk = [leg for leg in call.legs if leg.role in ROLES]
    message = call.leg("message")
    return page(
        request,
        "call.html",
        call=call,
        names=names,
        lines=lines,
        sounds=sounds,
        seconds=max((sound.seconds for sound in sounds), default=0.0),
        utterances=utterances(talk),
        transcripts=[(leg.role, transcript_state(leg)) for leg in talk],
        message=next((sound for sound in heard if sound.role == "message"), None),
        message_state=transcript_state(message) if message else "none",
        models=sorted({leg.model for leg in call.legs if leg.model and leg.words}),
        own=lambda texts: in_language(texts, language),
    )


def transcript_state(leg: LegRecord) -> str:
    """What to say about a leg's transcript: words, silent, pending, running, failed, or none."""
    if leg.state == "done":
        return "words" if leg.words else "silent"
    return leg.state or "none"


def in_language(texts: Mapping[str, str] | str | None, language: str) -> str:
    """A text that data carries in several languages, in the reader's; an only text as it is."""
    if not isinstance(texts, Mapping):
        return texts or ""
    return texts.get(language) or next(iter(texts.values()), "")
