"""The pages about surveys in a real browser: what a person sees, clicks, types and hears."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from ivr.calls.journal import Journal
from ivr.settings import Settings
from ivr.store.session import Store, open_store
from ivr.store.surveys import Campaign
from ivr.surveys.campaigns import read_stop, resume_outbound
from tests.survey_tables import SURVEY
from tests.web.looks import CONTRAST, NAMELESS, PHONE, TEXTS, Scheme
from tests.web.seed import NOW
from tests.web.seed_customers import seed_customers
from tests.web.seed_surveys import BROKEN, DONE, LISTED, OLD, WAITING, seed_surveys
from tests.web.test_customers import OpenPage, open_page

__all__ = ["open_page"]

pytestmark = pytest.mark.web

PLAYING = re.compile(r"\bplaying\b")
PAGES = [
    *("/campaigns", f"/campaigns/{SURVEY}", f"/campaigns/{SURVEY}?state=open&text=nobody", f"/campaigns/{OLD}"),
    *(f"/surveys/{SURVEY}/results", f"/surveys/{OLD}/results"),
    *(f"/contacts/{contact}" for contact in (BROKEN, DONE, WAITING)),
    *("/do-not-call", "/do-not-call?text=555", "/campaigns/calendar"),
]


@pytest.fixture(scope="module")
def store(web_settings: Settings) -> Iterator[Store]:
    opened = open_store(web_settings.store_url)
    seed_customers(opened, web_settings.paths)
    seed_surveys(opened, web_settings.paths)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _seeded(store: Store, web_settings: Settings) -> Iterator[None]:
    yield
    resume_outbound(web_settings.paths, Journal(web_settings.paths.journal / "flow.jsonl", lambda: NOW), by="test")


def test_supervisor_stops_everything_with_one_click_and_lets_it_go_on_with_two(
    open_page: OpenPage, web_settings: Settings
) -> None:
    page = open_page("boss")
    page.get_by_role("link", name="回访").click()
    expect(page.get_by_text("正在逐一拨打。")).to_be_visible()
    page.get_by_role("button", name="紧急停止外呼").click()
    expect(page.get_by_role("alert")).to_contain_text("外呼已紧急停止")
    expect(page.get_by_text("外呼已紧急停止，现在不拨打。").first).to_be_visible()
    assert read_stop(web_settings.paths) is not None
    sure = page.get_by_role("button", name="确认恢复外呼")
    expect(sure).to_be_hidden()
    page.get_by_text("恢复外呼…").press("Enter")
    sure.press("Enter")
    expect(page.get_by_text("外呼已恢复。")).to_be_visible()
    assert read_stop(web_settings.paths) is None


def test_an_open_page_follows_a_campaign_that_somebody_else_pauses(open_page: OpenPage, store: Store) -> None:
    page = open_page("qa")
    page.goto("/campaigns")
    expect(page.get_by_text("实时更新")).to_be_visible()
    expect(page.get_by_text("正在逐一拨打。")).to_be_visible()
    with store.write() as session:
        session.merge(Campaign(survey=SURVEY, state="paused", changed_at=NOW, by="somebody"))
    try:
        expect(page.get_by_text("活动已暂停，现在不拨打。")).to_be_visible(timeout=20_000)
        expect(page.get_by_text("somebody")).to_be_visible()
    finally:
        with store.write() as session:
            session.merge(Campaign(survey=SURVEY, state="running", changed_at=NOW, by="boss"))


def test_from_a_funnels_part_to_a_customer_and_what_they_said(open_page: OpenPage) -> None:
    page = open_page("qa")
    page.goto("/campaigns")
    page.get_by_role("link", name="客户名单").click()
    page.get_by_text("筛选").click()
    page.get_by_label("姓名或号码").fill("13812340002")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="张伟").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("回访 张")
    expect(page.get_by_text("等了三天没有人解释")).to_be_visible()
    page.evaluate("document.querySelector('audio.message-sound').play()")
    for _ in range(100):
        if page.evaluate("document.querySelector('audio.message-sound').currentTime > 0.2"):
            break
        page.wait_for_timeout(50)
    assert page.evaluate("document.querySelector('audio.message-sound').duration") == pytest.approx(4.0, abs=0.1)


def test_two_recorded_attempts_are_heard_one_at_a_time(open_page: OpenPage) -> None:
    page = open_page("qa")
    page.goto(f"/contacts/{BROKEN}")
    first, second = page.locator("[data-play]").all()
    first.click()
    expect(first).to_have_class(PLAYING)
    second.press("Enter")
    expect(second).to_have_class(PLAYING)
    expect(first).not_to_have_class(PLAYING)


def test_number_is_added_and_taken_off_with_the_keyboard(open_page: OpenPage) -> None:
    page = open_page("boss")
    page.goto("/do-not-call")
    page.get_by_label("手机号，或带区号的固话").fill("13900001111")
    page.keyboard.press("Enter")
    expect(page.get_by_text("号码已在勿扰名单上。")).to_be_visible()
    page.get_by_label("按号码查找").fill("13900001111")
    page.keyboard.press("Enter")
    page.get_by_label("把 13900001111 移出名单").press("Enter")
    page.get_by_role("button", name="客户已同意，确认移出").press("Enter")
    expect(page.get_by_text("号码已移出勿扰名单。")).to_be_visible()
    expect(page.get_by_role("rowheader", name=LISTED)).to_be_visible()


def test_contacts_are_downloaded_as_the_list_is_filtered(open_page: OpenPage) -> None:
    page = open_page("boss")
    page.goto(f"/campaigns/{SURVEY}?by=李师傅")
    page.get_by_text("导出…").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="客户 · CSV").click()
    download = waiting.value
    assert download.suggested_filename == f"{SURVEY}-contacts-2026-11-22.csv"
    assert len(download.path().read_text("utf-8-sig").splitlines()) == 3


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_nothing_is_wider_than_the_phone(open_page: OpenPage, language: str) -> None:
    page = open_page("boss", size=PHONE, language=language)
    for path in PAGES:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], path


@pytest.mark.parametrize(("size", "scheme"), TEXTS)
def test_every_text_stands_out_and_every_control_has_a_name(
    open_page: OpenPage, scheme: Scheme, size: tuple[int, int], web_settings: Settings
) -> None:
    page = open_page("boss", size=size, scheme=scheme)
    for path in PAGES:
        page.goto(path)
        check(page, path)
    page.goto("/campaigns")
    page.get_by_role("button", name="紧急停止外呼").click()
    page.get_by_text("恢复外呼…").click()
    check(page, "stopped")


def check(page: Page, path: str) -> None:
    assert page.evaluate(CONTRAST) == [], path
    assert page.evaluate(NAMELESS) == [], path
