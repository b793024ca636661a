"""Callbacks on the real system (S10): what the carrier's customers notice decides, whatever is killed meanwhile."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from ivr.callbacks.line import Place
from ivr.demo.phone import Phone
from ivr.demo.ports import free_port
from ivr.demo.rtp import RtpLine
from ivr.demo.sipp import SippRun
from ivr.demo.watch import JournalWatch
from ivr.telephony.asterisk_control import AsteriskControl
from ivr.telephony.callback_line import AsteriskLine
from ivr.telephony.runtime import rx
from tests.live.conftest import Running, hotline_up, listen, sample_business, until
from tests.live.talks import keys
from tests.phones import SCENARIOS, Caller, calling, many_agents

AGENT = "1001"


class Carrier:
    """The carrier's end of the trunk, with the customers behind it; see scenarios/carrier.xml."""

    def __init__(self, run: SippRun) -> None:
        self.run = run

    def noticed(self, what: str, number: str = "") -> int:
        """How often customers (this one) noticed something: rings, talks, is-released, gave-up, hung-up."""
        words = [line.split(" ") for line in self.run.happened()]
        return sum(one[0] == what and (not number or one[1] == f"{number}@") for one in words)

    def wait_for(self, what: str, number: str, count: int = 1, seconds: float = 60.0) -> None:
        until(
            lambda: self.noticed(what, number) >= count,
            lambda: f"{number} {what} {count} times: {self.run.happened()} {self.run.errors()}",
            seconds,
        )


@pytest.fixture(scope="module")
def port() -> int:
    """Where the carrier takes calls."""
    return free_port("127.0.0.1")


@pytest.fixture(scope="module")
def live(port: int) -> Iterator[Running]:
    """An instance of our own, for it is killed again and again; short pauses, and callbacks at any hour of the day."""
    business = sample_business()
    business["trunks"]["sample"]["port"] = port
    pauses = {"ring_seconds": 10, "retry_minutes": [0.05, 0.05]}
    business["callbacks"] = {"trunk": "sample", "window": "00:00-24:00", **pauses}
    with hotline_up(business) as running:
        yield running


@pytest.fixture(scope="module")
def carrier(live: Running, port: int) -> Iterator[Carrier]:
    sound = ["-rtp_echo", "-mp", str(free_port("127.0.0.1"))]
    scenario = SCENARIOS / "carrier.xml"
    with SippRun(scenario, live.server, "customers", calls=1000, listen=port, limit_seconds=3000, more=sound) as run:
        yield Carrier(run)


@contextmanager
def callback_at_once(live: Running) -> Iterator[None]:
    """Whoever calls is offered a callback straight away."""
    file = live.settings.paths.asterisk_conf.parent / "extensions.conf"
    before = file.read_text()
    old = "AGI(${FLOWS}/hotline,"
    assert before.count(old) == 1
    file.write_text(before.replace(old, "AGI(${FLOWS}/callback,"))
    try:
        rx(live.settings.paths.asterisk_conf, "dialplan reload")
        yield
    finally:
        file.write_text(before)
        rx(live.settings.paths.asterisk_conf, "dialplan reload")


def ask_for_callback(live: Running, number: str) -> str:
    """A caller asks for a callback to the own number, confirms it, and is let go kindly; gives the call's id."""
    watch = live.watch()
    with callback_at_once(live), live.caller_phone(number) as phone:
        phone.dial(live.number)
        phone.wait_for("CALL_ESTABLISHED")
        call_id = watch.call_from(number)
        # SIPp and baresip send their first sound late; a key before that would be lost.
        phone.wait_for("CALL_RTPESTAB")
        phone.press("1")
        watch.wait_in(call_id, "callback.requested")
        phone.wait_for("CALL_CLOSED", seconds=40)
    return call_id


