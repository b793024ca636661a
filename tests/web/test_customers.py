"""Customers, cases and callbacks on the pages: who sees what, what it leaves behind, and how it looks and works."""

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from ivr.calls.flow_log import read_flow
from ivr.settings import Settings
from ivr.store.customers import Customer, CustomerNumber
from ivr.store.followup import Case
from ivr.store.models import AccessLog
from ivr.store.session import Store, open_store
from tests.web.conftest import SignIn, form_token, post
from tests.web.looks import CONTRAST, DESK, NAMELESS, PHONE, TEXTS, Scheme
from tests.web.seed import CALLER, FULL, NOW, PASSWORD
from tests.web.seed_customers import (
    CLOSED,
    COMPLAINT,
    ELSEWHERE,
    LATE,
    LEFT,
    LOST,
    MESSAGE,
    MISSED,
    OUYANG,
    RATED,
    WANG,
    seed_customers,
)

OpenPage = Callable[..., Page]
PAGES = [
    *("/cases", "/cases?show=overdue", "/cases?show=closed", "/cases?show=mine", "/callbacks"),
    *(f"/cases/{case}" for case in (MESSAGE, LATE, RATED, MISSED, COMPLAINT, CLOSED, LOST)),
    *("/customers", "/customers?text=nobody", "/customers/new", f"/customers/{WANG}", f"/customers/{OUYANG}/edit"),
]


@pytest.fixture(scope="module")
def store(web_settings: Settings) -> Iterator[Store]:
    opened = open_store(web_settings.store_url)
    seed_customers(opened, web_settings.paths)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _seeded(store: Store) -> None:
    """Every test here finds the customers."""


def traces(store: Store, action: str) -> list[tuple[str, str | None, int | None]]:
    with store.read() as session:
        rows = session.scalars(select(AccessLog).where(AccessLog.action == action).order_by(AccessLog.id))
        return [(row.user, row.call_id, row.customer_id) for row in rows]


# ---- who sees what ---------------------------------------------------------------------------------------


@pytest.mark.standards("S24")
def test_s24_agent_sees_what_was_left_for_the_own_queues_alone(sign_in: SignIn) -> None:
    agent = sign_in("1001")  # in the queue service alone
    assert {case: agent.get(f"/cases/{case}").status_code for case in range(1, 9)} == {
        MESSAGE: 200,
        LATE: 200,
        RATED: 404,
        MISSED: 404,
        COMPLAINT: 404,
        CLOSED: 200,
        ELSEWHERE: 404,
        LOST: 200,
    }
    assert sign_in("1002").get(f"/cases/{ELSEWHERE}").status_code == 200
    assert agent.get(f"/cases/{ELSEWHERE}/audio").status_code == 404
    listed = agent.get("/cases").text
    assert f'href="/cases/{MESSAGE}"' in listed and f'href="/cases/{MISSED}"' not in listed
    assert sign_in("boss").get(f"/cases/{RATED}").status_code == 200


@pytest.mark.standards("S24")
def test_s24_agent_opens_the_file_of_a_customer_they_served_and_no_other(sign_in: SignIn, store: Store) -> None:
    agent = sign_in("1001")
    assert agent.get(f"/customers/{WANG}").status_code == 200
    assert ("1001", None, WANG) in traces(store, "customer.open")
    assert agent.get(f"/customers/{OUYANG}").status_code == 404
    assert sign_in("qa").get(f"/customers/{WANG}").status_code == 404
    for path in ("/customers", "/customers/new", f"/customers/{WANG}/edit", "/callbacks"):
        assert agent.get(path).status_code == 403
    assert post(agent, f"/customers/{WANG}/remove", {"sure": "yes"}).status_code == 403
    page = agent.get(f"/customers/{WANG}").text
    assert f"/calls/{FULL}" in page  # the own call can be opened
    assert f'href="/cases/{RATED}"' not in page  # what may be about the agent cannot


@pytest.mark.parametrize("case", ["0", "999", "x", "1x", "99999999999", "%00", "-1"])
def test_case_and_customer_that_are_not_there_are_a_clear_page(sign_in: SignIn, case: str) -> None:
    boss = sign_in("boss")
    for path in (f"/cases/{case}", f"/customers/{case}", f"/customers/{case}/edit"):
        answer = boss.get(path)
        assert answer.status_code == 404 and "没有找到" in answer.text
    assert boss.get(f"/cases/{case}/audio").json() == {"error": "没有找到"}
    assert post(boss, f"/customers/{case}/edit", {"name": "x", "numbers": "13811110000"}).status_code == 404


