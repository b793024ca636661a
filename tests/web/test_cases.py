"""The board of cases and one case: deadlines, departments, what a survey told, and calling the customer back (S25)."""

import re
import threading
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import delete, select, update

from ivr.calls.ingest import Ingestor
from ivr.cases.return_calls import calls_of_case
from ivr.hotline import load_hotline
from ivr.settings import Settings
from ivr.store.followup import Case
from ivr.store.models import AccessLog, JournalEvent, User
from ivr.store.session import Store, open_store
from ivr.store.surveys import DoNotCall
from ivr.web.app import create_app
from tests.web.conftest import SignIn, post
from tests.web.desk_world import Pages, pages
from tests.web.fake_control import FakeControl
from tests.web.looks import CONTRAST, LOOKS, NAMELESS, Scheme
from tests.web.seed import CALLER, NOW
from tests.web.seed_customers import (
    CLOSED,
    COMPLAINT,
    DOUBT,
    LATE,
    LOST,
    MESSAGE,
    MISSED,
    REACHED,
    SURVEYED,
    seed_customers,
)

VIEWS = [
    *("/cases", "/cases?show=open", "/cases?show=escalated", "/cases?show=closed"),
    "/cases?department=workshop&owner=-",
    *(f"/cases/{case}" for case in (SURVEYED, DOUBT, REACHED, MESSAGE, LOST, CLOSED)),
]


