"""The agent's desk in a real browser and by plain requests, on a telephone system that acts."""

import json
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from ivr.instance import Instance
from ivr.settings import Settings
from ivr.store.models import AccessLog
from tests.web.conftest import SignIn, form_token, fresh_client, post
from tests.web.desk_world import LIVE_CALL, STRANGER, STRANGERS_CALL, Pages, World, pages
from tests.web.looks import CONTRAST, LOOKS, NAMELESS, Scheme
from tests.web.seed import CALLER, FULL, NOW, OTHER_AGENTS

pytestmark = pytest.mark.web


@pytest.fixture(scope="module")
def world(web_settings: Settings) -> World:
    return World(web_settings)


@pytest.fixture(scope="module")
def app(world: World) -> FastAPI:
    return world.app


@pytest.fixture(autouse=True)
def _begin_again(world: World) -> None:
    world.begin_again()


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[Pages]:
    with pages(browser, site) as opened:
        yield opened


def ring_and_answer(world: World) -> None:
    world.control.ring("1001", LIVE_CALL, CALLER, "booking")
    world.control.answer("1001")


def status(page: Page) -> str:
    return page.locator("[data-duty]").get_attribute("data-duty") or ""


# ---- who calls ---------------------------------------------------------------------------------------------


def test_s23_agent_sees_who_calls_with_the_file_as_it_rings_without_a_reload(open_page: Pages, world: World) -> None:
    page = open_page("1001", "/desk")
    expect(page.locator("[data-duty=free]")).to_be_visible()
    world.control.ring("1001", LIVE_CALL, CALLER, "booking")
    expect(page.locator(".caller-name")).to_have_text("王女士")
    call = page.get_by_label("当前通话")
    expect(call).to_contain_text(CALLER)
    expect(call).to_contain_text("大客户")
    expect(call).to_contain_text("预约 → 保养")
    file = page.get_by_label("客户档案")
    for known in ("空调异响，已第二次返修", "等配件到店后回电。", "更换机油机滤", "大概多少钱好谢谢", "偏好上午来电"):
        expect(file).to_contain_text(known)
    expect(page.locator("[data-announce]")).to_have_text("来电：王女士")
    assert page.title().startswith("● 来电")


def test_number_in_no_file_is_said_to_be_new(open_page: Pages, world: World) -> None:
    page = open_page("1001", "/desk")
    world.control.ring("1001", STRANGERS_CALL, STRANGER)
    expect(page.locator(".caller-name")).to_have_text(STRANGER)
    expect(page.get_by_label("当前通话")).to_contain_text("新号码")
    expect(page.get_by_label("客户档案")).to_contain_text("没有更早的通话")


def test_what_stands_on_the_page_survives_a_reload(open_page: Pages, world: World) -> None:
    ring_and_answer(world)
    world.control.consult("1001", "1002")
    page = open_page("1001", "/desk")
    for _ in range(2):
        expect(page.locator("[data-transfer=consulting]")).to_contain_text("1002 李建华")
        expect(page.get_by_role("button", name="完成转接")).to_be_visible()
        page.reload()


def test_s24_file_that_was_shown_leaves_its_trace(world: World, sign_in: SignIn) -> None:
    ring_and_answer(world)
    assert sign_in("1001").get("/desk").status_code == 200
    with world.store.read() as session:
        traced = session.scalars(select(AccessLog).where(AccessLog.action == "desk")).all()
    assert (LIVE_CALL, "1001") in {(row.call_id, row.user) for row in traced}


# ---- what the agent does -----------------------------------------------------------------------------------


def test_s7_hold_and_back_by_button(open_page: Pages, world: World) -> None:
    ring_and_answer(world)
    page = open_page("1001", "/desk")
    page.get_by_role("button", name="保持").click()
    expect(page.locator("[data-duty=hold]")).to_be_visible()
    expect(page.get_by_label("当前通话")).to_contain_text("超过 3 分钟")
    expect(page.get_by_role("button", name="先咨询")).to_have_count(0)
    page.get_by_role("button", name="取回").click()
    expect(page.locator("[data-duty=talking]")).to_be_visible()


def test_s8_warm_transfer_consult_join_and_complete(open_page: Pages, world: World) -> None:
    ring_and_answer(world)
    page = open_page("1001", "/desk")
    page.get_by_label("转给").select_option("1002")
    page.get_by_role("button", name="先咨询").click()
    expect(page.locator("[data-transfer=consulting]")).to_contain_text("1002 李建华")
    expect(page.get_by_role("button", name="挂断")).to_have_count(0)
    page.get_by_role("button", name="三方通话").click()
    expect(page.locator("[data-transfer=joined]")).to_be_visible()
    expect(page.get_by_role("button", name="三方通话")).to_have_count(0)
    expect(page.get_by_role("button", name="回到客户")).to_have_count(0)
    page.get_by_role("button", name="退出，由对方继续").click()
    expect(page.locator("[data-duty=wrap_up]")).to_be_visible()
    assert world.control.agents["1002"]["call"] == LIVE_CALL