def callback(live: Running, call_id: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = live.ivr("callbacks", "list", "--all")
    return next((row for row in rows if row["id"] == call_id), {})


def wait_state(live: Running, call_id: str, state: str, seconds: float = 60.0) -> dict[str, Any]:
    until(
        lambda: callback(live, call_id).get("state") == state,
        lambda: f"{call_id} is {state}: {callback(live, call_id)}",
        seconds,
    )
    return callback(live, call_id)


def in_line(live: Running, call_id: str) -> bool:
    return f"{call_id}-cb" in rx(live.settings.paths.asterisk_conf, "core show channels concise")


def wait_in_line(live: Running, watch: JournalWatch, call_id: str, seconds: float = 60.0) -> str:
    """The id of the callback's own call, once its place stands in the line."""
    joined = watch.wait(
        "the place in line",
        lambda event: event.kind == "ENTERQUEUE" and str(event.call_id).startswith(f"{call_id}-cb"),
        seconds,
    )
    return str(joined.call_id).removesuffix("-place")


@pytest.fixture(autouse=True)
def agent_on_duty(live: Running) -> None:
    """An agent who let the phone ring in a test that failed is not paused in the next one."""
    AsteriskControl(live.settings).unpause(AGENT)


def put_through(watch: JournalWatch, attempt: str) -> None:
    """The customer has heard who calls and with whom they speak, and the two can talk."""
    watch.wait_in(attempt, "WORK_NUMBER", seconds=60)
    watch.wait_in(attempt, "BRIDGE_ENTER", count=4, seconds=60)
    listen(1.0)


@pytest.mark.standards("S8", "S10")
def test_s10_a_caller_who_asked_is_dialled_only_when_an_agent_is_there_and_speaks_to_that_agent(
    live: Running, carrier: Carrier
) -> None:
    """The place is kept, the agent hears who it is first, the customer is dialled once, each call has one outcome."""
    number, watch = "13800000005", live.watch()
    call_id = ask_for_callback(live, number)
    attempt = wait_in_line(live, watch, call_id)
    listen(3.0)
    assert carrier.noticed("rings", number) == 0, "nobody is dialled while no agent is there"

    with live.agent_phone(AGENT) as agent:
        agent.wait_for("CALL_INCOMING", seconds=60)
        assert carrier.noticed("rings", number) == 0, "the agent answers first"
        agent.answer()
        agent.wait_for("CALL_ESTABLISHED")
        carrier.wait_for("talks", number)
        put_through(watch, attempt)
        agent.hang_up()
        carrier.wait_for("is-released", number)

    done = wait_state(live, call_id, "answered")
    assert (done["attempts"], done["answered_call_id"], done["reason"]) == (1, attempt, "requested")
    assert carrier.noticed("rings", number) == 1
    asked = live.record(call_id)
    assert asked.outcome == "callback"
    served = live.record(attempt, lambda record: len(record.legs) == 2)
    assert (served.outcome, served.agent, served.direction) == ("answered", AGENT, "outbound")
    assert all((live.settings.paths.recordings / leg.recording).stat().st_size > 44 for leg in served.legs)


@pytest.mark.standards("S10")
def test_s10_the_place_in_line_is_before_whoever_came_later(live: Running, carrier: Carrier, line: RtpLine) -> None:
    first, second, watch = "13800000015", "13800000016", live.watch()
    call_id = ask_for_callback(live, first)
    attempt = wait_in_line(live, watch, call_id)
    with calling(live.server, live.number, [Caller(second, line)]) as run:
        run.wait_for("answered")
        line.press("0")
        waiting = watch.call_from(second)
        watch.wait_in(waiting, "ENTERQUEUE", seconds=60)
        with live.agent_phone(AGENT) as agent:
            agent.wait_for("CALL_INCOMING", seconds=60)
            agent.answer()
            carrier.wait_for("talks", first)
            served = [event for event in watch.events() if event.kind == "CONNECT"]
            assert [event.call_id for event in served] == [f"{attempt}-place"]
            put_through(watch, attempt)
            seen = len(agent.events)
            agent.hang_up()
            agent.wait_for("CALL_INCOMING", seconds=60, since=seen)
            agent.answer()
            carrier.wait_for("is-released", first)
            watch.wait_in(waiting, "CONNECT", seconds=60)
            listen(1.0)
            run.hang_up()
            run.result()
    assert live.record(waiting).outcome == "answered"
    assert carrier.noticed("rings", first) == 1


@pytest.mark.standards("S10")
def test_s10_a_busy_customer_is_tried_by_rule_and_then_a_person_takes_over(live: Running, carrier: Carrier) -> None:
    number = "13800000021"
    call_id = ask_for_callback(live, number)
    with many_agents(live.server, {AGENT: live.instance.agent_secrets[AGENT]}):
        done = wait_state(live, call_id, "gave_up", seconds=150)
    assert (done["attempts"], done["last_result"]) == (3, "BUSY")
    assert carrier.noticed("rings", number) == 3
    until(
        lambda: any(one["kind"] == "missed_callback" and one["number"] == number for one in live.ivr("cases", "list")),
        "a case for a person",
    )


@pytest.mark.standards("S10", "S20")
@pytest.mark.parametrize("step", ["asked", "in line", "agent rings", "customer rings", "talking"])
def test_s10_whatever_is_killed_at_any_step_the_customer_is_rung_once_and_served(
    live: Running, carrier: Carrier, step: str
) -> None:
    number = f"1380000003{['asked', 'in line', 'agent rings', 'customer rings', 'talking'].index(step) + 4}"
    watch = live.watch()

    killed: dict[str, int | None] = {}

    def reached(now: str) -> None:
        if now == step:
            killed.update({process: live.pid(process) for process in ("scheduler", "ingest", "agi")})
            for pid in killed.values():
                assert pid is not None
                os.kill(pid, signal.SIGKILL)

    call_id = ask_for_callback(live, number)
    reached("asked")
    attempt = wait_in_line(live, watch, call_id)
    reached("in line")
    with live.agent_phone(AGENT) as agent:
        agent.wait_for("CALL_INCOMING", seconds=60)
        reached("agent rings")
        agent.answer()
        carrier.wait_for("rings", number)
        reached("customer rings")
        carrier.wait_for("talks", number)
        reached("talking")
        put_through(watch, attempt)
        agent.hang_up()
        carrier.wait_for("is-released", number)
        for process, pid in killed.items():
            until(lambda p=process, before=pid: live.pid(p) not in (None, before), f"{process} runs again")  # type: ignore[misc]
        listen(8.0)  # whoever would dial once more would do it now, with the agent there
    done = wait_state(live, call_id, "answered")
    assert done["answered_call_id"] == attempt
    assert carrier.noticed("rings", number) == 1
    assert live.record(call_id).outcome == "callback"


@pytest.mark.standards("S10", "S20")
def test_s10_after_a_crash_of_asterisk_the_place_is_there_again(live: Running, carrier: Carrier) -> None:
    number, watch = "13800000045", live.watch()
    call_id = ask_for_callback(live, number)
    wait_in_line(live, watch, call_id)
    pid = live.pid("asterisk")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: live.pid("asterisk") not in (None, pid), "Asterisk runs again")
    watch.wait("its start", lambda event: event.kind == "QUEUESTART", seconds=60)
    again = live.watch()
    attempt = wait_in_line(live, again, call_id)
    assert attempt == f"{call_id}-cb2"
    with live.agent_phone(AGENT) as agent:
        agent.wait_for("CALL_INCOMING", seconds=60)
        agent.answer()
        carrier.wait_for("talks", number)
        put_through(again, attempt)
        agent.hang_up()
        carrier.wait_for("is-released", number)
    wait_state(live, call_id, "answered")
    assert carrier.noticed("rings", number) == 1


