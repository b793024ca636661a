"""What became of a command given by a button: a sentence for the page's script, or the page again with it."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.responses import Response

from ivr.telephony.control import CommandRefused, CommandUncertain, Control, ControlError
from ivr.web.context import language_of, web_of
from ivr.web.i18n import Translator, texts

_GOOD = (
    *("done", "noted", "ringing_you", "return_call"),
    *(
        "stopped",
        "resumed",
        "campaign_started",
        "campaign_paused",
        "contact_cancelled",
        "contact_time_set",
        "listed",
        "unlisted",
    ),
)


@dataclass(frozen=True)
class Said:
    """One sentence about a command, by its key in the texts (`said.<key>`)."""

    key: str

    @property
    def good(self) -> bool:
        return self.key in _GOOD


def answer(request: Request, page: str, key: str, *, ok: bool = True) -> Response:
    """The answer to a form of `page`. A refusal is an answer too: the request itself went well."""
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"ok": ok, "said": Translator(language_of(request))(f"said.{key}")})
    return RedirectResponse(f"/{page}?said={key}", 303)


def carry_out(request: Request, page: str, command: Callable[[Control], None], done: str = "done") -> Response:
    """Give a command to the telephone system and say what became of it."""
    try:
        command(web_of(request).control)
    except ControlError as error:
        return answer(request, page, refusal_key(error), ok=False)
    return answer(request, page, done)


def refusal_key(error: ControlError) -> str:
    """The sentence about a command that was not carried out, or not for certain."""
    if isinstance(error, CommandRefused):
        return error.reason
    return "uncertain" if isinstance(error, CommandUncertain) else "unreachable"


def said(request: Request) -> Said | None:
    """What the address bar says of the command before (pages without script); None for anything unknown."""
    key = request.query_params.get("said", "")
    return Said(key) if f"said.{key}" in texts(language_of(request)) else None