def test_s8_warm_transfer_is_completed_at_once(open_page: Pages, world: World) -> None:
    ring_and_answer(world)
    world.control.consult("1001", "1002")
    page = open_page("1001", "/desk")
    page.get_by_role("button", name="完成转接").click()
    expect(page.locator("[data-duty=wrap_up]")).to_be_visible()
    assert world.control.agents["1002"]["call"] == LIVE_CALL


def test_s8_consultation_given_up_brings_the_caller_back(open_page: Pages, world: World) -> None:
    ring_and_answer(world)
    page = open_page("1001", "/desk")
    page.get_by_label("转给").select_option("1003")
    page.get_by_role("button", name="先咨询").click()
    page.get_by_role("button", name="回到客户").click()
    expect(page.get_by_role("button", name="先咨询")).to_be_visible()
    assert status(page) == "talking"


def test_blind_transfer_to_a_queue(open_page: Pages, world: World) -> None:
    ring_and_answer(world)
    page = open_page("1001", "/desk")
    page.get_by_label("转给").select_option("service")
    page.get_by_role("button", name="直接转接").click()
    expect(page.locator("[data-duty=wrap_up]")).to_be_visible()


def test_choice_of_whom_to_transfer_to_stays_when_colleagues_change(open_page: Pages, world: World) -> None:
    ring_and_answer(world)
    page = open_page("1001", "/desk")
    page.get_by_label("转给").select_option("1003")
    world.control.pause("1003", "1")
    expect(page.locator("#transfer-to option[value='1003']")).to_contain_text("暂停")
    expect(page.get_by_label("转给")).to_have_value("1003")


def test_pause_with_reason_and_back(open_page: Pages, world: World) -> None:
    page = open_page("1001", "/desk")
    page.get_by_label("暂停原因").select_option("2")
    page.get_by_role("button", name="暂停").click()
    expect(page.locator("[data-duty=paused]")).to_contain_text("用餐")
    assert world.control.agents["1001"]["reason"] == "2"
    page.get_by_role("button", name="恢复接听").click()
    expect(page.locator("[data-duty=free]")).to_be_visible()


def test_s11_log_out_while_talking_takes_effect_after_the_call(open_page: Pages, world: World) -> None:
    ring_and_answer(world)
    page = open_page("1001", "/desk")
    page.get_by_role("button", name="退出话务").click()
    expect(page.locator("[data-duty=talking]")).to_contain_text("本次通话结束后生效")


def test_log_in_asks_for_the_pin_and_for_another_desk(open_page: Pages, world: World) -> None:
    world.control.log_out("1001")
    page = open_page("1001", "/desk")
    pin = Instance.load(world.settings.paths).agent_pins["1001"]
    page.get_by_label("PIN 码").fill("000000" if pin != "000000" else "111111")
    page.get_by_role("button", name="登录话务").click()
    expect(page.locator("[data-said]")).to_contain_text("PIN 码不正确")
    page.get_by_label("PIN 码").fill(pin)
    page.get_by_label("座机").fill("1002")
    page.get_by_role("button", name="登录话务").click()
    expect(page.locator("[data-duty=free]")).to_contain_text("在 1002 号座机")


def test_pin_cannot_be_guessed(world: World, sign_in: SignIn) -> None:
    world.control.log_out("1002")
    client = sign_in("1002")
    pin = Instance.load(world.settings.paths).agent_pins["1002"]
    for _ in range(5):
        post(client, "/desk/log_in", {"pin": "wrong"})
    refused = post(client, "/desk/log_in", {"pin": pin})
    assert "said=pin_throttled" in refused.headers["location"]
    assert world.control.agents["1002"]["state"] == "logged_out"


def test_telephone_system_that_is_away_is_said_and_nothing_is_lost(open_page: Pages, world: World) -> None:
    ring_and_answer(world)
    page = open_page("1001", "/desk")
    world.control.reachable = False
    page.get_by_role("button", name="保持").click()
    expect(page.locator("[data-said]")).to_contain_text("操作没有执行")
    assert status(page) == "talking"