@pytest.mark.standards("S10")
def test_s10_a_caller_who_calls_again_and_is_served_is_not_called_back(
    live: Running, carrier: Carrier, line: RtpLine
) -> None:
    number, watch = "13800000055", live.watch()
    call_id = ask_for_callback(live, number)
    wait_in_line(live, watch, call_id)
    with calling(live.server, live.number, [Caller(number, line)]) as run:
        run.wait_for("answered")
        line.press("0")
        until(lambda: not in_line(live, call_id), "the place is given up while they are on the line")
        second = live.watch()
        with live.agent_phone(AGENT) as agent:
            agent.wait_for("CALL_INCOMING", seconds=60)
            agent.answer()
            second.wait("an answer", lambda event: event.kind == "CONNECT", seconds=30)
            listen(2.0)
            run.hang_up()
            run.result()
            wait_state(live, call_id, "cancelled")
            listen(4.0)
    assert not in_line(live, call_id)
    assert carrier.noticed("rings", number) == 0


@pytest.mark.standards("S8", "S10")
def test_s10_an_agent_who_leaves_while_hearing_who_it_is_is_followed_by_the_next_one(
    live: Running, carrier: Carrier
) -> None:
    number, watch = "13800000065", live.watch()
    call_id = ask_for_callback(live, number)
    wait_in_line(live, watch, call_id)
    with live.agent_phone(AGENT) as agent:
        agent.wait_for("CALL_INCOMING", seconds=60)
        agent.answer()
        agent.wait_for("CALL_ESTABLISHED")
        seen = len(agent.events)
        agent.hang_up()
        agent.wait_for("CALL_INCOMING", seconds=60, since=seen)
        assert carrier.noticed("rings", number) == 0
        agent.answer()
        carrier.wait_for("talks", number)
        put_through(watch, f"{call_id}-cb2")
        agent.hang_up()
        carrier.wait_for("is-released", number)
    assert wait_state(live, call_id, "answered")["attempts"] == 2
    assert carrier.noticed("rings", number) == 1


