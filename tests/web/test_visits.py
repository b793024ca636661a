"""Visits on the page: finding them, and taking a table over in two steps; who may, what it leaves, how it looks."""

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openpyxl import Workbook, load_workbook
from playwright.sync_api import expect
from sqlalchemy import delete, func, select

from ivr.settings import Settings
from ivr.store.customers import Customer, Visit
from ivr.store.models import AccessLog
from ivr.store.session import Store, open_store
from ivr.tables.read import MAX_BYTES
from ivr.visits.table import COLUMNS
from ivr.web import i18n
from ivr.web.guard import MAX_FORM
from tests.web.conftest import SignIn, form_token
from tests.web.looks import CONTRAST, LOOKS, NAMELESS, Scheme
from tests.web.seed import NOW
from tests.web.seed_customers import seed_customers
from tests.web.seed_surveys import seed_surveys
from tests.web.test_customers import OpenPage, open_page

__all__ = ["open_page"]

TABLE = """工单号,客户姓名,称呼,手机,服务类型,完成时间,技师,大客户,同意回访,备注
T-1,赵敏,女士,138-9999-0001,保养,2026/11/21 16:05,1001,是,,"机油, 机滤"
T-2,欧阳修远,男,021-66667777,维修,2026-11-21,,,否,
T-3,<script>alert(1)</script>,,13899990003,维修,2026-11-21,,,,
T-4,李四,,110,维修,2026-11-21,,,,
T-5,王五,,13899990005,维修,2026-12-21,,,,
"""
PAGES = ["/visits", "/visits?kind=%E7%BB%B4%E4%BF%AE&from=2026-11-01&by=1001", "/visits?text=nobody", "/visits/upload"]


@pytest.fixture(scope="module")
def store(web_settings: Settings) -> Iterator[Store]:
    opened = open_store(web_settings.store_url)
    seed_customers(opened, web_settings.paths)
    seed_surveys(opened, web_settings.paths)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _seeded(store: Store) -> Iterator[None]:
    yield
    with store.write() as session:
        session.execute(delete(Visit).where(Visit.external_id.like("T-%")))
        session.execute(delete(Customer).where(Customer.id.not_in(select(Visit.customer_id)), Customer.id > 2))


def upload(client: TestClient, data: str | bytes, name: str = "visits.csv") -> Any:
    content = data.encode() if isinstance(data, str) else data
    fields = {"csrf": form_token(client, "/visits/upload")}
    return client.post("/visits/upload", data=fields, files={"file": (name, content)})


def take(client: TestClient, token: str) -> Any:
    return client.post("/visits/take", data={"csrf": form_token(client, "/visits/upload"), "upload": token})


def token_of(preview: str) -> str:
    found = re.search(r'name="upload" value="([^"]+)"', preview)
    assert found is not None
    return found[1]


def tiles(page: str) -> list[int]:
    return [int(number) for number in re.findall(r"<dd>(\d+)</dd>", page)]


def kept(store: Store) -> list[str]:
    with store.read() as session:
        return list(session.scalars(select(Visit.external_id).where(Visit.external_id.like("T-%")).order_by(Visit.id)))


# ---- two steps -------------------------------------------------------------------------------------------


def test_preview_shows_what_would_happen_and_takes_nothing(sign_in: SignIn, store: Store) -> None:
    answer = upload(sign_in("boss"), TABLE)
    assert answer.status_code == 200
    assert tiles(answer.text) == [3, 0, 0, 2]
    for expected in ("确认导入 3 条", "无法识别的号码", "时间还没有到", "T-1", "13899990001", "2026-11-21 16:05"):
        assert expected in answer.text
    assert "<script>alert" not in answer.text and "&lt;script&gt;" in answer.text
    assert kept(store) == []


