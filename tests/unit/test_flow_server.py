"""The FastAGI server: what it answers, what it leaves to the dialplan."""

import itertools
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.instance import Instance, PortTaken
from ivr.settings import Settings
from ivr.telephony.call import Call
from ivr.telephony.flow import LOOK_SECONDS, WRONG_PIN_SECONDS, WRONG_PINS, DeskKeeper
from ivr.telephony.server import FlowBroken, FlowServer, load_flows

CALLS = {
    "greet": lambda call: call.play("greeting"),
    "broken": lambda call: call.no_such_word(),
}


@pytest.fixture
def ready(settings: Settings) -> Settings:
    settings.paths.create()
    shutil.copy(settings.hotline_file, settings.paths.hotline_in_force)
    return settings


@pytest.fixture
def server(ready: Settings) -> Iterator[FlowServer]:
    running = FlowServer("127.0.0.1", 0, dict(CALLS), DeskKeeper(ready))
    running.start()
    yield running
    running.stop(5)


def ring(server: FlowServer, flow: str) -> socket.socket:
    asterisk = socket.create_connection(("127.0.0.1", server.port), 10)
    recorded = "agi_arg_1: 2026/01/02/x-caller.wav\nagi_arg_2: 2026/01/02/x-agent.wav\n"
    asterisk.sendall(f"agi_network_script: {flow}\nagi_uniqueid: ivr-9.9\n{recorded}\n".encode())
    return asterisk


def everything(asterisk: socket.socket) -> bytes:
    return b"".join(iter(lambda: asterisk.recv(4096), b""))


def journal(settings: Settings) -> list[dict[str, str]]:
    lines = (settings.paths.journal / "flow.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("flow", ["nobody", "../../etc/passwd", "greet/../greet", ""])
def test_what_is_no_flow_is_left_to_the_dialplan(server: FlowServer, flow: str) -> None:
    assert everything(ring(server, flow)) == b""


def test_a_flow_that_fails_is_journalled_and_the_call_left_to_the_dialplan(server: FlowServer, ready: Settings) -> None:
    assert b"IVR_NEXT" not in everything(ring(server, "broken"))

    failed = journal(ready)[-1]
    assert (failed["event"], failed["flow"]) == ("flow.failed", "broken")
    assert failed["error"].startswith("AttributeError at test_flow_server.py:")


def test_a_caller_above_the_limit_is_not_lost_but_taken_when_a_place_is_free(ready: Settings) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(call: Call) -> None:
        begun.set()
        go_on.wait(10)

    running = FlowServer("127.0.0.1", 0, {"slow": slow}, DeskKeeper(ready), calls=1)
    running.start()
    first = ring(running, "slow")
    assert begun.wait(10)
    second = ring(running, "slow")
    go_on.set()

    assert everything(first) == everything(second) == b""
    assert [event["event"] for event in journal(ready)] == ["call.started", "recording.started"] * 2
    running.stop(5)


def test_a_stopped_server_lets_running_flows_end(ready: Settings) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def slow(call: Call) -> None:
        begun.set()
        go_on.wait(10)
        ended.set()

    running = FlowServer("127.0.0.1", 0, {"slow": slow}, DeskKeeper(ready))
    running.start()
    ring(running, "slow")
    assert begun.wait(10)
    threading.Timer(0.1, go_on.set).start()
    running.stop(10)

    assert ended.is_set()


def test_a_port_that_another_program_holds_is_named(ready: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(PortTaken, match="FastAGI"):
        FlowServer("127.0.0.1", other.getsockname()[1], {}, DeskKeeper(ready))


def test_a_new_business_file_counts_from_the_next_call_and_a_bad_one_never(ready: Settings) -> None:
    seconds = itertools.count(0, LOOK_SECONDS)
    keeper, file = DeskKeeper(ready, monotonic=lambda: next(seconds)), ready.paths.hotline_in_force
    first = keeper.desk()
    assert keeper.desk() is first

    replace(file, file.read_text().replace("4008001001", "4008001002"))
    assert keeper.desk().hotline.hotline.number == "4008001002"
    assert first.hotline.hotline.number == "4008001001", "a running call keeps its own"

    replace(file, "company: nonsense")
    assert keeper.desk().hotline.hotline.number == "4008001002"


def test_a_pin_cannot_be_found_by_calling_again_and_again(ready: Settings) -> None:
    instance = Instance.create(ready.paths, ["1001", "1002"])
    right = instance.agent_pins["1001"]
    wrong = f"{(int(right) + 1) % 10 ** len(right):0{len(right)}}"
    clock = [0.0]
    keeper = DeskKeeper(ready, monotonic=lambda: clock[0])

    def enters(pin: str, agent: str = "1001") -> bool:
        return keeper.desk().knows_pin(agent, pin)

    assert enters(right) and not any(enters(wrong) for _ in range(WRONG_PINS))
    assert not enters(right), "nobody who guesses learns that it was right"
    assert enters(instance.agent_pins["1002"], "1002"), "others log in as ever"
    clock[0] += WRONG_PIN_SECONDS + 1
    assert enters(right)


def replace(file: Path, text: str) -> None:
    import os

    before = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(before + 10**9, before + 10**9))


def test_the_flows_of_the_product_load() -> None:
    assert "hotline" in load_flows()


@pytest.mark.parametrize("text", ["x = 1\n", "def run(call:\n", "import no_such_module\n"])
def test_a_file_that_is_no_flow_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.py").write_text(text)
    with pytest.raises(FlowBroken, match=r"odd\.py"):
        load_flows(tmp_path)
