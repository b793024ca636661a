"""Child process that speaks for `synth.Speaker`: standard library only, one request and one answer at a time.

It is a process of its own for two reasons: libespeak-ng segfaults now and then, and an espeak-ng unpacked from a
newer Debian can only be loaded by a Python started through that system's own loader.

Request, one JSON line: {"text", "voice", "rate" (words/min), "pitch" (0-99), "range" (0-99)}.
Answer, one JSON line {"samples": n, "events": [[sample, phoneme], ...]} and then n int16 samples, little endian,
at the rate told by the first line the child writes.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

SYNCHRONOUS, PHONEME_EVENTS, UTF8 = 2, 1, 1
RATE, PITCH, RANGE = 1, 3, 4
EVENT_END, EVENT_PHONEME = 0, 7


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_audio: list[bytes] = []
_events: list[tuple[int, str]] = []


def _collect(wav: Any, count: int, events: Any) -> int:
    """Copy what espeak-ng hands over; its buffers are reused as soon as this returns."""
    i = 0
    while events[i].type != EVENT_END:
        if events[i].type == EVENT_PHONEME:
            name = bytes(events[i].id.string).split(b"\0")[0].decode("latin1")
            _events.append((events[i].sample, name))
        i += 1
    if wav and count > 0:
        _audio.append(ctypes.string_at(wav, count * 2))
    return 0


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_callback = _CALLBACK(_collect)  # a module global: ctypes does not keep callbacks alive


def _speak(library: Any, request: dict[str, Any]) -> None:
    if library.espeak_SetVoiceByName(request["voice"].encode()) != 0:
        raise SystemExit(f"espeak-ng has no voice {request['voice']}")
    for parameter, key in ((RATE, "rate"), (PITCH, "pitch"), (RANGE, "range")):
        library.espeak_SetParameter(parameter, int(request[key]), 0)
    _audio.clear()
    _events.clear()
    text = request["text"].encode()
    library.espeak_Synth(text, len(text) + 1, 0, 1, 0, UTF8, None, None)
    library.espeak_Synchronize()


def main() -> None:
    """Serve requests on stdin until it closes; argv: folder with espeak-ng-data ("" = the library's own)."""
    library = ctypes.CDLL("libespeak-ng.so.1")
    data = sys.argv[1].encode() if len(sys.argv) > 1 and sys.argv[1] else None
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, data, PHONEME_EVENTS)
    if rate <= 0:
        raise SystemExit("espeak-ng does not start: is espeak-ng-data there?")
    library.espeak_SetSynthCallback(_callback)
    out = sys.stdout.buffer
    out.write(json.dumps({"rate": rate}).encode() + b"\n")
    out.flush()
    for line in sys.stdin:
        _speak(library, json.loads(line))
        pcm = b"".join(_audio)
        out.write(json.dumps({"samples": len(pcm) // 2, "events": _events}).encode() + b"\n" + pcm)
        out.flush()


if __name__ == "__main__":
    main()