def test_refusal_is_told_in_the_readers_words(open_page: Pages, world: World) -> None:
    ring_and_answer(world)
    page = open_page("1001", "/desk", language="en")
    button = page.get_by_role("button", name="Hang up")
    expect(button).to_be_visible()
    page.route("**/desk/hang_up", lambda route: (world.control.caller_hangs_up("1001"), route.continue_()))
    button.click()
    expect(page.locator("[data-said]")).to_contain_text("no call at the moment")
    page.get_by_role("button", name="中文").click()


# ---- notes -------------------------------------------------------------------------------------------------


def test_s14_note_is_in_the_journal_first_and_ends_the_wrap_up_if_asked(open_page: Pages, world: World) -> None:
    world.control.caller_hangs_up("1001")
    page = open_page("1001", "/desk")
    page.locator(".choice", has_text="已解决").click()
    page.get_by_label("内容").fill("已为客户预约周三上午保养。")
    page.get_by_role("button", name="保存并接听下一通").click()
    expect(page.locator("[data-duty=free]")).to_be_visible()
    written = json.loads(world.flow_journal().splitlines()[-1])
    assert written["event"] == "wrap_up.noted" and written["call"] == FULL
    assert (written["agent"], written["disposition"]) == ("1001", "solved")
    assert written["text"] == "已为客户预约周三上午保养。"


def test_note_being_written_is_not_lost_when_the_next_call_rings(open_page: Pages, world: World) -> None:
    world.control.caller_hangs_up("1001")
    page = open_page("1001", "/desk")
    page.get_by_label("内容").fill("还没写完")
    ring_and_answer(world)
    expect(page.locator("[data-note]")).to_have_count(2)
    expect(page.get_by_label("内容").filter(has_text="")).to_have_count(2)
    values = page.locator("[data-note] textarea").evaluate_all("fields => fields.map(field => field.value)")
    assert "还没写完" in values
    old = page.locator("[data-note][data-dirty]")
    old.locator(".choice", has_text="待跟进").click()
    old.get_by_role("button", name="保存").click()
    expect(page.locator("[data-said]")).to_contain_text("小结已保存")
    assert json.loads(world.flow_journal().splitlines()[-1])["text"] == "还没写完"


def test_typing_goes_on_while_the_page_is_redrawn(open_page: Pages, world: World) -> None:
    ring_and_answer(world)
    page = open_page("1001", "/desk")
    text = page.get_by_label("内容")
    text.press_sequentially("客户问")
    world.control.caller_hangs_up("1001")
    expect(page.locator("[data-duty=wrap_up]")).to_be_visible()
    expect(text.first).to_be_focused()
    text.first.press_sequentially("价格")
    assert "客户问价格" in page.locator("[data-note] textarea").evaluate_all("all => all.map(each => each.value)")


def test_note_about_another_agents_call_is_refused(world: World, sign_in: SignIn) -> None:
    client = sign_in("1001")
    before = world.flow_journal()
    fields = {"disposition": "solved", "text": "x"}
    assert post(client, "/desk/note", fields | {"call": OTHER_AGENTS}).status_code == 404
    assert "note_incomplete" in post(client, "/desk/note", fields | {"call": "../../x"}).headers["location"]
    wrong = post(client, "/desk/note", {"call": FULL, "disposition": "made_up"})
    assert "note_incomplete" in wrong.headers["location"]
    assert world.flow_journal() == before


# ---- keyboard, looks, connection ---------------------------------------------------------------------------


def test_keyboard_alone_holds_transfers_and_notes(open_page: Pages, world: World) -> None:
    ring_and_answer(world)
    page = open_page("1001", "/desk")
    expect(page.locator("[data-connection=on]")).to_be_visible()
    page.keyboard.press("Alt+h")
    expect(page.locator("[data-duty=hold]")).to_be_visible()
    page.keyboard.press("Alt+h")
    expect(page.locator("[data-duty=talking]")).to_be_visible()
    page.keyboard.press("Alt+t")
    expect(page.get_by_label("转给")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("[data-transfer=consulting]")).to_be_visible()
    page.keyboard.press("Alt+b")
    expect(page.get_by_role("button", name="先咨询")).to_be_visible()
    page.keyboard.press("Alt+n")
    expect(page.get_by_label("内容")).to_be_focused()


def states(world: World) -> Iterator[str]:
    """Every state that the page knows, one after the other."""
    yield "free"
    world.control.ring("1001", LIVE_CALL, CALLER, "booking")
    yield "ringing"
    world.control.answer("1001")
    yield "talking"
    world.control.consult("1001", "1002")
    yield "talking"
    world.control.cancel_transfer("1001")
    world.control.hold("1001")
    yield "hold"
    world.control.caller_hangs_up("1001")
    yield "wrap_up"
    world.control.pause("1001", "no-answer")
    yield "paused"
    world.control.log_out("1001")
    yield "logged_out"


