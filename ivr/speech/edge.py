"""The online voice: edge-tts, whose faults all become one EngineUnavailable.

Undocumented service of Microsoft Edge; 24 kHz MP3 only. It fails when there is no network, when it
refuses (403, also on a wrong clock), and when it changes. Used while prompts are built, never in a call.
"""

import asyncio
import io
import threading
from concurrent.futures import Future
from importlib.metadata import version

import soundfile

from ivr.hotline import Voice
from ivr.speech.engines import Audio, EngineUnavailable

CONNECT_SECONDS = 2
"""Time to open the connection; it is short so that a machine without network is not kept waiting."""
FIRST_SOUND_SECONDS = 6.0
"""Time until the first sound arrives, name look-up and connecting included."""
WHOLE_SECONDS = 40.0
"""Time one prompt may take from start to end."""

_MEANWHILE = "prompts are spoken by espeak-ng until a later `ivr prompts build` reaches the service"


class Edge:
    """edge-tts (https://github.com/rany2/edge-tts)."""

    name = "edge-tts"
    online = True

    def __init__(self, first_sound_seconds: float = FIRST_SOUND_SECONDS, whole_seconds: float = WHOLE_SECONDS) -> None:
        self._first_sound_seconds = first_sound_seconds
        self._whole_seconds = whole_seconds

    def identity(self, lang: str, voice: Voice) -> str:
        # Without the library's version: it only carries text, the sound is made by the service.
        return f"{self.name} {voice.edge} {voice.rate}"

    def speak(self, text: str, lang: str, voice: Voice) -> Audio:
        """The sound of `text` (24,000 Hz); raises EngineUnavailable."""
        return _decode(self._fetch(text, voice))

    def _fetch(self, text: str, voice: Voice) -> bytes:
        """The MP3. A thread of its own, left behind on a time-out: a hanging name look-up cannot be cancelled."""
        result: Future[bytes] = Future()
        first_sound = threading.Event()

        def work() -> None:
            try:
                result.set_result(asyncio.run(_stream(text, voice, first_sound)))
            except BaseException as error:
                result.set_exception(error)
            finally:
                first_sound.set()

        threading.Thread(target=work, name="edge-tts", daemon=True).start()
        if not first_sound.wait(self._first_sound_seconds):
            raise EngineUnavailable(f"edge-tts gave no sound within {self._first_sound_seconds:g} s.", _MEANWHILE)
        try:
            return result.result(self._whole_seconds)
        except TimeoutError as error:
            raise EngineUnavailable("edge-tts stopped in the middle of a prompt.", _MEANWHILE) from error
        except Exception as error:
            raise _explain(error) from error


async def _stream(text: str, voice: Voice, first_sound: threading.Event) -> bytes:
    # The library brings aiohttp, half a second of imports that a build with nothing new does not need.
    import edge_tts

    sound = bytearray()
    speaker = edge_tts.Communicate(text, voice.edge, rate=voice.rate, connect_timeout=CONNECT_SECONDS)
    async for chunk in speaker.stream():
        if chunk["type"] == "audio":
            sound += chunk["data"]
            first_sound.set()
    if speaker.state["chunk_audio_bytes"]:
        # The library takes a connection that breaks for the end; only the service's own end sets this to 0.
        raise ConnectionResetError("the connection broke in the middle of a prompt")
    return bytes(sound)


def _explain(error: Exception) -> EngineUnavailable:
    import aiohttp
    from edge_tts.exceptions import NoAudioReceived, SkewAdjustmentError

    if isinstance(error, SkewAdjustmentError) or getattr(error, "status", None) == 403:
        return EngineUnavailable(
            f"edge-tts {version('edge-tts')} was refused (403): this machine's clock is wrong, "
            "or the service has changed.",
            f"check `date -u`, then `pip install --upgrade edge-tts`; {_MEANWHILE}",
        )
    if isinstance(error, NoAudioReceived):
        return EngineUnavailable(
            "edge-tts answered without any sound: it does not know the voice, or cannot read the text.",
            f"compare voices in hotline.yaml with `edge-tts --list-voices`; {_MEANWHILE}",
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return EngineUnavailable("edge-tts cannot be reached: no network, or a firewall.", _MEANWHILE)
    if isinstance(error, ValueError):
        return EngineUnavailable(f"edge-tts: {error}", "correct voices in hotline.yaml")
    return EngineUnavailable(f"edge-tts failed: {type(error).__name__}: {error}".rstrip(": ") + ".", _MEANWHILE)


def _decode(mp3: bytes) -> Audio:
    try:
        samples, rate = soundfile.read(io.BytesIO(mp3), dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise EngineUnavailable(f"edge-tts sent sound that cannot be read: {error}", _MEANWHILE) from error
    if len(samples) == 0:
        raise EngineUnavailable("edge-tts sent an empty sound.", _MEANWHILE)
    return Audio(samples.mean(axis=1), int(rate))