@pytest.mark.standards("S10")
def test_s10_an_agent_who_leaves_while_the_customer_is_greeted_is_followed_by_another(
    live: Running, carrier: Carrier
) -> None:
    number, watch = "13800000075", live.watch()
    call_id = ask_for_callback(live, number)
    attempt = wait_in_line(live, watch, call_id)
    with live.agent_phone(AGENT) as agent:
        agent.wait_for("CALL_INCOMING", seconds=60)
        agent.answer()
        carrier.wait_for("talks", number)
        seen = len(agent.events)
        agent.hang_up()
        agent.wait_for("CALL_INCOMING", seconds=60, since=seen)
        agent.answer()
        watch.wait_in(f"{attempt}-place", "CONNECT", count=2, seconds=60)
        listen(6.0)
        assert carrier.noticed("is-released", number) == 0, "the customer stayed on the line all the while"
        agent.hang_up()
        carrier.wait_for("is-released", number)
    assert wait_state(live, call_id, "answered")["answered_call_id"] == attempt
    assert carrier.noticed("rings", number) == 1


@pytest.mark.standards("S10")
def test_s10_two_diallers_and_a_typed_foreign_number_ring_nobody_twice_and_nobody_abroad(
    live: Running, carrier: Carrier
) -> None:
    """The dialplan by itself: what no dialler of ours would ask for is refused, with an agent there."""
    asterisk = AsteriskLine(live.settings, AsteriskControl(live.settings))
    now = live.watch()
    fields = {"language": "zh-CN", "queue": live.hotline.default_queue, "priority": 0}

    def place(callback_id: str, attempt: int, number: str) -> Place:
        return Place(callback_id, attempt, number, joined_at=datetime.now(UTC), **fields)  # type: ignore[arg-type]

    base = f"{live.instance.system_name}-{int(datetime.now(UTC).timestamp())}"
    ours, abroad = f"{base}.901", f"{base}.902"
    number = "13800000085"
    asterisk.take(place(ours, 1, number))
    until(lambda: f"{ours}-cb1" in asterisk.standing(), "the place")
    for attempt in (1, 2):
        asterisk.take(place(ours, attempt, number))
    with many_agents(live.server, {AGENT: live.instance.agent_secrets[AGENT]}):
        carrier.wait_for("talks", number)
        asterisk.take(place(ours, 3, number))
        asterisk.take(place(abroad, 1, "0014155550100"))
        until(lambda: told(now, f"{ours}/3/") == [f"{ours}/3/REFUSED"], "the third place is refused")
        for channel in re.findall(
            r"PJSIP/trunk-sample-\w+", rx(live.settings.paths.asterisk_conf, "core show channels")
        ):
            rx(live.settings.paths.asterisk_conf, f"channel request hangup {channel}")
        until(lambda: told(now, f"{abroad}/1/") == [f"{abroad}/1/REFUSED"], "nobody abroad is dialled")
    assert told(now, f"{ours}/2/") == [f"{ours}/2/REFUSED"]
    assert carrier.noticed("rings", number) == 1
    assert carrier.noticed("rings", "0014155550100") == 0