@pytest.mark.parametrize(("size", "language", "scheme"), LOOKS)
def test_every_state_is_legible_named_and_no_wider_than_the_screen(
    open_page: Pages, world: World, size: tuple[int, int], language: str, scheme: Scheme
) -> None:
    page = open_page("1001", "/desk", size=size, language=language, scheme=scheme)
    for duty in states(world):
        expect(page.locator(f"[data-duty={duty}]")).to_be_visible()
        page.wait_for_timeout(100)
        assert page.evaluate(CONTRAST) == [], duty
        assert page.evaluate(NAMELESS) == [], duty
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], duty
    if language == "en":
        page.get_by_role("button", name="中文").click()


def test_lost_connection_is_said_and_comes_back_by_itself(open_page: Pages, world: World) -> None:
    page = open_page("1001", "/desk")
    expect(page.locator("[data-connection=on]")).to_be_visible()
    page.route("**/desk/stream*", lambda route: route.fulfill(status=204, content_type="text/plain"))
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("[data-connection=off]")).to_be_visible()
    page.unroute("**/desk/stream*")
    world.control.pause("1001", "1")
    expect(page.locator("[data-duty=paused]")).to_be_visible(timeout=20_000)
    expect(page.locator("[data-connection=on]")).to_be_visible()


def test_board_that_nobody_writes_is_said_to_be_old(open_page: Pages, world: World) -> None:
    world.control.publish(NOW.replace(hour=1))
    page = open_page("1001", "/desk")
    expect(page.locator("[data-region=alerts]")).to_contain_text("没有更新")
    world.control.publish()
    expect(page.locator("[data-region=alerts]")).to_be_empty()


def test_logging_out_elsewhere_ends_the_open_page(open_page: Pages, world: World) -> None:
    page = open_page("1001", "/desk")
    expect(page.locator("[data-connection=on]")).to_be_visible()
    other = page.context.new_page()
    other.goto("/desk")
    other.locator(".menu summary").click()
    other.get_by_role("button", name="退出", exact=True).click()
    page.wait_for_url("**/login**")


# ---- who may ----------------------------------------------------------------------------------------------


def test_page_works_without_script(world: World, sign_in: SignIn) -> None:
    ring_and_answer(world)
    client = sign_in("1001")
    answered = post(client, "/desk/hold", {})
    assert answered.status_code == 303 and answered.headers["location"] == "/desk?said=done"
    page = client.get("/desk?said=done").text
    assert "已完成。" in page and "取回" in page
    assert client.get("/desk?said=%3Cb%3E").status_code == 200


@pytest.mark.parametrize("path", ["/desk/hold", "/desk/note", "/desk/log_in", "/desk/consult"])
def test_every_command_needs_the_forms_token(world: World, sign_in: SignIn, path: str) -> None:
    ring_and_answer(world)
    assert sign_in("1001").post(path, data={"csrf": "wrong"}).status_code == 403
    assert world.control.agents["1001"]["state"] == "talking"


@pytest.mark.parametrize("path", ["/desk", "/desk/stream"])
def test_nobody_sees_a_desk_without_signing_in(anonymous: TestClient, path: str) -> None:
    assert anonymous.get(path).headers["location"].startswith("/login")


def test_somebody_without_a_work_number_is_told_so_and_commands_nothing(world: World, sign_in: SignIn) -> None:
    client = sign_in("qa")
    page = client.get("/desk")
    assert page.status_code == 200 and "您的账号没有工号" in page.text
    assert client.get("/desk/stream").status_code == 404
    token = form_token(client, "/desk")
    assert client.post("/desk/hold", data={"csrf": token}).status_code == 404


def test_agent_commands_the_own_call_only(world: World, app: FastAPI) -> None:
    ring_and_answer(world)
    client = fresh_client(app, "1002")
    post(client, "/desk/hold", {"agent": "1001", "to": "1001"})
    assert world.control.agents["1001"]["state"] == "talking"


def test_unknown_commands_and_targets_are_refused(world: World, sign_in: SignIn) -> None:
    ring_and_answer(world)
    client = sign_in("1001")
    assert post(client, "/desk/originate", {}).status_code == 404
    for to in ("", "1001", "13800138000", "nowhere"):
        assert "unknown_target" in post(client, "/desk/consult", {"to": to}).headers["location"]
    assert "no_reason" in post(client, "/desk/pause", {"reason": "tired"}).headers["location"]
