"""What people say on test phones: text to telephone sound with the offline voice."""

import io
from pathlib import Path

import soundfile

from ivr.hotline import Voice
from ivr.speech.audio import finish, store
from ivr.speech.espeak import Espeak
from ivr.tools import tool

AGENT = Voice(edge="zh-CN-XiaoyiNeural", espeak="cmn-latn-pinyin+f3", espeak_rate=155)
CALLER = Voice(edge="zh-CN-YunxiNeural", espeak="cmn-latn-pinyin+m3", espeak_rate=155)
"""The demonstration model knows these voices (and it knows few others)."""


def speak(text: str, voice: Voice, where: Path, runtime_dir: Path | None = None) -> Path:
    """Write `text` as a phone's sound (mono WAV, 16 bit, 8 kHz); raises EngineUnavailable."""
    sound = finish(Espeak(tool("espeak-ng", runtime_dir)).speak(text, "zh-CN", voice)).narrow
    store(where, sound, format="WAV", subtype="PCM_16")
    return where


def speak_ulaw(text: str, voice: Voice, runtime_dir: Path | None = None) -> bytes:
    """`text` as it goes over a line (µ-law, 8 kHz); raises EngineUnavailable."""
    sound = finish(Espeak(tool("espeak-ng", runtime_dir)).speak(text, "zh-CN", voice)).narrow
    line = io.BytesIO()
    soundfile.write(line, sound.samples, sound.rate, format="RAW", subtype="ULAW")
    return line.getvalue()