# ---- cases -----------------------------------------------------------------------------------------------


@pytest.mark.standards("S12")
def test_s12_message_is_read_and_heard_on_its_case(sign_in: SignIn, store: Store) -> None:
    boss = sign_in("boss")
    page = boss.get(f"/cases/{MESSAGE}").text
    for expected in ("我姓王请回电预约保养", CALLER, "王建国", "2026-11-22 13:30", "HTTP 503", "演示模型"):
        assert expected in page
    sound = boss.get(f"/cases/{MESSAGE}/audio", headers={"Range": "bytes=0-43"})
    assert (sound.status_code, sound.content[:4], len(sound.content)) == (206, b"RIFF", 44)
    assert ("boss", LEFT, None) in traces(store, "listen.message")
    lost = boss.get(f"/cases/{LOST}")
    assert "没有录音文件" in lost.text
    assert boss.get(f"/cases/{LOST}/audio").status_code == 404


@pytest.mark.standards("S25")
def test_s25_case_is_taken_and_closed_with_an_outcome_and_told_to_the_journal(
    app: FastAPI, sign_in: SignIn, web_settings: Settings, store: Store
) -> None:
    first, second, boss = sign_in("1001"), sign_in("1002"), sign_in("boss")
    refused = post(first, f"/cases/{LATE}/close", {"outcome": "x"})
    assert refused.status_code == 409 and "请先接手" in refused.text
    assert post(first, f"/cases/{LATE}/take", {}).headers["location"] == f"/cases/{LATE}"
    assert post(second, f"/cases/{LATE}/take", {}).status_code == 409
    assert post(second, f"/cases/{LATE}/close", {"outcome": "x"}).status_code == 409
    empty = post(first, f"/cases/{LATE}/close", {"outcome": " \x07 "})
    assert empty.status_code == 400 and "请填写处理结果" in empty.text
    assert post(boss, f"/cases/{LATE}/take", {}).status_code == 303
    assert post(boss, f"/cases/{LATE}/close", {"outcome": "已回电\n约好周三"}).status_code == 303
    assert post(boss, f"/cases/{LATE}/close", {"outcome": "x"}).status_code == 409
    with store.read() as session:
        case = session.get(Case, LATE)
    assert case is not None
    assert (case.state, case.owner, case.outcome, case.closed_at) == ("closed", "boss", "已回电\n约好周三", NOW)
    events, _ = read_flow((web_settings.paths.journal / "flow.jsonl").read_bytes())
    told = [(event.kind, event.data["by"]) for _, event in events if event.call_id == case.call_id]
    assert told == [("case.taken", "1001"), ("case.taken", "boss"), ("case.closed", "boss")]
    assert "已回电\n约好周三" in boss.get(f"/cases/{LATE}").text


def test_cases_are_sorted_into_what_is_open_mine_late_and_closed(sign_in: SignIn) -> None:
    boss = sign_in("boss")
    assert f'href="/cases/{COMPLAINT}"' in boss.get("/cases?show=mine").text
    assert f'href="/cases/{MESSAGE}"' not in boss.get("/cases?show=mine").text
    assert f'href="/cases/{CLOSED}"' in boss.get("/cases?show=closed").text
    only = boss.get("/cases?kind=complaint").text
    assert f'href="/cases/{COMPLAINT}"' in only and f'href="/cases/{MESSAGE}"' not in only
    assert "1 条通知未能送达" in only
    assert boss.get("/cases?show=nonsense&kind=x&page=-3").status_code == 200


def test_callbacks_are_listed_with_how_far_they_are(sign_in: SignIn) -> None:
    page = sign_in("boss").get("/callbacks").text
    for expected in ("13900000001", "等待回拨", "未能接通", "无人接听", "已取消"):
        assert expected in page
    waiting = sign_in("boss").get("/callbacks?state=waiting").text
    assert "13900000001" in waiting and "13900000002" not in waiting


