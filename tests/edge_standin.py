"""A stand-in for the service behind edge-tts: a local WebSocket server that speaks its protocol.

The product's code and the library stay the real ones; only the address is ours (edge_tts.communicate.WSS_URL,
without TLS). Protocol as in edge_tts/communicate.py: two text messages come in (speech.config, ssml), then
turn.start, response, audio.metadata, binary audio messages (2 bytes header length, header, MP3) and turn.end go out.
"""

import asyncio
import io
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from xml.sax.saxutils import unescape

import numpy as np
import soundfile
from aiohttp import WSMsgType, web

Behaviour = Literal["speaks", "refuses", "stays_silent", "has_no_audio", "breaks_off", "sends_garbage"]


@dataclass
class EdgeStandIn:
    """How it behaves can be changed at any time; `asked` are the texts it was asked to speak, in order."""

    behaviour: Behaviour = "speaks"
    speaks_before_failing: int = 0
    asked: list[str] = field(default_factory=list)
    voices: list[str] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.connections += 1
        behaviour = "speaks" if self.connections <= self.speaks_before_failing else self.behaviour
        if behaviour == "refuses":
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        text = await self._read_request(socket)
        if behaviour == "stays_silent":
            await asyncio.sleep(30)
        await socket.send_str("X-RequestId:1\r\nPath:turn.start\r\n\r\n{}")
        await socket.send_str("X-RequestId:1\r\nPath:response\r\n\r\n{}")
        if behaviour != "has_no_audio":
            sound = mp3(0.1 + 0.15 * len(text)) if behaviour != "sends_garbage" else b"\x00not sound" * 200
            half = len(sound) // 2
            await socket.send_bytes(_audio_message(sound[:half]))
            if behaviour == "breaks_off":
                assert request.transport is not None
                request.transport.abort()
                return socket
            await socket.send_bytes(_audio_message(sound[half:]))
            await socket.send_str(_metadata(text))
        await socket.send_str("X-RequestId:1\r\nPath:turn.end\r\n\r\n{}")
        await socket.close()
        return socket

    async def _read_request(self, socket: web.WebSocketResponse) -> str:
        config, ssml = await socket.receive(), await socket.receive()
        assert config.type is WSMsgType.TEXT and "Path:speech.config" in config.data
        assert "audio-24khz-48kbitrate-mono-mp3" in config.data
        assert ssml.type is WSMsgType.TEXT and "Path:ssml" in ssml.data
        found = re.search(r"<voice name='(.*?)'>.*?rate='(.*?)'.*?>(.*)</prosody>", ssml.data, re.DOTALL)
        assert found is not None
        self.voices.append(f"{found[1]} {found[2]}")
        self.asked.append(unescape(found[3]))
        return self.asked[-1]


def mp3(seconds: float) -> bytes:
    """A voice-like sound of 24 kHz with half a second of silence around it, as the service sends it."""
    time = np.arange(int(seconds * 24000)) / 24000
    tone = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 15)) * (
        0.15 + 0.1 * np.sin(2 * np.pi * 4 * time)
    )
    silence = np.zeros(12000)
    file = io.BytesIO()
    soundfile.write(file, np.concatenate([silence, tone, silence]), 24000, format="MP3")
    return file.getvalue()


def _audio_message(sound: bytes) -> bytes:
    header = b"X-RequestId:1\r\nContent-Type:audio/mpeg\r\nPath:audio\r\n"
    return len(header).to_bytes(2, "big") + header + sound


def _metadata(text: str) -> str:
    boundary = {"Offset": 1000000, "Duration": 5000000, "text": {"Text": text, "Length": len(text)}}
    body = json.dumps({"Metadata": [{"Type": "SentenceBoundary", "Data": boundary}]})
    return f"X-RequestId:1\r\nContent-Type:application/json\r\nPath:audio.metadata\r\n\r\n{body}"


@contextmanager
def edge_standin() -> Iterator[EdgeStandIn]:
    """Run the stand-in on a free port of loopback, in a thread."""
    standin, loop = EdgeStandIn(), asyncio.new_event_loop()
    ready = threading.Event()
    runner: list[web.AppRunner] = []

    async def start() -> None:
        app = web.Application()
        app.router.add_get("/edge/v1", standin.handle)
        runner.append(web.AppRunner(app, shutdown_timeout=0.1))
        await runner[0].setup()
        site = web.TCPSite(runner[0], "127.0.0.1", 0)
        await site.start()
        port = runner[0].addresses[0][1]
        standin.url = f"ws://127.0.0.1:{port}/edge/v1?TrustedClientToken=standin"
        ready.set()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.create_task(start())
        loop.run_forever()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield standin
    finally:
        asyncio.run_coroutine_threadsafe(runner[0].cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
