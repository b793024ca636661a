"""The desk and the live page of the running instance: a real call is shown there, and steered from there."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from ivr.accounts.users import create_user
from ivr.store.followup import WrapUpNote
from ivr.store.models import AccessLog
from ivr.store.session import Store, open_store
from tests.live.conftest import Running, until
from tests.live.talks import Talk, rings, said, talking
from tests.web.conftest import browser

__all__ = ["browser"]
PASSWORD = "a long pass phrase"
SOON = 20_000


@pytest.fixture(scope="module")
def store(live: Running) -> Iterator[Store]:
    """The instance's database, with an account for an agent and one for a supervisor."""
    opened = open_store(live.settings.store_url)
    create_user(opened, "1001", "王晓敏", "agent", PASSWORD)
    create_user(opened, "boss", "陈思远", "supervisor", PASSWORD, "1003")
    yield opened
    opened.close()


@pytest.fixture
def problems() -> list[str]:
    """What browsers complained of."""
    return []


@pytest.fixture
def desk(live: Running, store: Store, browser: Browser, problems: list[str]) -> Iterator[Page]:
    yield from signed_in(live, browser, problems, "1001", "/desk")
    assert problems == []


@pytest.fixture
def overview(live: Running, store: Store, browser: Browser, problems: list[str]) -> Iterator[Page]:
    yield from signed_in(live, browser, problems, "boss", "/live")
    assert problems == []


def signed_in(live: Running, browser: Browser, problems: list[str], login: str, path: str) -> Iterator[Page]:
    address = f"http://{live.instance.web_host}:{live.instance.web}"
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(SOON)
    page.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"/login?next={path}")
    page.locator("[name=login]").fill(login)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("form button.primary").click()
    page.wait_for_url(f"**{path}")
    expect(page.locator("[data-connection=on]")).to_be_visible(timeout=SOON)
    yield page
    context.close()


def shows(page: Page, duty: str) -> None:
    expect(page.locator(f"[data-duty={duty}]")).to_be_visible(timeout=SOON)


@pytest.mark.standards("S23")
def test_s23_the_caller_stands_on_the_desk_as_the_phone_rings(live: Running, desk: Page) -> None:
    with live.agent_phone() as phone, live.caller_phone("13790000001") as caller:
        shows(desk, "free")
        caller.dial(live.number)
        caller.wait_for("CALL_ESTABLISHED")
        caller.press("0")
        rings(phone, seconds=60)
        shows(desk, "ringing")
        expect(desk.locator(".caller-name")).to_have_text("13790000001")
        assert desk.title().startswith("● 来电")
        phone.answer()
        shows(desk, "talking")
        caller.hang_up()
        shows(desk, "free")


@pytest.mark.standards("S7", "S8", "S14")
def test_s7_s8_s14_call_is_held_handed_over_and_noted_by_buttons_alone(live: Running, desk: Page, store: Store) -> None:
    with talking(live, "13790000002") as talk:
        shows(desk, "talking")
        hold_and_back(desk, talk)
        other = talk.phone("1002")
        expect(desk.locator("#transfer-to option[value='1002']")).to_contain_text("空闲", timeout=SOON)
        desk.get_by_label("转给").select_option("1002")
        desk.get_by_role("button", name="先咨询").click()
        talk.wait("CONSULT", "1001>1002")
        rings(other)
        expect(desk.locator("[data-transfer=consulting]")).to_contain_text("1002", timeout=SOON)
        other.answer()
        talk.watch.wait("the two agents talk", lambda e: e.kind == "BRIDGE_ENTER" and "1002" in e.data["channel"])
        time.sleep(1)
        desk.get_by_role("button", name="三方通话").click()
        talk.until_together(talk.agent, other)
        expect(desk.locator("[data-transfer=joined]")).to_be_visible(timeout=SOON)
        desk.reload()
        expect(desk.locator("[data-transfer=joined]")).to_be_visible(timeout=SOON)
        desk.get_by_role("button", name="退出，由对方继续").click()
        talk.until_together(other)
        shows(desk, "free")
        write_note(desk, store, talk.call_id)


def hold_and_back(desk: Page, talk: Talk) -> None:
    desk.get_by_role("button", name="保持").click()
    talk.wait("HOLD", "1001")
    shows(desk, "hold")
    desk.get_by_role("button", name="取回").click()
    talk.wait("UNHOLD", "1001")
    shows(desk, "talking")


def write_note(desk: Page, store: Store, call_id: str) -> None:
    note = desk.locator(f"[data-key='note-{call_id}']")
    expect(note).to_be_visible(timeout=SOON)
    note.locator(".choice", has_text="待跟进").click()
    note.get_by_label("内容").fill("已转给维修顾问")
    note.get_by_role("button", name="保存").click()

    def projected() -> bool:
        with store.read() as session:
            row = session.get(WrapUpNote, (call_id, "1001"))
        return row is not None and (row.disposition, row.text) == ("to_follow", "已转给维修顾问")

    until(projected, "the note stands in the database")


@pytest.mark.standards("S8")
def test_s8_caller_is_back_after_a_consultation_that_is_given_up_on_the_desk(live: Running, desk: Page) -> None:
    with talking(live, "13790000003") as talk:
        other = talk.phone("1002")
        expect(desk.locator("#transfer-to option[value='1002']")).to_contain_text("空闲", timeout=SOON)
        desk.get_by_label("转给").select_option("1002")
        desk.get_by_role("button", name="先咨询").click()
        rings(other)
        other.answer()
        talk.watch.wait("the two agents talk", lambda e: e.kind == "BRIDGE_ENTER" and "1002" in e.data["channel"])
        time.sleep(1)
        desk.get_by_role("button", name="回到客户").click()
        talk.until_together(talk.agent)
        expect(desk.get_by_role("button", name="先咨询")).to_be_visible(timeout=SOON)


@pytest.mark.standards("S24")
def test_s24_supervisor_sees_the_call_and_listens_to_it_by_a_button(
    live: Running, overview: Page, store: Store
) -> None:
    with talking(live, "13790000004") as talk:
        supervisor = talk.phone("1003")
        row = overview.locator("[data-region=agents] tr", has_text="1001")
        expect(row).to_contain_text("13790000004", timeout=SOON)
        row.get_by_text("监听", exact=True).click()
        rings(supervisor)
        supervisor.answer()
        talk.watch.wait("the trace", lambda e: e.kind == "SUPERVISE" and said(e) == "listen/1003/1001")
        with store.read() as session:
            traced = session.query(AccessLog).filter_by(action="supervise.listen", call_id=talk.call_id).count()
        assert traced == 1


def test_caller_in_line_stands_on_the_live_page(live: Running, overview: Page) -> None:
    with live.caller_phone("13790000005") as caller:
        caller.dial(live.number)
        caller.wait_for("CALL_ESTABLISHED")
        caller.press("0")
        expect(overview.locator("[data-region=waiting]")).to_contain_text("13790000005", timeout=60_000)
        caller.hang_up()
        expect(overview.locator("[data-region=waiting]")).not_to_contain_text("13790000005", timeout=SOON)
