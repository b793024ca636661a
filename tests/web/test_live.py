"""The supervisor's live page in a real browser and by plain requests."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect
from sqlalchemy import select, update

from ivr.accounts.users import set_password
from ivr.calls.live_board import UNREACHABLE
from ivr.calls.outcome import OFFERED
from ivr.instance import Instance
from ivr.reports.sums import report
from ivr.settings import ROOT, Settings
from ivr.store.models import AccessLog, User
from ivr.web.desk import reason_labels
from ivr.web.i18n import LANGUAGES, Language
from tests.web.conftest import SignIn, fresh_client, post
from tests.web.desk_world import LIVE_CALL, STRANGER, STRANGERS_CALL, Pages, World, pages
from tests.web.looks import CONTRAST, LOOKS, NAMELESS, Scheme
from tests.web.seed import CALLER, NOW, PASSWORD

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


def talk(world: World, agent: str = "1001") -> None:
    world.control.ring(agent, LIVE_CALL, CALLER, "booking")
    world.control.answer(agent)


def of_no_team(world: World, work_number: str | None) -> None:
    """The administrator is an agent who supervises nobody."""
    with world.store.write() as session:
        session.execute(update(User).where(User.login == "root").values(work_number=work_number))


def traces(world: World, action: str) -> list[tuple[str, str | None]]:
    with world.store.read() as session:
        rows = session.scalars(select(AccessLog).where(AccessLog.action == action).order_by(AccessLog.id))
        return [(row.user, row.call_id) for row in rows]


def test_callers_and_agents_come_and_go_without_a_reload(open_page: Pages, world: World) -> None:
    page = open_page("boss", "/live")
    waiting = page.locator("[data-region=waiting]")
    expect(waiting).to_contain_text("没有人在等待")
    world.control.join_line("w1", "13900001111", 1, 10, 1)
    world.control.join_line("w2", "02155667788", 2, 200)
    expect(waiting.locator("tbody tr")).to_have_count(2)
    expect(waiting.locator("tbody tr").first).to_contain_text("大客户")
    expect(page.locator("[data-tile=waiting] dd")).to_have_text("2")
    expect(waiting.locator(".since.too-long")).to_have_count(1)
    world.control.leave_line("w1")
    expect(waiting.locator("tbody tr")).to_have_count(1)
    talk(world)
    row = page.locator("[data-region=agents] tr", has_text="1001")
    expect(row).to_contain_text("通话中")
    expect(row).to_contain_text(CALLER)
    world.control.caller_hangs_up("1001")
    expect(row).to_contain_text("话后处理")
    world.control.pause("1002", "no-answer")
    expect(page.locator("[data-region=agents] tr", has_text="1002")).to_contain_text("连续未接听")
    expect(page.locator("[data-tile=away] dd")).to_have_text("2")


def test_s33_sums_of_the_day_are_those_of_the_records_with_their_denominator(open_page: Pages, world: World) -> None:
    with world.store.read() as session:
        midnight = NOW.astimezone(world.hotline.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        told = report(session, world.hotline.standards.service_level, since=midnight)
    page = open_page("boss", "/live")
    total = page.locator("[data-region=sums] tbody tr").last
    expect(total.locator("[data-sum=offered]")).to_have_text(str(told.total.offered))
    for outcome in OFFERED:
        expect(total.locator(f"[data-sum={outcome}]")).to_have_text(str(told.total.outcomes[outcome]))
    assert told.total.adds_up
    expect(page.locator("[data-region=sums] [role=alert]")).to_have_count(0)
    level = told.total.service_level
    expect(page.locator("[data-tile=level]")).to_contain_text(f"20 秒内接听 {level.count} 通，共 {level.of} 通")
    rate = told.total.connection_rate
    expect(page.locator("[data-tile=connection]")).to_contain_text(
        f"接听 {rate.count} 通（含回呼接通），共 {rate.of} 通"
    )


@pytest.mark.parametrize(("button", "mode"), [("监听", "listen"), ("耳语", "whisper"), ("加入", "join")])
def test_supervisor_listens_whispers_and_joins_with_a_trace(
    open_page: Pages, world: World, button: str, mode: str
) -> None:
    talk(world)
    page = open_page("boss", "/live")
    row = page.locator("[data-region=agents] tr", has_text="1001")
    row.get_by_text(button, exact=True).click()
    expect(page.locator("[data-said]")).to_contain_text("您的话机正在振铃")
    assert world.control.supervised == [("1003", "1001", mode)]
    assert ("boss", LIVE_CALL) in traces(world, f"supervise.{mode}")


def test_nobody_is_offered_to_listen_to_an_agent_without_a_call_or_to_oneself(open_page: Pages, world: World) -> None:
    page = open_page("boss", "/live")
    expect(page.locator("[data-region=agents] tbody tr")).to_have_count(3)
    expect(page.locator(".supervise")).to_have_count(0)
    world.control.ring("1003", STRANGERS_CALL, STRANGER)
    world.control.answer("1003")
    expect(page.locator("[data-region=agents] tr", has_text="1003")).to_contain_text("通话中")
    expect(page.locator(".supervise")).to_have_count(0)


def test_s24_administrator_without_a_phone_only_watches(world: World, app: FastAPI) -> None:
    talk(world)
    client = fresh_client(app, "root")
    page = client.get("/live")
    assert "只能查看" in page.text and "/live/supervise" not in page.text
    before = len(traces(world, "supervise.listen"))
    refused = post(client, "/live/supervise", {"agent": "1001", "mode": "listen"})
    assert "not_own_team" in refused.headers["location"]
    assert world.control.supervised == [] and len(traces(world, "supervise.listen")) == before


def test_s24_supervisor_of_no_team_listens_to_nobody(world: World, app: FastAPI) -> None:
    talk(world)
    of_no_team(world, "1002")
    try:
        client = fresh_client(app, "root")
        assert "/live/supervise" not in client.get("/live").text
        refused = post(client, "/live/supervise", {"agent": "1001", "mode": "join"})
    finally:
        of_no_team(world, None)
    assert "not_own_team" in refused.headers["location"]
    assert world.control.supervised == []


@pytest.mark.parametrize("login", ["1001", "qa"])
@pytest.mark.parametrize("path", ["/live", "/live/stream"])
def test_live_page_is_for_supervisors(sign_in: SignIn, login: str, path: str) -> None:
    assert sign_in(login).get(path).status_code == 403
    assert "/live" not in sign_in(login).get("/account/password").text


def test_nobody_sees_it_without_signing_in(anonymous: TestClient) -> None:
    for path in ("/live", "/live/stream"):
        assert anonymous.get(path).headers["location"].startswith("/login")


@pytest.mark.parametrize("language", LANGUAGES)
def test_phone_that_is_gone_is_said_in_the_readers_language(language: Language) -> None:
    assert reason_labels(None, language)(UNREACHABLE) != UNREACHABLE


def test_supervising_needs_the_forms_token_and_a_known_mode(world: World, app: FastAPI) -> None:
    talk(world)
    client = fresh_client(app, "boss")
    fields = {"agent": "1001", "mode": "listen"}
    assert client.post("/live/supervise", data={"csrf": "wrong"} | fields).status_code == 403
    assert post(client, "/live/supervise", fields | {"mode": "record"}).status_code == 404
    assert "not_own_team" in post(client, "/live/supervise", fields | {"agent": "nobody"}).headers["location"]
    assert world.control.supervised == []


def test_telephone_system_that_is_away_is_said(open_page: Pages, world: World) -> None:
    talk(world)
    page = open_page("boss", "/live")
    world.control.reachable = False
    page.locator(".supervise .button").first.click()
    expect(page.locator("[data-said]")).to_contain_text("操作没有执行")


def test_keyboard_reaches_listening_and_keeps_its_place_while_rows_move(open_page: Pages, world: World) -> None:
    talk(world)
    page = open_page("boss", "/live")
    button = page.get_by_role("button", name="对 1001 王晓敏 耳语")
    button.focus()
    world.control.ring("1002", STRANGERS_CALL, STRANGER)
    world.control.answer("1002")
    expect(page.locator("[data-region=agents] tr", has_text="1002")).to_contain_text("通话中")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-said]")).to_contain_text("您的话机正在振铃")
    assert world.control.supervised == [("1003", "1001", "whisper")]


def test_changed_password_ends_the_open_page(open_page: Pages, world: World) -> None:
    page = open_page("boss", "/live")
    expect(page.locator("[data-connection=on]")).to_be_visible()
    set_password(world.store, "boss", PASSWORD)
    world.control.publish()
    page.wait_for_url("**/login**")


@pytest.mark.parametrize(("size", "language", "scheme"), LOOKS)
def test_page_is_legible_named_and_no_wider_than_the_screen(
    open_page: Pages, world: World, size: tuple[int, int], language: str, scheme: Scheme
) -> None:
    page = open_page("boss", "/live", size=size, language=language, scheme=scheme)
    talk(world)
    world.control.join_line("w1", "13900001111", 1, 80, 2)
    world.control.pause("1002", "3")
    expect(page.locator("[data-region=waiting] tbody tr")).to_have_count(1)
    expect(page.locator("[data-tile=away] dd")).to_have_text("1")
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    if language == "en":
        page.get_by_role("button", name="中文").click()


def test_whoever_looks_at_it_is_written_down(world: World, app: FastAPI) -> None:
    fresh_client(app, "boss").get("/live")
    assert ("boss", None) in traces(world, "live")


def test_server_that_is_told_to_stop_ends_open_streams(web_settings: Settings, world: World) -> None:
    instance = Instance.load(web_settings.paths)
    known = {"IVR_HOTLINE_FILE": str(web_settings.hotline_file), "IVR_CACHE_DIR": str(web_settings.cache_dir)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IVR_")}
    command = [sys.executable, "-m", "ivr", "web", "--state", str(web_settings.state_dir)]
    with subprocess.Popen(command, cwd=ROOT, env=kept | known, stderr=subprocess.PIPE, text=True) as server:
        try:
            with httpx.Client(base_url=f"http://{instance.web_host}:{instance.web}", timeout=60) as client:
                until_served(client)
                page = client.get("/login").text
                token = re.search(r'name="csrf" value="([^"]+)"', page)
                assert token is not None
                client.post("/login", data={"csrf": token.group(1), "login": "1001", "password": PASSWORD})
                with client.stream("GET", "/desk/stream") as stream:
                    lines = stream.iter_lines()
                    assert next(lines) == "event: regions"
                    server.terminate()
                    assert "event: ended" not in list(lines), "the page is to come back by itself"
                assert server.wait(60) in (0, -signal.SIGTERM)
        finally:
            server.kill()
        assert server.stderr is not None and "ERROR" not in server.stderr.read()


def until_served(client: httpx.Client) -> None:
    for _ in range(600):
        try:
            client.get("/healthz")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the pages are not served")