def test_exactly_what_was_shown_is_taken_once(sign_in: SignIn, store: Store, web_settings: Settings) -> None:
    boss = sign_in("boss")
    token = token_of(upload(boss, TABLE).text)
    (file,) = web_settings.paths.uploads.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    done = take(boss, token)
    assert done.status_code == 200 and "已新增 3 条，更新 0 条。" in done.text
    assert "无法识别的号码" in done.text  # the bad ones are still named
    assert kept(store) == ["T-1", "T-2", "T-3"]
    assert list(web_settings.paths.uploads.iterdir()) == []
    again = take(boss, token)
    assert again.status_code == 409 and "预览已过期或已导入" in again.text
    second = upload(boss, TABLE).text
    assert tiles(second) == [0, 0, 3, 2] and "没有可以导入的新记录" in second
    changed = upload(boss, TABLE.replace("1001", "1002")).text
    assert tiles(changed) == [0, 1, 2, 2]
    with store.read() as session:
        traced = session.scalars(select(AccessLog.user).where(AccessLog.action == "visit.import")).all()
    assert traced == ["boss"]


def test_preview_of_another_is_nobodys(sign_in: SignIn, store: Store) -> None:
    token = token_of(upload(sign_in("boss"), TABLE).text)
    assert take(sign_in("root"), token).status_code == 409
    assert take(sign_in("boss"), "../../instance.json").status_code == 409
    assert kept(store) == []


def test_spreadsheet_is_taken_like_csv(sign_in: SignIn, store: Store) -> None:
    book = Workbook()
    assert book.active is not None
    for line in (
        ["单号", "手机", "服务类型", "完成时间", "姓名"],
        ["T-9", 13899990009, "保养", "2026-11-21 9:00", "赵敏"],
    ):
        book.active.append(line)
    file = io.BytesIO()
    book.save(file)
    boss = sign_in("boss")
    assert "已新增 1 条" in take(boss, token_of(upload(boss, file.getvalue(), "visits.xlsx").text)).text
    assert kept(store) == ["T-9"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "缺少列：external_id (单号), number (电话)"),
        ("单号,颜色\n".encode(), "无法识别的列：颜色"),
        (b"PK\x03\x04", "不是有效的 .xlsx 文件"),
        (b"\xff\xfe\xff", "文件无法读取"),
        (b'external_id,number,kind,ended_at\n"x', "第 2 行不是有效的 CSV"),
        (b"x" * (MAX_BYTES + 1), "文件太大"),
    ],
)
def test_file_that_is_no_table_is_one_clear_sentence(sign_in: SignIn, data: bytes, told: str) -> None:
    answer = upload(sign_in("boss"), data)
    assert answer.status_code == 400 and told in answer.text


def test_body_that_is_far_too_long_is_refused_unread(sign_in: SignIn) -> None:
    boss = sign_in("boss")
    answer = upload(boss, b"x" * (MAX_BYTES + MAX_FORM + 1))
    assert answer.status_code == 413 and "内容太大" in answer.text
    assert boss.post("/account/language", content=b"x" * (MAX_FORM + 1)).status_code == 413


def test_form_without_a_file_is_refused(sign_in: SignIn) -> None:
    boss = sign_in("boss")
    assert boss.post("/visits/upload", data={"csrf": form_token(boss, "/visits")}).status_code == 400


def test_every_error_can_be_had_as_a_table(sign_in: SignIn) -> None:
    boss = sign_in("boss")
    bad = "".join(f"T-{n},,,110,维修,2026-11-21,,,,\n" for n in range(200))
    page = upload(boss, TABLE + bad).text
    assert "还有 102 处没有列出" in page
    token = token_of(page)
    table = boss.get(f"/visits/errors.csv?upload={token}")
    assert table.headers["content-disposition"].endswith('"visits-errors.csv"')
    lines = table.content.decode("utf-8-sig").splitlines()
    assert lines[0] == "行,列,原因" and len(lines) == 1 + 202
    assert lines[1].startswith("5,电话,无法识别的号码")
    assert sign_in("root").get(f"/visits/errors.csv?upload={token}").status_code == 303


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_template_has_headings_that_are_understood_and_nobody_in_it(sign_in: SignIn, language: str) -> None:
    boss = sign_in("boss")
    boss.post("/account/language", data={"csrf": form_token(boss, "/visits"), "language": language})
    csv_file = boss.get("/visits/template.csv")
    (line,) = csv_file.content.decode("utf-8-sig").splitlines()
    book = load_workbook(io.BytesIO(boss.get("/visits/template.xlsx").content))
    assert book.active is not None
    (row,) = book.active.iter_rows(values_only=True)
    for headings in (line.split(","), list(row)):
        assert [COLUMNS.named(str(heading)) for heading in headings] == list(COLUMNS.called)
    assert boss.get("/visits/template.pdf").status_code == 404
    boss.post("/account/language", data={"csrf": form_token(boss, "/visits"), "language": "zh-CN"})