def test_supervisor_takes_a_caller_out_of_the_line(sign_in: SignIn, web_settings: Settings) -> None:
    boss = sign_in("boss")
    assert post(sign_in("1001"), "/callbacks/callback-1/cancel", {}).status_code == 403
    for callback in ("callback-1", "callback-2"):  # the second one is over: nothing is left to cancel
        answer = post(boss, f"/callbacks/{callback}/cancel", {})
        assert answer.headers["location"] == "/callbacks?cancelled=1"
    assert "名单会在片刻后更新" in boss.get("/callbacks?cancelled=1").text
    assert post(boss, "/callbacks/nothing/cancel", {}).status_code == 404
    events, _ = read_flow((web_settings.paths.journal / "flow.jsonl").read_bytes())
    assert [(e.call_id, e.data) for _, e in events if e.kind == "callback.cancelled"] == [
        ("callback-1", {"by": "boss"})
    ]


# ---- customers -------------------------------------------------------------------------------------------


@pytest.mark.standards("S23")
def test_s23_customer_file_tells_calls_cases_and_visits(sign_in: SignIn) -> None:
    page = sign_in("boss").get(f"/customers/{WANG}").text
    for expected in ("王建国", "先生", "大客户", "老年客户", "02155667788", "1950", "1001 王晓敏", "保养", "更换机油"):
        assert expected in page
    assert f"/calls/{FULL}" in page and f'href="/cases/{RATED}"' in page


def test_customer_is_entered_changed_and_forgotten(sign_in: SignIn, store: Store) -> None:
    boss, root = sign_in("boss"), sign_in("root")
    fields = {
        "name": "张三",
        "title": "先生",
        "numbers": "+86 137-0000-0001\n021 5566 0001",
        "key": "yes",
        "notes": "a\r\nb",
    }
    place = post(boss, "/customers/new", fields).headers["location"]
    assert "张三" in boss.get(place).text and "13700000001" in boss.get(place).text
    assert post(boss, f"{place}/edit", {"name": "张四", "numbers": "13700000001"}).status_code == 303
    with store.read() as session:
        row = session.get(Customer, int(place.rsplit("/", 1)[1]))
        numbers = session.scalars(select(CustomerNumber.number).where(CustomerNumber.customer_id == row.id)).all()  # type: ignore[union-attr]
    assert row is not None
    assert (row.name, row.surname, row.key, row.notes, numbers) == ("张四", "张", False, "", ["13700000001"])
    assert post(root, f"{place}/remove", {}).status_code == 400
    assert post(root, f"{place}/remove", {"sure": "yes"}).status_code == 303
    assert boss.get(place).status_code == 404
    assert {"customer.add", "customer.edit", "customer.remove"} <= {
        action for action in ("customer.add", "customer.edit", "customer.remove") if traces(store, action)
    }


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "", "numbers": "13711110000"}, "姓名 — 请填写"),
        ({"name": "某人", "numbers": "x"}, "电话号码 — 其中有无法识别的号码"),
        ({"name": "某人", "numbers": CALLER}, "电话号码 — 号码已属于其他客户"),
        ({"name": "某人", "numbers": "13711110000", "birth_year": "abc"}, "出生年份 — 这不是有效的年份"),
        ({"name": "某人", "numbers": "13711110000", "agent": "<b>"}, "专属坐席 — 没有这个选项"),
        ({"name": "某人\x00", "numbers": "13711110000"}, "姓名 — 含有无法显示的字符"),
    ],
)
def test_entry_that_cannot_be_kept_says_why_and_keeps_what_was_typed(
    sign_in: SignIn, fields: dict[str, str], told: str
) -> None:
    answer = post(sign_in("boss"), "/customers/new", fields)
    assert answer.status_code == 400
    assert told in answer.text
    assert fields["numbers"] in answer.text


def test_table_is_taken_over_and_bad_lines_are_named(sign_in: SignIn) -> None:
    boss = sign_in("boss")
    data = "姓名,电话,大客户\n赵六,13700000006,是\n孙七,abc,\n".encode("gb18030")

    def upload(content: bytes):  # type: ignore[no-untyped-def]
        fields = {"csrf": form_token(boss)}
        return boss.post("/customers/import", data=fields, files={"file": ("a.csv", content, "text/csv")})

    answer = upload(data)
    assert "新增 1 位" in answer.text and "第 3 行" in answer.text
    assert "赵六" in boss.get("/customers?text=13700000006").text
    bad = upload(b"a,b\n")
    assert bad.status_code == 400 and "无法识别的列" in bad.text
    without = boss.post("/customers/import", data={"csrf": form_token(boss)})
    assert without.status_code == 400