@pytest.mark.standards("S7", "S8", "S10")
def test_s10_a_customer_called_back_may_be_held_and_handed_over_like_any_caller(
    live: Running, carrier: Carrier
) -> None:
    number, watch = "13800000095", live.watch()
    call_id = ask_for_callback(live, number)
    attempt = wait_in_line(live, watch, call_id)

    def joined(*phones: Phone) -> None:
        """The customer's place and these phones are in one bridge."""
        names = {f"PJSIP/{phone.user}" for phone in phones}
        until(lambda: names | {"Local/s@callback"} in company(watch, attempt), f"the customer and {names} talk", 15)

    with live.agent_phone(AGENT) as agent, live.agent_phone("1002") as other:
        first, second = answering(agent, other)
        carrier.wait_for("talks", number)
        put_through(watch, attempt)
        joined(first)
        keys(first, "*5")
        watch.wait_in(attempt, "HOLD")
        keys(first, "*5")
        watch.wait_in(attempt, "UNHOLD")
        joined(first)
        seen = len(second.events)
        keys(first, "*7")
        listen(0.6)
        keys(first, second.user)
        second.wait_for("CALL_INCOMING", since=seen)
        second.answer()
        watch.wait_in(attempt, "CONSULT")
        listen(4.0)
        keys(first, "*2")
        joined(second)
        assert carrier.noticed("is-released", number) == 0
        second.hang_up()
        carrier.wait_for("is-released", number)
    assert carrier.noticed("rings", number) == 1
    served = live.record(attempt)
    assert (served.outcome, served.direction) == ("answered", "outbound")


def answering(*phones: Phone) -> list[Phone]:
    """The phone that rings, having answered, and then the others."""
    ringing: list[Phone] = []

    def rings() -> bool:
        ringing[:] = [phone for phone in phones if any(event.kind == "CALL_INCOMING" for event in phone.events)]
        return bool(ringing)

    until(rings, "a phone rings")
    ringing[0].answer()
    return [ringing[0], *(phone for phone in phones if phone is not ringing[0])]


def company(watch: JournalWatch, call_id: str) -> list[set[str]]:
    """Who is together in each bridge of a call now: names of channels without what makes each unique."""
    bridges: dict[str, set[str]] = {}
    for event in watch.events():
        if event.source == "cel" and event.call_id == call_id:
            if event.kind == "BRIDGE_ENTER":
                bridges.setdefault(event.data["extra"]["bridge_id"], set()).add(event.data["channel"])
            elif event.kind in ("BRIDGE_EXIT", "CHAN_END"):
                for inside in bridges.values():
                    inside.discard(event.data["channel"])
    return [{name.partition("-")[0] for name in inside} for inside in bridges.values()]


def told(watch: JournalWatch, beginning: str) -> list[str]:
    """The results the dialplan wrote of an attempt."""
    results = [event.data["extra"].get("extra", "") for event in watch.events() if event.kind == "CALLBACK_RESULT"]
    return [one for one in results if one.startswith(beginning)]
