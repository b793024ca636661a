"""An agent calls a customer back about a case (S25): from the page's button to the record, on the real system."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ivr.accounts.users import create_user
from ivr.cases.return_calls import is_return_call
from ivr.demo.phone import Phone
from ivr.demo.ports import free_port
from ivr.demo.sipp import SippRun
from ivr.store.followup import Message
from ivr.store.session import Store, open_store
from tests.live.conftest import Running, hotline_up, listen, sample_business, until
from tests.live.ears import Ears
from tests.live.talks import keys, loud_seconds, rings
from tests.live.test_callbacks import Carrier
from tests.live.test_surveys import noon_somewhere
from tests.phones import SCENARIOS
from tests.web.conftest import browser

__all__ = ["browser"]
AGENT, PASSWORD = "1001", "a long pass phrase"
SOON = 30_000


@pytest.fixture(scope="module")
def live() -> Iterator[Running]:
    business = sample_business()
    business["hotline"]["timezone"] = noon_somewhere()
    business["trunks"]["sample"]["port"] = free_port("127.0.0.1")
    business["outbound"] |= {"ring_seconds": 10}
    with hotline_up(business) as running:
        yield running


@pytest.fixture(scope="module")
def carrier(live: Running) -> Iterator[Carrier]:
    """The carrier at the end of the trunk."""
    sound = ["-rtp_echo", "-mp", str(free_port("127.0.0.1"))]
    port = live.hotline.trunks["sample"].port
    scenario = SCENARIOS / "carrier.xml"
    with SippRun(scenario, live.server, "customers", calls=1000, listen=port, limit_seconds=3000, more=sound) as run:
        yield Carrier(run)


@pytest.fixture(scope="module")
def store(live: Running) -> Iterator[Store]:
    opened = open_store(live.settings.store_url)
    create_user(opened, AGENT, "王晓敏", "agent", PASSWORD)
    yield opened
    opened.close()


@pytest.fixture
def page(live: Running, store: Store, browser: Browser) -> Iterator[Page]:
    """The agent's browser; the test fails when the console held an error."""
    problems: list[str] = []
    context = browser.new_context(base_url=f"http://{live.instance.web_host}:{live.instance.web}")
    page = context.new_page()
    page.set_default_timeout(SOON)
    page.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    page.goto("/login?next=/cases")
    page.locator("[name=login]").fill(AGENT)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("form button.primary").click()
    page.wait_for_url("**/cases")
    yield page
    context.close()
    assert problems == []