@pytest.fixture(scope="module")
def store(web_settings: Settings) -> Iterator[Store]:
    opened = open_store(web_settings.store_url)
    seed_customers(opened, web_settings.paths)
    with opened.write() as session:
        session.execute(update(User).where(User.login == "boss").values(work_number="1003"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def control(web_settings: Settings, store: Store) -> FakeControl:
    return FakeControl(store, load_hotline(web_settings.hotline_file), lambda: NOW)


@pytest.fixture(scope="module")
def app(web_settings: Settings, control: FakeControl) -> FastAPI:
    return create_app(web_settings, now=lambda: NOW, control=control)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _begin_again(web_settings: Settings, store: Store, control: FakeControl) -> Iterator[None]:
    """Everybody is on duty, nobody has been called, and the records know all that has happened."""
    control.forget()
    for agent in ("1001", "1002", "1003"):
        control.log_in(agent)
    with store.write() as session:
        before = {row.id: (row.state, row.owner, row.department) for row in session.scalars(select(Case))}
    ingest(web_settings, store)
    yield
    ingest(web_settings, store)
    with store.write() as session:
        session.execute(delete(JournalEvent).where(JournalEvent.source == "flow"))
        for case_id, (state, owner, department) in before.items():
            row = session.get_one(Case, case_id)
            row.state, row.owner, row.department, row.outcome, row.closed_at = (
                *(state, owner, department),
                *((row.outcome, row.closed_at) if state == "closed" else ("", None)),
            )
    web_settings.paths.outbound_stopped.unlink(missing_ok=True)


@pytest.fixture(scope="module", autouse=True)
def _ingestion(web_settings: Settings, store: Store) -> Iterator[None]:
    """The process beside the pages that reads the journal all the time."""
    stop = threading.Event()

    def read() -> None:
        reader = Ingestor(web_settings.paths, store)
        while not stop.wait(0.1):
            reader.once()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(10)


def ingest(settings: Settings, store: Store) -> None:
    """Everything that has happened is in the tables from now on."""
    Ingestor(settings.paths, store).once()


def case(store: Store, case_id: int) -> Case:
    with store.read() as session:
        return session.get_one(Case, case_id)


def lane(text: str, name: str) -> list[int]:
    """The cases of one column of the board, in order."""
    column = text.split(f'aria-labelledby="lane-{name}"')[1].split("</section>")[0]
    return [int(found) for found in re.findall(r'href="/cases/(\d+)"', column)]


# ---- the board -------------------------------------------------------------------------------------------


@pytest.mark.standards("S25")
def test_s25_board_has_a_column_for_each_state_with_the_most_urgent_first(sign_in: SignIn) -> None:
    text = sign_in("boss").get("/cases").text
    assert lane(text, "new")[:3] == [SURVEYED, LATE, MESSAGE]  # escalated, late, due next
    assert lane(text, "in_hand") == [LOST, COMPLAINT]
    assert lane(text, "answered") == [REACHED] and lane(text, "closed") == [CLOSED]
    for expected in ("已升级", "已超 3 天", "还剩 3 小时", "维修车间", "待核实", "王先生", "请于此前办结"):
        assert expected in text


def test_counts_add_up_on_the_board_and_in_every_filter(sign_in: SignIn) -> None:
    boss = sign_in("boss")

    def tallies(path: str) -> dict[str, int]:
        text = boss.get(path).text
        tabs = text.split('class="tabs"')[1].split("</nav>")[0]
        found = re.findall(r'href="[^"]*show=(\w+)[^"]*"[^>]*>[^<]*(?:<span class="tally[^"]*">(\d+))?', tabs)
        return {name: int(count or 0) for name, count in found}

    everything = tallies("/cases")
    assert everything["open"] == everything["new"] + everything["in_hand"] + everything["answered"] == 10
    for filters in (["department=workshop", "department=-"], ["owner=boss", "owner=1002", "owner=-"]):
        parts = [tallies(f"/cases?{one}") for one in filters]
        assert {name: sum(part[name] for part in parts) for name in everything} == everything
    text = boss.get("/cases?show=open").text
    assert len(re.findall(r'class="row-link"', text)) == 10
    assert 'href="/cases?show=new&amp;department=workshop"' in boss.get("/cases?department=workshop").text


def test_filters_stand_in_the_address_bar_and_nonsense_is_left_out(sign_in: SignIn) -> None:
    boss = sign_in("boss")
    only = boss.get("/cases?department=workshop&kind=survey_low").text
    assert lane(only, "new") == [SURVEYED] and lane(only, "in_hand") == []
    assert 'value="workshop" selected' in only and 'value="survey_low" selected' in only
    nobody = boss.get("/cases?show=open&owner=-").text
    assert f'href="/cases/{MESSAGE}"' in nobody and f'href="/cases/{COMPLAINT}"' not in nobody
    for nonsense in ("?show=x&kind=x&page=-3", "?owner=%00", "?department=" + "x" * 99, "?owner=<script>"):
        answer = boss.get(f"/cases{nonsense}")
        assert answer.status_code == 200 and "<script>" not in answer.text.split("<main")[1]


@pytest.mark.standards("S24")
def test_s24_agents_board_shows_the_own_queues_alone_and_no_bad_answers(sign_in: SignIn, store: Store) -> None:
    text = sign_in("1001").get("/cases").text
    assert SURVEYED not in lane(text, "new") and MESSAGE in lane(text, "new")
    assert sign_in("1001").get(f"/cases/{SURVEYED}").status_code == 404
    assert sign_in("1001").get(f"/cases/{SURVEYED}/audio/reason").status_code == 404
    with store.write() as session:
        session.get_one(Case, SURVEYED).owner = "1001"
    assert sign_in("1001").get(f"/cases/{SURVEYED}").status_code == 200


# ---- one case --------------------------------------------------------------------------------------------


@pytest.mark.standards("S26")
def test_s26_case_shows_the_visit_and_what_was_answered_and_said(sign_in: SignIn, store: Store) -> None:
    boss = sign_in("boss")
    text = boss.get(f"/cases/{SURVEYED}").text
    assert "二号车间" in text and "1 分（满分 5 分）" in text and "车辆的问题是否已经解决" in text
    assert "等了三天我要投诉" in text and "没有听清" in text and "演示模型" in text
    assert text.count("需要跟进") == 2
    sound = boss.get(f"/cases/{SURVEYED}/audio/reason", headers={"Range": "bytes=0-43"})
    assert (sound.status_code, sound.content[:4]) == (206, b"RIFF")
    for missing in (f"{SURVEYED}/audio/overall", f"{MESSAGE}/audio/reason", f"{SURVEYED}/audio/%00"):
        assert boss.get(f"/cases/{missing}").status_code == 404
    with store.read() as session:
        heard = session.scalars(select(AccessLog.user).where(AccessLog.action == "listen.comment")).all()
    assert heard == ["boss"]
    assert "请先收听录音" in boss.get(f"/cases/{DOUBT}").text


@pytest.mark.standards("S25")
def test_s25_department_is_changed_on_the_page_by_who_works_on_it_or_is_in_charge(
    sign_in: SignIn, store: Store
) -> None:
    boss, agent = sign_in("boss"), sign_in("1001")
    assert post(agent, f"/cases/{MESSAGE}/move", {"department": "workshop"}).status_code == 409
    assert post(boss, f"/cases/{MESSAGE}/move", {"department": "cellar"}).status_code == 400
    assert post(boss, f"/cases/{MESSAGE}/move", {"department": "workshop"}).status_code == 303
    assert case(store, MESSAGE).department == "workshop"
    assert post(agent, f"/cases/{MESSAGE}/take", {}).status_code == 303
    assert post(agent, f"/cases/{MESSAGE}/move", {"department": ""}).status_code == 303
    assert case(store, MESSAGE).department is None
    assert post(boss, f"/cases/{CLOSED}/move", {"department": "workshop"}).status_code == 409


@pytest.mark.standards("S25")
def test_s25_case_that_agents_do_not_see_is_given_to_one_by_who_is_in_charge(sign_in: SignIn, store: Store) -> None:
    boss, agent = sign_in("boss"), sign_in("1001")
    assert agent.get(f"/cases/{SURVEYED}").status_code == 404
    assert post(agent, f"/cases/{SURVEYED}/give", {"to": "1001"}).status_code == 403
    assert post(boss, f"/cases/{SURVEYED}/give", {"to": "nobody"}).status_code == 400
    assert post(boss, f"/cases/{SURVEYED}/give", {"to": "1001"}).status_code == 303
    assert (case(store, SURVEYED).state, case(store, SURVEYED).owner) == ("taken", "1001")
    assert agent.get(f"/cases/{SURVEYED}").status_code == 200
    assert post(boss, f"/cases/{CLOSED}/give", {"to": "1001"}).status_code == 409


# ---- calling back ----------------------------------------------------------------------------------------


def say(client: TestClient, case_id: int) -> str:
    """Press the button as a page without script does; the sentence that follows."""
    answer = post(client, f"/cases/{case_id}/call", {})
    assert answer.status_code == 303
    found = re.search(r'data-said[^>]*><p class="notice \w+">([^<]+)', client.get(answer.headers["location"]).text)
    assert found, answer.headers["location"]
    return found[1]


@pytest.mark.standards("S25")
def test_s25_the_agents_phone_rings_for_the_customer_of_a_case_that_they_work_on(
    sign_in: SignIn, store: Store, control: FakeControl, web_settings: Settings
) -> None:
    agent, number = sign_in("1001"), case(store, LATE).number
    assert say(agent, LATE) == "请先接手。"
    post(agent, f"/cases/{LATE}/take", {})
    ingest(web_settings, store)
    assert f"回电 {number}" in agent.get(f"/cases/{LATE}").text
    assert say(agent, LATE) == "您的话机正在振铃，接起后为您拨打客户。"
    ((who, rung, call),) = control.called_back
    assert (who, rung, call.kind) == ("1001", number, "message")
    ingest(web_settings, store)
    text = agent.get(f"/cases/{LATE}").text
    assert "话机振铃" in text and f"回电 {number}" not in text
    with store.read() as session:
        (told,) = calls_of_case(session, call.case, case(store, LATE).opened_at)
        traced = session.scalars(select(AccessLog.user).where(AccessLog.action == "case.call")).all()
    assert (told.agent, told.by, told.call_id) == ("1001", "1001", call.call_id)
    assert traced == ["1001"]
    assert say(agent, LATE) == "客户正在与我们通话，或正被拨打。"


def test_customer_who_is_on_the_line_with_us_is_not_rung(sign_in: SignIn, control: FakeControl) -> None:
    boss = sign_in("boss")
    post(boss, f"/cases/{SURVEYED}/take", {})
    assert "现在不能回电： 客户正在与我们通话" in boss.get(f"/cases/{SURVEYED}").text
    assert say(boss, SURVEYED) == "客户正在与我们通话，或正被拨打。"
    assert control.called_back == []


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        ("away", "该坐席没有登录话务。"),
        ("talking", "您正在通话，请结束后再回电。"),
        ("unreachable", "暂时联系不上电话系统，操作没有执行。请再试一次，或在话机上操作。"),
        ("stopped", "外呼已紧急停止。"),
        ("unusable", "这个号码不能拨打。"),
    ],
)
def test_why_nobody_is_called_is_said_in_a_sentence_and_nothing_is_dialled(
    sign_in: SignIn, store: Store, control: FakeControl, web_settings: Settings, happens: str, said: str
) -> None:
    boss = sign_in("boss")
    post(boss, f"/cases/{MISSED}/take", {})
    ingest(web_settings, store)
    number = case(store, MISSED).number
    match happens:
        case "away":
            control.log_out("1003")
        case "talking":
            control.ring("1003", "x", "13900000001")
        case "unreachable":
            control.reachable = False
        case "stopped":
            web_settings.paths.outbound_stopped.write_text("")
        case "unusable":
            with store.write() as session:
                session.get_one(Case, MISSED).number = "110"
    assert say(boss, MISSED) == said
    assert control.called_back == []
    with store.write() as session:
        session.get_one(Case, MISSED).number = number