def test_customers_are_found_by_name_number_and_mark(sign_in: SignIn, store: Store) -> None:
    boss = sign_in("boss")
    found = boss.get("/customers", params={"text": "138-0013-8000"}).text
    assert "王建国" in found and "欧阳娜娜" not in found
    assert "欧阳娜娜" in boss.get("/customers?only=blocked").text
    assert "没有符合条件的客户" in boss.get("/customers?text=%00%25").text
    assert any(user == "boss" for user, _, _ in traces(store, "customer.search"))


def test_hostile_words_are_shown_and_nothing_else(sign_in: SignIn) -> None:
    boss = sign_in("boss")
    place = post(boss, "/customers/new", {"name": "<script>x</script>", "numbers": "13711112222"}).headers["location"]
    for path in (place, f"{place}/edit", "/customers"):
        assert "<script>x" not in boss.get(path).text


# ---- in a browser ----------------------------------------------------------------------------------------


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[OpenPage]:
    """Opens a page signed in as somebody; the test fails when the console held an error."""
    contexts, problems = [], []

    def opened(
        login: str = "root",
        size: tuple[int, int] = DESK,
        scheme: Scheme = "light",
        language: str = "zh-CN",
    ) -> Page:
        view = {"width": size[0], "height": size[1]}
        context = browser.new_context(base_url=site, viewport=view, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        # Chromium notes a form that is refused (400) as an error, which it is not.
        page.on(
            "console",
            lambda said: (
                problems.append(said.text)
                if said.type in ("error", "warning") and "status of 400" not in said.text
                else None
            ),
        )
        page.on("pageerror", lambda error: problems.append(str(error)))
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


@pytest.mark.web
def test_agent_takes_a_message_hears_it_and_closes_it(open_page: OpenPage) -> None:
    page = open_page("1001")
    page.get_by_role("link", name="待办").click()
    page.locator(f'a[href="/cases/{MESSAGE}"]').click()
    expect(page.get_by_text("我姓王请回电预约保养")).to_be_visible()
    page.evaluate("document.querySelector('audio').play()")
    for _ in range(100):
        if page.evaluate("document.querySelector('audio').currentTime > 0.2"):
            break
        page.wait_for_timeout(50)
    assert page.evaluate("document.querySelector('audio').duration") == pytest.approx(6.0, abs=0.1)
    page.get_by_role("button", name="我来处理").click()
    page.get_by_label("处理结果").fill("已回电，周三上午保养")
    page.get_by_role("button", name="办结").click()
    expect(page.locator(".badge", has_text="已办结")).to_be_visible()
    expect(page.get_by_text("已回电，周三上午保养")).to_be_visible()
    page.get_by_role("link", name="王建国").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("王建国")
    expect(page.get_by_text("已回电，周三上午保养")).to_be_visible()


@pytest.mark.web
def test_supervisor_enters_a_customer_with_the_keyboard_and_finds_them(open_page: OpenPage) -> None:
    page = open_page("boss")
    page.goto("/customers/new")
    page.get_by_label("姓名").focus()
    for text in ("李四", "", "", "1948"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.type("abc")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_role("button", name="保存").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("无法识别的号码")
    page.get_by_label("电话号码").fill("137 0000 0009")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("李四")
    for mark in ("大客户", "老年客户"):
        expect(page.locator(".badge", has_text=mark)).to_be_visible()
    page.goto("/customers")
    page.get_by_label("姓名或号码").fill("0009")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="李四")).to_be_visible()


@pytest.mark.web
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_nothing_is_wider_than_the_phone(open_page: OpenPage, language: str) -> None:
    page = open_page(size=PHONE, language=language)
    for path in PAGES:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], path


@pytest.mark.web
@pytest.mark.parametrize(("size", "scheme"), TEXTS)
def test_every_text_stands_out_and_every_control_has_a_name(
    open_page: OpenPage, scheme: Scheme, size: tuple[int, int]
) -> None:
    page = open_page(size=size, scheme=scheme)
    for path in PAGES:
        page.goto(path)
        assert page.evaluate(CONTRAST) == [], path
        assert page.evaluate(NAMELESS) == [], path