def case(live: Running, number: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = live.ivr("cases", "list", "--show", "all")
    return next((row for row in rows if row["number"] == number), {})


def taken_case(live: Running, store: Store, page: Page, number: str) -> int:
    """A customer has left a message; the agent takes the case and has its page open."""
    with store.write() as session:
        facts: dict[str, Any] = {"queue": "service", "number": number, "seconds": 8.0, "left_at": datetime.now(UTC)}
        session.add(Message(call_id=f"left-{number}", recording="gone.wav", **facts))
    until(lambda: bool(case(live, number)), f"a case of {number}")
    case_id = int(case(live, number)["id"])
    page.goto(f"/cases/{case_id}")
    page.get_by_role("button", name="我来处理").click()
    expect(page.get_by_role("button", name=f"回电 {number}")).to_be_visible()
    return case_id


def stage(page: Page, words: str) -> None:
    expect(page.locator(".case-calls .badge").first).to_have_text(words, timeout=SOON)


@pytest.mark.standards("S8", "S25")
def test_s25_the_agents_phone_rings_then_the_customers_and_the_talk_stands_with_the_case(
    live: Running, carrier: Carrier, store: Store, page: Page, tmp_path: Path
) -> None:
    number, watch = "13800000005", live.watch()
    case_id = taken_case(live, store, page, number)
    with live.agent_phone(AGENT) as agent:
        page.get_by_role("button", name=f"回电 {number}").click()
        rings(agent)
        stage(page, "话机振铃")
        assert carrier.noticed("rings", number) == 0, "the agent hears who and why first"
        agent.answer()
        carrier.wait_for("rings", number)
        ears = Ears(agent, live.settings.paths, tmp_path)
        assert ears.times("return_call") and ears.times("case_message")
        carrier.wait_for("talks", number)
        talk = watch.wait("the talk", lambda e: e.kind == "BRIDGE_ENTER" and is_return_call(str(e.call_id)), seconds=30)
        stage(page, "通话中")
        keys(agent, "*5")
        watch.wait_in(str(talk.call_id), "HOLD")
        keys(agent, "*5")
        watch.wait_in(str(talk.call_id), "UNHOLD")
        listen(1.0)
        agent.hang_up()
        carrier.wait_for("is-released", number)
        stage(page, "已通话")

    record = live.record(str(talk.call_id), lambda record: len(record.legs) == 2)
    assert (record.direction, record.caller, record.called, record.agent) == ("outbound", AGENT, number, AGENT)
    assert (record.outcome, record.callback_of, record.offered) == ("answered", f"left-{number}", False)
    for leg in record.legs:
        assert loud_seconds(live.settings.paths.recordings / leg.recording) > 0.5, f"the {leg.role} is on its own track"
    until(lambda: case(live, number).get("heard_at") is not None, "the customer has heard from us")
    page.goto(f"/cases?show=answered&owner={AGENT}")
    expect(page.locator(f'a[href="/cases/{case_id}"]')).to_be_visible()
    assert carrier.noticed("rings", number) == 1


@pytest.mark.standards("S25")
@pytest.mark.parametrize(
    ("number", "said", "shown"),
    [("13800000012", "return_call_no_answer", "客户无人接听"), ("13800000011", "return_call_busy", "客户占线")],
)
def test_s25_the_agent_is_told_why_nobody_talks(
    live: Running, carrier: Carrier, store: Store, page: Page, tmp_path: Path, number: str, said: str, shown: str
) -> None:
    taken_case(live, store, page, number)
    with live.agent_phone(AGENT) as agent:
        page.get_by_role("button", name=f"回电 {number}").click()
        rings(agent)
        agent.answer()
        agent.wait_for("CALL_CLOSED", seconds=60)
        assert Ears(agent, live.settings.paths, tmp_path).times(said)
    stage(page, shown)
    assert carrier.noticed("rings", number) == 1
    assert case(live, number)["heard_at"] is None


@pytest.mark.standards("S25")
def test_s25_nobody_is_rung_when_the_agent_does_not_answer_is_away_or_calls_are_stopped(
    live: Running, carrier: Carrier, store: Store, page: Page
) -> None:
    number = "13800000025"
    taken_case(live, store, page, number)
    button = page.get_by_role("button", name=f"回电 {number}")
    with live.agent_phone(AGENT) as agent:
        button.click()
        rings(agent)
        agent.hang_up()
        stage(page, "坐席没有接起")
        live.settings.paths.outbound_stopped.write_text("")
        try:
            expect(page.get_by_text("外呼已紧急停止")).to_be_visible(timeout=SOON)
        finally:
            live.settings.paths.outbound_stopped.unlink()
        page.reload()
        _stopped_meanwhile(live, agent, page, number)
    assert carrier.noticed("rings", number) == 0


def _stopped_meanwhile(live: Running, agent: Phone, page: Page, number: str) -> None:
    """The emergency stop comes while the agent hears who it is: the dialplan obeys it too."""
    seen = len(agent.events)
    page.get_by_role("button", name=f"回电 {number}").click()
    rings(agent, since=seen)
    live.settings.paths.outbound_stopped.write_text("")
    try:
        agent.answer()
        agent.wait_for("CALL_CLOSED", since=seen, seconds=60)
        stage(page, "未拨打")
    finally:
        live.settings.paths.outbound_stopped.unlink()