# ---- the list --------------------------------------------------------------------------------------------


def test_visits_are_listed_with_what_became_of_them(sign_in: SignIn, store: Store) -> None:
    boss = sign_in("boss")
    take(boss, token_of(upload(boss, TABLE).text))
    with store.write() as session:
        session.scalars(select(Visit).where(Visit.external_id == "T-3")).one().withdrawn_at = NOW
    page = boss.get("/visits?text=T-").text
    for expected in ("共 3 条", "赵敏", "13899990001", "1001 王晓敏", "大客户", "不同意回访", "已撤回"):
        assert expected in page
    asked = boss.get("/visits").text
    assert 'href="/contacts/' in asked and "已完成" in asked
    with store.read() as session:
        total = session.scalar(select(func.count()).select_from(Visit))
    assert f"共 {total} 条" in asked


def test_filter_stands_in_the_address_bar_and_what_is_not_understood_is_said(sign_in: SignIn) -> None:
    boss = sign_in("boss")
    take(boss, token_of(upload(boss, TABLE).text))
    one = boss.get("/visits", params={"text": "赵敏", "kind": "保养", "by": "1001", "from": "2026-11-21"}).text
    assert "共 1 条" in one and 'value="保养" selected' in one and 'value="2026-11-21"' in one
    assert "共 0 条" in boss.get("/visits", params={"text": "T-", "to": "2026-11-20"}).text
    odd = boss.get("/visits", params={"from": "x", "kind": "a\x07b", "page": "999"}).text
    assert "已忽略：服务类型、起始日期。" in odd
    with_strange_kind = boss.get("/visits", params={"kind": "<b>"}).text
    assert "<b>" not in with_strange_kind and "没有符合条件的服务记录" in with_strange_kind


def test_pages_are_for_supervisors(sign_in: SignIn) -> None:
    for login in ("1001", "qa"):
        for path in ("/visits", "/visits/upload", "/visits/template.csv", "/visits/errors.csv"):
            assert sign_in(login).get(path).status_code == 403
        assert 'href="/visits"' not in sign_in(login).get("/calls").text


# ---- in a browser ----------------------------------------------------------------------------------------


@pytest.mark.web
def test_supervisor_takes_a_table_over_with_the_keyboard(open_page: OpenPage, store: Store) -> None:
    page = open_page("boss")
    page.get_by_role("link", name="回访").click()
    page.get_by_role("link", name="服务记录").press("Enter")
    page.get_by_role("link", name="导入表格").press("Enter")
    page.get_by_label("表格文件").set_input_files({"name": "v.csv", "mimeType": "text/csv", "buffer": TABLE.encode()})
    page.get_by_role("button", name="预览").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("导入预览")
    assert kept(store) == []
    page.get_by_role("button", name="确认导入 3 条").press("Enter")
    expect(page.get_by_text("已新增 3 条")).to_be_visible()
    page.locator("p.upload-buttons").get_by_role("link", name="返回服务记录").press("Enter")
    page.get_by_text("筛选").click()
    page.get_by_label("单号、姓名或号码").fill("赵敏")
    page.get_by_label("单号、姓名或号码").press("Enter")
    expect(page.get_by_role("link", name="赵敏").first).to_be_visible()
    assert "text=" in page.url


@pytest.mark.web
@pytest.mark.parametrize(("size", "language", "scheme"), LOOKS)
def test_pages_fit_stand_out_and_name_their_controls(
    open_page: OpenPage, language: str, size: tuple[int, int], scheme: Scheme
) -> None:
    page = open_page(size=size, language=language, scheme=scheme)

    def looks_right(what: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], what
        assert page.evaluate(CONTRAST) == [], what
        assert page.evaluate(NAMELESS) == [], what

    for path in PAGES:
        page.goto(path)
        looks_right(path)
    page.locator("#file").set_input_files({"name": "v.csv", "mimeType": "text/csv", "buffer": TABLE.encode()})
    page.locator("form.upload button").click()
    page.wait_for_selector("form[action='/visits/take']")
    looks_right("preview")
    page.locator("form[action='/visits/take'] button").click()
    page.wait_for_selector(".notice")
    looks_right("taken")
