"""The Python sides of the comparison, one process each: `servers.py ours|panoramisk PORT STATE`, `servers.py forked`.

All do the same: play one prompt, take one key during it, hang up.
"""

import asyncio
import os
import sys
import threading
import warnings
from pathlib import Path

PROMPT_ID = "greeting"


def ours(port: int, state: Path) -> None:
    from ivr.settings import Settings
    from ivr.telephony.call import Call
    from ivr.telephony.flow import DeskKeeper
    from ivr.telephony.server import FlowServer

    def flow(call: Call) -> None:
        call.ask(PROMPT_ID)

    FlowServer("127.0.0.1", port, {"bench": flow}, DeskKeeper(Settings(state_dir=state))).start()
    threading.Event().wait()


def panoramisk(port: int, sound: str) -> None:
    warnings.simplefilter("ignore")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    from panoramisk import fast_agi

    async def flow(request: fast_agi.Request) -> None:
        await request.send_command("ANSWER")
        await request.send_command(f"GET DATA {sound} 4000 1")
        await request.send_command("HANGUP")

    app = fast_agi.Application(loop=loop)
    app.add_route("bench", flow)
    server = loop.run_until_complete(asyncio.start_server(app.handler, "127.0.0.1", port))
    loop.run_until_complete(server.serve_forever())


def forked(sound: str) -> None:
    from asterisk.agi import AGI

    with Path(os.devnull).open("w") as silence:
        agi = AGI(stderr=silence)
        agi.answer()
        agi.execute("GET DATA", sound, 4000, 1)
        agi.hangup()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ours", port, state, _]:
            ours(int(port), Path(state))
        case ["panoramisk", port, _, sound]:
            panoramisk(int(port), sound)
        case ["forked", sound]:
            forked(sound)
