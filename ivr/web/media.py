"""Sound: the recordings by range, their waveforms, and the prompts."""

import io
import re
import wave
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ivr.calls.record import CallRecord, get_call
from ivr.calls.recordings import RecordingMissing, RecordingUnreadable, resolve, wav_facts
from ivr.errors import IvrError
from ivr.settings import StatePaths
from ivr.speech.prompts import PromptStore, say
from ivr.store.models import LegRole
from ivr.web.auth import Agent, SignedIn, Supervisor, require_own
from ivr.web.context import Web, web_of
from ivr.web.peaks import read_peaks

router = APIRouter()

_RANGES = re.compile(r"bytes=\s*(\d+-\d*|-\d+)(\s*,\s*(\d+-\d*|-\d+)){0,15}\s*", re.ASCII)
_SPAN = re.compile(r"(\d+)-(\d+)")


@dataclass(frozen=True)
class LegSound:
    """Whether a leg's recording can be heard: `state` is ready, missing or damaged; its length in seconds."""

    role: LegRole
    state: str
    seconds: float


def leg_sounds(paths: StatePaths, call: CallRecord) -> list[LegSound]:
    """What can be heard of a call."""
    return [LegSound(leg.role, *sound_of(paths, leg.recording)) for leg in call.legs]


def sound_of(paths: StatePaths, recording: str) -> tuple[str, float]:
    """Whether a recording can be heard (ready, missing or damaged), and its length in seconds."""
    try:
        seconds = wav_facts(resolve(paths.recordings, recording)).seconds
    except RecordingMissing:
        return "missing", 0.0
    except RecordingUnreadable:
        return "damaged", 0.0
    return ("ready", seconds) if seconds > 0 else ("damaged", 0.0)


class RangedFile(FileResponse):
    """A file by HTTP ranges; a Range header that is not one is ignored, as RFC 9110 14.2 says."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = MutableHeaders(scope=scope)
        if "range" in headers and not _is_range(headers["range"]):
            scope = dict(scope)
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await super().__call__(scope, receive, send)


def _is_range(header: str) -> bool:
    if len(header) > 300 or not _RANGES.fullmatch(header):
        return False
    return all(int(start) <= int(end) for start, end in _SPAN.findall(header))


@router.api_route("/calls/{call_id}/audio/{role}", methods=["GET", "HEAD"])
def audio(request: Request, call_id: str, role: str, user: Agent) -> Response:
    web = web_of(request)
    file = _leg_file(web, user, call_id, role)
    # No sound without its trace: when the trace cannot be written, nothing is heard.
    web.trace(user.login, f"listen.{role}", call_id)
    return RangedFile(file, media_type="audio/wav")


@router.get("/calls/{call_id}/peaks/{role}.json")
def peaks(request: Request, call_id: str, role: str, user: Agent) -> Response:
    try:
        found = read_peaks(_leg_file(web_of(request), user, call_id, role))
    except RecordingUnreadable as error:
        raise HTTPException(404) from error
    return JSONResponse({"seconds": found.seconds, "peaks": found.peaks})


def _leg_file(web: Web, user: SignedIn, call_id: str, role: str) -> Path:
    with web.store.read() as session:
        call = get_call(session, call_id)
    require_own(user, call)
    leg = next((leg for leg in call.legs if leg.role == role), None)
    if leg is None:
        raise HTTPException(404)
    try:
        return resolve(web.settings.paths.recordings, leg.recording)
    except RecordingMissing as error:
        raise HTTPException(404) from error


@router.get("/prompts/{language}/{prompt_id}/audio")
def prompt_audio(request: Request, language: str, prompt_id: str, user: Supervisor) -> Response:
    web = web_of(request)
    hotline = web.hotline()
    if hotline is None:
        raise HTTPException(404)
    try:
        raw, _text = say(PromptStore(web.settings.paths, hotline), prompt_id, language)
        samples = raw.read_bytes()
    except (IvrError, OSError) as error:
        raise HTTPException(404) from error
    return Response(as_wav(samples, rate=16000), media_type="audio/wav")


def as_wav(samples: bytes, rate: int) -> bytes:
    """Raw 16-bit mono samples with the header that a browser needs; `rate` in Hz."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
    return out.getvalue()