def test_account_without_a_phone_cannot_call_and_is_told_so(sign_in: SignIn, control: FakeControl) -> None:
    root = sign_in("root")
    post(root, f"/cases/{MISSED}/take", {})
    assert say(root, MISSED) == "您的账号没有工号和话机，不能在这里回电。"
    assert "您的账号没有工号和话机" in root.get(f"/cases/{MISSED}").text
    assert control.called_back == []


def test_who_calls_is_told_that_the_customer_wants_no_more_surveys(sign_in: SignIn, store: Store) -> None:
    with store.write() as session:
        session.add(DoNotCall(number=CALLER, since=NOW, reason="key", by=""))
    assert "只谈这一件事" in sign_in("boss").get(f"/cases/{SURVEYED}").text
    with store.write() as session:
        session.execute(delete(DoNotCall))
    assert "只谈这一件事" not in sign_in("boss").get(f"/cases/{SURVEYED}").text


# ---- in a browser ----------------------------------------------------------------------------------------


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[Pages]:
    with pages(browser, site) as opened:
        yield opened


@pytest.mark.web
def test_agent_goes_through_the_board_by_keyboard_and_calls_back_from_the_case(
    open_page: Pages, store: Store, control: FakeControl, web_settings: Settings
) -> None:
    page = open_page("boss", "/cases")
    page.locator("#department").focus()
    page.locator("#department").select_option("workshop")
    page.get_by_role("button", name="查询").press("Enter")
    page.wait_for_url("**department=workshop**")
    page.get_by_role("link", name=re.compile("查看：回访投诉")).press("Enter")
    page.get_by_role("button", name="我来处理").press("Enter")
    expect(page.locator("#calls-title")).to_be_visible()
    ingest(web_settings, store)
    page.get_by_role("button", name=f"回电 {case(store, DOUBT).number}").press("Enter")
    expect(page.get_by_text("您的话机正在振铃")).to_be_visible()
    ingest(web_settings, store)
    expect(page.locator(".case-calls .badge")).to_have_text("话机振铃")  # the page hears of it by itself
    assert [agent for agent, _, _ in control.called_back] == ["1003"]


@pytest.mark.web
@pytest.mark.parametrize(("size", "language", "scheme"), LOOKS)
def test_pages_fit_the_screen_can_be_read_and_every_control_has_a_name(
    open_page: Pages, size: tuple[int, int], language: str, scheme: Scheme
) -> None:
    page = open_page("boss", "/cases", size, language, scheme)
    for path in VIEWS:
        page.goto(path)
        assert _width(page) <= size[0], path
        assert page.evaluate(NAMELESS) == [], path
        assert page.evaluate(CONTRAST) == [], path


def _width(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))
