"""The pages in a real browser: what a person sees, clicks, types and hears."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.looks import CONTRAST, DESK, NAMELESS, PHONE, TEXTS, Scheme
from tests.web.seed import CALLER, FULL, LOST_RECORDING, PASSWORD, RUNNING

pytestmark = pytest.mark.web

OpenPage = Callable[..., Page]
PAGES = ["/calls", "/calls?from=x", f"/calls/{FULL}", f"/calls/{LOST_RECORDING}", f"/calls/{RUNNING}"]
PAGES += ["/prompts", "/access", "/account/password"]


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[OpenPage]:
    """Opens a page signed in as somebody; the test fails when the console held an error."""
    contexts, problems = [], []

    def opened(
        login: str | None = "root",
        size: tuple[int, int] = DESK,
        scheme: Scheme = "light",
        language: str = "zh-CN",
    ) -> Page:
        context = browser.new_context(
            base_url=site, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        if login:
            page.goto(f"/login?language={language}")
            page.locator("[name=login]").fill(login)
            page.locator("[name=password]").fill(PASSWORD)
            page.locator("form button.primary").click()
            page.wait_for_url("**/calls")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def _time(page: Page, leg: str) -> float:
    return float(page.evaluate("leg => document.querySelector(`audio[data-leg=${leg}]`).currentTime", leg))


def _until(page: Page, expression: str) -> None:
    """Wait until an expression is true; Playwright's own wait_for_function needs eval, which our policy forbids."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never true: {expression}")


def test_reviewer_logs_in_filters_opens_a_call_and_hears_it(open_page: OpenPage) -> None:
    page = open_page("qa")
    page.get_by_text("筛选").click()
    page.get_by_label("来电号码").fill("138-0013")
    page.get_by_label("坐席", exact=True).select_option("1001")
    page.get_by_role("button", name="查询").click()
    assert "caller=138-0013" in page.url and "agent=1001" in page.url
    page.locator(f'a[href$="{FULL}"]').click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(CALLER)
    page.get_by_role("button", name="播放", exact=True).click()
    expect(page.get_by_role("button", name="暂停")).to_be_visible()
    _until(page, "document.querySelector('audio').currentTime > 0.5")
    times = page.evaluate("[...document.querySelectorAll('audio[data-leg]')].map(leg => leg.currentTime)")
    assert abs(times[0] - times[1]) < 0.5
    page.get_by_role("button", name="暂停").click()
    assert page.evaluate("[...document.querySelectorAll('audio[data-leg]')].every(leg => leg.paused)")


def test_word_that_is_clicked_is_heard_and_marked(open_page: OpenPage) -> None:
    page = open_page("qa")
    page.goto(f"/calls/{FULL}")
    word = page.locator(".word", has_text="保养")
    word.click()
    for leg in ("caller", "agent"):
        assert 10.6 <= _time(page, leg) < 12
    expect(word).to_have_class("word now")
    _until(page, "document.querySelector('.word.now')?.textContent !== '保养'")  # it goes on


def test_evidence_leads_to_its_moment_in_both_legs(open_page: OpenPage) -> None:
    page = open_page("qa")
    page.goto(f"/calls/{FULL}")
    page.locator("[data-evidence]", has_text="不知道").click()
    assert 15.0 <= _time(page, "agent") < 16.5
    assert 15.0 <= _time(page, "caller") < 16.5


def test_waveform_that_is_clicked_moves_both_legs_and_shows_both_sides(open_page: OpenPage) -> None:
    page = open_page("qa")
    page.goto(f"/calls/{FULL}")
    wave = page.locator("canvas[data-wave=caller]")
    box = wave.bounding_box()
    assert box is not None
    wave.click(position={"x": box["width"] / 2, "y": 20})
    assert _time(page, "caller") == pytest.approx(12, abs=0.3)
    assert _time(page, "agent") == pytest.approx(12, abs=0.3)
    painted = "canvas => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, 8).data).size > 2"
    _until(page, f"[...document.querySelectorAll('canvas')].every({painted})")


def test_one_side_can_be_silenced(open_page: OpenPage) -> None:
    page = open_page("qa")
    page.goto(f"/calls/{FULL}")
    page.get_by_label("静音客户").check()
    assert page.evaluate("[...document.querySelectorAll('audio[data-leg]')].map(leg => leg.muted)") == [True, False]


def test_keyboard_alone_reaches_a_call_and_moves_through_its_sound(open_page: OpenPage) -> None:
    page = open_page(None)
    page.goto("/login")
    expect(page.locator("[name=login]")).to_be_focused()
    page.keyboard.type("qa")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(8):
        page.keyboard.press("Tab")
        if (page.evaluate("document.activeElement.getAttribute('href')") or "").endswith(FULL):
            break
    assert page.evaluate("getComputedStyle(document.activeElement, '::after').outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/calls/{FULL}")
    page.get_by_role("slider", name="播放位置").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageUp")
    assert _time(page, "agent") == pytest.approx(11, abs=0.2)
    expect(page.get_by_role("slider", name="播放位置")).to_have_attribute("aria-valuetext", "0:11，全长 0:24")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="暂停")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_transcript_follows_the_sound_and_yields_to_the_reader(open_page: OpenPage) -> None:
    page = open_page("qa", size=(1280, 500))
    page.goto(f"/calls/{FULL}")
    page.locator("[data-evidence]", has_text="不知道").click()
    _until(page, "document.querySelector('[data-transcript]').scrollTop > 0")
    box = page.locator("[data-transcript]")
    box.hover()
    page.mouse.wheel(0, -2000)
    _until(page, "document.querySelector('[data-transcript]').scrollTop === 0")
    _until(page, "document.querySelector('audio[data-leg=agent]').currentTime > 17.2")
    assert page.evaluate("document.querySelector('[data-transcript]').scrollTop") == 0


def test_language_is_switched_and_stays_with_the_user(open_page: OpenPage) -> None:
    page = open_page("boss")
    page.goto("/calls?outcome=answered")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Calls")
    assert "outcome=answered" in page.url
    assert page.locator("html").get_attribute("lang") == "en"
    page.goto("/prompts")
    expect(page.get_by_role("heading", level=1)).to_have_text("Prompts")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("语音提示")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_nothing_is_wider_than_the_phone(open_page: OpenPage, language: str) -> None:
    page = open_page("root", size=PHONE, language=language)
    for path in PAGES:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], path


@pytest.mark.parametrize(("size", "scheme"), TEXTS)
def test_every_text_stands_out_from_its_ground(open_page: OpenPage, scheme: str, size: tuple[int, int]) -> None:
    page = open_page("root", size=size, scheme=scheme)
    for path in PAGES:
        page.goto(path)
        assert page.evaluate(CONTRAST) == [], path


def test_every_control_has_a_name(open_page: OpenPage) -> None:
    page = open_page("root")
    for path in PAGES:
        page.goto(path)
        assert page.evaluate(NAMELESS) == [], path
