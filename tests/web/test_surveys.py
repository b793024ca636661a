"""Campaigns, contacts, results, the do-not-call list and the calendar on the pages: who sees and steers what."""

import csv
import errno
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qsl

import pytest
import yaml
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st
from openpyxl import load_workbook
from sqlalchemy import delete, select

from ivr.calls.journal import Journal
from ivr.settings import ROOT, Settings
from ivr.store.customers import Customer, Visit
from ivr.store.models import AccessLog, Call
from ivr.store.session import Store, open_store
from ivr.store.surveys import AttemptResult, Campaign, Contact, ContactState, DoNotCall
from ivr.surveys.campaigns import read_stop, resume_outbound
from ivr.surveys.figures import Rate
from ivr.surveys.funnel import STAGES, funnels
from ivr.surveys.rule import Reason
from ivr.surveys.standing import Why
from ivr.web import i18n
from ivr.web.app import create_app
from ivr.web.contact_filter import FIELDS, read_contact_filter
from tests.survey_tables import SURVEY
from tests.web.conftest import SignIn, fresh_client, post
from tests.web.seed import NOW
from tests.web.seed_customers import seed_customers
from tests.web.seed_surveys import BROKEN, DONE, LISTED, OLD, REFUSED, WAITING, seed_surveys

CAMPAIGN, RESULTS = f"/campaigns/{SURVEY}", f"/surveys/{SURVEY}/results"


@pytest.fixture(scope="module")
def store(web_settings: Settings) -> Iterator[Store]:
    opened = open_store(web_settings.store_url)
    seed_customers(opened, web_settings.paths)
    seed_surveys(opened, web_settings.paths)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _seeded(store: Store, web_settings: Settings) -> Iterator[None]:
    """Every test here finds the surveys, and leaves no emergency stop behind."""
    yield
    resume_outbound(web_settings.paths, Journal(web_settings.paths.journal / "flow.jsonl", lambda: NOW), by="test")


def told(settings: Settings, *kinds: str) -> list[dict[str, Any]]:
    """The journal's facts of these kinds."""
    lines = (settings.paths.journal / "flow.jsonl").read_text("utf-8").splitlines()
    return [fact for fact in map(json.loads, lines) if fact["event"] in kinds]


def traced(store: Store, action: str) -> set[str]:
    with store.read() as session:
        return set(session.scalars(select(AccessLog.user).where(AccessLog.action == action)))


# ---- words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("contact.state", get_args(ContactState)),
        ("attempt.result", get_args(AttemptResult)),
        ("contact.reason", get_args(Reason)),
        ("campaign.why", get_args(Why)),
        ("funnel.stage", STAGES),
        ("contacts.stage", STAGES),
        ("contacts.filter", FIELDS),
        ("do_not_call.reason", ("key", "page", "api", "command")),
    ],
)
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_whatever_the_tables_say_is_said_in_words(language: str, group: str, names: tuple[str, ...]) -> None:
    assert [name for name in names if f"{group}.{name}" not in i18n.texts(language)] == []


# ---- campaigns ---------------------------------------------------------------------------------------------


def test_campaigns_tell_how_far_they_are_and_why_nobody_is_rung(sign_in: SignIn, store: Store) -> None:
    page = sign_in("boss").get("/campaigns").text
    for expected in ("维修保养回访", "进行中", "正在逐一拨打", "09:00–11:59, 14:00–19:59", "无人接听后的间隔"):
        assert expected in page
    with store.read() as session:
        funnel = funnels(session, NOW)[SURVEY]
    shown = [int(each) for each in re.findall(r'<td class="num"><span class="figure">(\d+)<', page)]
    assert shown == [funnel.at_least(stage) for stage in STAGES]


def test_each_part_of_a_funnel_leads_to_exactly_the_contacts_it_counts(sign_in: SignIn) -> None:
    boss = sign_in("boss")
    page = boss.get("/campaigns").text
    parts = re.findall(rf'href="({CAMPAIGN}\?stage=[^"]+)">[^<]* (\d+)</a>', page)
    assert len(parts) > 8
    for link, count in parts:
        assert f"共 {count} 位客户" in boss.get(link.replace("&amp;", "&")).text, link
    waiting = re.findall(rf'href="({CAMPAIGN}\?state=planned&amp;reason=[^"]+)">[^<]* (\d+)</a>', page)
    assert waiting
    for link, count in waiting:
        assert f"共 {count} 位客户" in boss.get(link.replace("&amp;", "&")).text, link


def test_supervisor_pauses_a_campaign_and_starts_it_again(
    sign_in: SignIn, store: Store, web_settings: Settings
) -> None:
    boss = sign_in("boss")
    answer = post(boss, f"{CAMPAIGN}/pause", {"back": CAMPAIGN})
    assert answer.headers["location"] == f"{CAMPAIGN}?said=campaign_paused"
    assert "活动已暂停，现在不拨打" in boss.get(CAMPAIGN).text
    with store.read() as session:
        row = session.get(Campaign, SURVEY)
    assert row is not None and (row.state, row.by) == ("paused", "boss")
    assert post(boss, f"{CAMPAIGN}/start", {}).headers["location"] == "/campaigns?said=campaign_started"
    assert "活动已开始" in boss.get("/campaigns?said=campaign_started").text
    assert [fact["state"] for fact in told(web_settings, "campaign.changed")] == ["paused", "running"]
    assert traced(store, "campaign.pause") == traced(store, "campaign.start") == {"boss"}
    assert post(boss, "/campaigns/nothing/start", {}).status_code == 404


@pytest.mark.standards("S24")
def test_s24_quality_reads_and_supervisors_steer(sign_in: SignIn) -> None:
    qa, agent = sign_in("qa"), sign_in("1001")
    for path in ("/campaigns", CAMPAIGN, RESULTS, f"/contacts/{DONE}", "/campaigns/calendar"):
        page = qa.get(path)
        assert page.status_code == 200, path
        assert "/campaigns/stop" not in page.text and "/pause" not in page.text and "/cancel" not in page.text
        assert ".xlsx" not in page.text and f"/customers/{DONE}" not in page.text
        assert agent.get(path).status_code == 403
    for path in ("/do-not-call", f"{CAMPAIGN}/contacts.csv", f"{CAMPAIGN}/answers.xlsx"):
        assert qa.get(path).status_code == 403
    for path in ("/campaigns/stop", "/campaigns/resume", f"{CAMPAIGN}/start", f"/contacts/{WAITING}/cancel"):
        assert post(qa, path, {"sure": "yes"}).status_code == 403
    assert 'href="/campaigns"' not in agent.get("/calls").text


def test_emergency_stop_is_one_click_on_every_outbound_page_and_its_end_two(
    sign_in: SignIn, web_settings: Settings, store: Store
) -> None:
    boss = sign_in("boss")
    pages = (
        "/campaigns",
        CAMPAIGN,
        RESULTS,
        f"/contacts/{WAITING}",
        "/do-not-call",
        "/campaigns/calendar",
        "/callbacks",
    )
    for path in pages:
        assert 'action="/campaigns/stop"' in boss.get(path).text, path
    assert post(boss, "/campaigns/stop", {"back": CAMPAIGN}).headers["location"] == f"{CAMPAIGN}?said=stopped"
    stop = read_stop(web_settings.paths)
    assert stop is not None and stop.by == "boss"
    for path in pages:
        page = boss.get(path).text
        assert "外呼已紧急停止" in page and "由 boss 停止" in page, path
        assert 'action="/campaigns/stop"' not in page
    assert "外呼已紧急停止，现在不拨打" in boss.get("/campaigns").text
    assert "外呼已紧急停止" in sign_in("qa").get("/campaigns").text
    assert post(boss, "/campaigns/resume", {}).status_code == 400
    assert read_stop(web_settings.paths) is not None
    assert post(boss, "/campaigns/resume", {"sure": "yes"}).headers["location"] == "/campaigns?said=resumed"
    assert read_stop(web_settings.paths) is None
    assert [fact["event"] for fact in told(web_settings, "outbound.stopped", "outbound.goes_on")][-2:] == [
        "outbound.stopped",
        "outbound.goes_on",
    ]
    assert traced(store, "outbound.stop") == traced(store, "outbound.resume") == {"boss"}


def test_stop_holds_where_the_journal_cannot_be_written(
    sign_in: SignIn, web_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_facts: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Journal, "write", refuse)
    answer = post(sign_in("boss"), "/campaigns/stop", {})
    monkeypatch.undo()
    assert answer.headers["location"] == "/campaigns?said=stopped"
    assert read_stop(web_settings.paths) is not None


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example/x", "/\\evil.example"])
def test_stop_leads_to_no_other_site(sign_in: SignIn, back: str) -> None:
    answer = post(sign_in("boss"), "/campaigns/stop", {"back": back})
    assert answer.headers["location"] == "/calls?said=stopped"


def test_without_surveys_the_pages_say_how_to_begin(web_settings: Settings, tmp_path: Path) -> None:
    business = (ROOT / "hotline.yaml").read_text("utf-8")
    bare = re.sub(r"^surveys:.*?(?=^\w)", "", business, flags=re.S | re.M)
    file = tmp_path / "hotline.yaml"
    file.write_text(bare, "utf-8")
    client = fresh_client(create_app(web_settings.model_copy(update={"hotline_file": file}), now=lambda: NOW), "boss")
    for path in ("/campaigns", "/campaigns/calendar"):
        assert "还没有回访问卷" in client.get(path).text
    assert "以前的记录" in client.get(CAMPAIGN).text  # its contacts are still there
    assert client.get(RESULTS).status_code == 200


def test_no_line_to_ring_through_is_said(web_settings: Settings, tmp_path: Path) -> None:
    business = (ROOT / "hotline.yaml").read_text("utf-8")
    file = tmp_path / "hotline.yaml"
    file.write_text(business.replace("outbound: {trunk: sample, ", "outbound: {"), "utf-8")
    client = fresh_client(create_app(web_settings.model_copy(update={"hotline_file": file}), now=lambda: NOW), "boss")
    assert "outbound.trunk" in client.get("/campaigns").text
    answer = post(client, f"{CAMPAIGN}/start", {})
    assert answer.headers["location"] == "/campaigns?said=no_trunk"


# ---- contacts ----------------------------------------------------------------------------------------------


def test_contacts_say_why_now_and_why_not_and_when_next(sign_in: SignIn) -> None:
    page = sign_in("boss").get(f"{CAMPAIGN}?state=open").text
    assert page.count('scope="row"') > 10
    for expected in ("无人接听后的间隔", "2026-11-22 12:30 再看", "正在拨打", "不在外呼时段"):
        assert expected in page
    assert "已完成</span>" not in page


def test_supervisor_reads_where_a_survey_is_not_what_the_standards_ask_for(
    sign_in: SignIn, web_settings: Settings, tmp_path: Path
) -> None:
    business = (ROOT / "hotline.yaml").read_text("utf-8")
    file = tmp_path / "hotline.yaml"
    file.write_text(business.replace("请您为这次服务打分", "您是不是很满意？请您为这次服务打分"), "utf-8")
    client = fresh_client(create_app(web_settings.model_copy(update={"hotline_file": file}), now=lambda: NOW), "boss")
    page = client.get(CAMPAIGN).text
    assert "对照服务标准" in page and "S26" in page and "是不是很满意" in page
    assert "对照服务标准" not in sign_in("qa").get(CAMPAIGN).text


def test_contacts_are_found_by_name_number_technician_kind_and_day(sign_in: SignIn, store: Store) -> None:
    boss = sign_in("boss")

    def found(**query: str) -> int:
        answer = boss.get(CAMPAIGN, params=query)
        return int(re.search(r"共 (\d+) 位客户", answer.text)[1])  # type: ignore[index]

    everybody = found()
    assert found(text="138-1234-0003") == 1
    assert 0 < found(text="欧阳") < everybody
    served = sum(found(by=by) for by in ("1001", "1002", "李师傅", "二号车间"))
    assert served == everybody - 1  # one visit tells of nobody
    assert found(kind="保养") + found(kind="维修") == everybody
    assert found(**{"from": "2026-11-01"}) + found(to="2026-10-31") == everybody
    assert found(state="do_not_call") == 1
    assert "boss" in traced(store, "contact.search")
    assert "没有符合条件的客户" in boss.get(f"{CAMPAIGN}?text=nobody").text
    wrong = boss.get(f"{CAMPAIGN}?state=x&from=yesterday&stage=y")
    assert "已忽略：状态、进展、起始日期" in wrong.text


def test_pages_of_contacts_keep_the_filter_and_beyond_the_last_is_the_last(sign_in: SignIn) -> None:
    boss = sign_in("boss")
    first = boss.get(f"{CAMPAIGN}?by=1002").text
    assert "by=1002&amp;page=2" in first
    assert boss.get(f"{CAMPAIGN}?page=999999").text.count('scope="row"') > 5


def test_a_survey_of_old_keeps_its_contacts_and_an_unknown_one_is_not_there(sign_in: SignIn) -> None:
    boss = sign_in("boss")
    assert "以前的记录" in boss.get(f"/campaigns/{OLD}").text
    assert "现在的问卷不再问这一题" in boss.get(f"/surveys/{OLD}/results").text
    for path in ("/campaigns/nothing", "/surveys/nothing/results", "/campaigns/%00", "/campaigns/nothing/contacts.csv"):
        assert boss.get(path).status_code == 404


def test_a_contact_tells_its_whole_story(sign_in: SignIn, store: Store) -> None:
    page = sign_in("boss").get(f"/contacts/{BROKEN}").text
    for expected in (
        *("李秀英", "13812340001", "大客户", "更换刹车片", "1001 王晓敏", "已完成"),
        *("第 1 次结束：占线", "第 2 次结束：中途断开", "第 3 次结束：完成", "听到真人应答", "确认是本人"),
        *("请您为这次服务打分", "5 分（满分 5 分）", f"/calls/sv{BROKEN}-2/audio/caller"),
    ):
        assert expected in page
    assert page.count("data-player ") == 2
    assert "boss" in traced(store, "contact.open")
    dissatisfied = sign_in("boss").get(f"/contacts/{DONE}").text
    for expected in ("等了三天没有人解释", "演示模型", "回访低分", f"/contacts/{DONE}/answers/reason/audio"):
        assert expected in dissatisfied
    refused = sign_in("boss").get(f"/contacts/{REFUSED}").text
    assert "在勿扰名单上" in refused and "客户没有同意回访" in refused


def test_what_comes_next_is_told_of_a_contact_that_waits(sign_in: SignIn) -> None:
    page = sign_in("qa").get(f"/contacts/{WAITING}").text
    for expected in ("接下来", "现在不拨打：无人接听后的间隔", "最早 2026-11-22 12:32", "以后不再为此拨打"):
        assert expected in page
    assert "接下来" not in sign_in("qa").get(f"/contacts/{DONE}").text


@pytest.mark.standards("S24")
def test_s24_a_comment_is_heard_by_ranges_and_leaves_its_trace(sign_in: SignIn, store: Store) -> None:
    sound = sign_in("qa").get(f"/contacts/{DONE}/answers/reason/audio", headers={"Range": "bytes=0-43"})
    assert (sound.status_code, sound.content[:4], len(sound.content)) == (206, b"RIFF", 44)
    assert traced(store, "listen.comment") == {"qa"}
    for path in (
        f"/contacts/{DONE}/answers/overall/audio",
        f"/contacts/{DONE}/answers/x%00/audio",
        "/contacts/x/answers/y/audio",
    ):
        assert sign_in("qa").get(path).status_code == 404


def test_supervisor_takes_a_customer_off_the_survey(sign_in: SignIn, web_settings: Settings, store: Store) -> None:
    boss = sign_in("boss")
    answer = post(boss, f"/contacts/{WAITING}/cancel", {})
    assert answer.headers["location"] == f"/contacts/{WAITING}?said=contact_cancelled"
    assert "状态会在片刻后更新" in boss.get(answer.headers["location"]).text
    post(boss, f"/contacts/{DONE}/cancel", {})  # over: nothing is left to cancel
    assert [(fact["call"], fact["by"]) for fact in told(web_settings, "contact.cancelled")] == [(WAITING, "boss")]
    assert traced(store, "contact.cancel") == {"boss"}
    for wrong in ("0" * 20, "x", "%00"):
        assert boss.get(f"/contacts/{wrong}").status_code == 404
        assert post(boss, f"/contacts/{wrong}/cancel", {}).status_code == 404


# ---- results -----------------------------------------------------------------------------------------------


def test_results_show_figures_with_how_sure_they_are_and_few_answers_as_counts(sign_in: SignIn, store: Store) -> None:
    page = sign_in("qa").get(RESULTS).text
    assert "选 4 或 5 的人 ÷ 回答这一题的人" in page
    assert "选 5 的占比减去选 1 或 2 或 3 的占比" in page
    assert "至少回答一题的客户 ÷ 至少拨打过一次的客户" in page
    assert "2 人中 2 人" in page  # the third technician
    bars = re.search(r'aria-labelledby="question-overall".*?</section>', page, re.S)
    assert bars is not None
    counts = [int(each) for each in re.findall(r'<td class="num">(\d+)', bars[0])]
    total = int(re.search(r"n = (\d+)", bars[0])[1])  # type: ignore[index]
    assert sum(counts) == total
    satisfied = Rate(counts[3] + counts[4], total)
    assert satisfied.interval is not None
    assert f"{satisfied.interval[0]:.1f}–{satisfied.interval[1]:.1f}%" in page
    assert "等了三天没有人解释" in page and f"/contacts/{DONE}" in page
    recommend = re.search(r'aria-labelledby="question-recommend".*?</section>', page, re.S)
    assert recommend is not None
    assert re.findall(r'class="share (bad)?', recommend[0]) == ["bad", "bad", "bad", "", ""], (
        "who detracts is not drawn green"
    )
    assert traced(store, "survey.results") >= {"qa"}


def test_calendar_speaks_of_holidays_only_to_a_business_that_has_them(web_settings: Settings, tmp_path: Path) -> None:
    business = yaml.safe_load((ROOT / "hotline.yaml").read_text())
    pages = []
    for holidays in ("cn", "none"):
        business["calendar"]["holidays"] = holidays
        file = tmp_path / f"{holidays}.yaml"
        file.write_text(yaml.safe_dump(business, allow_unicode=True))
        settings = web_settings.model_copy(update={"hotline_file": file})
        pages.append(fresh_client(create_app(settings, now=lambda: NOW), "qa").get("/campaigns/calendar").text)
    assert ["节假日" in page for page in pages] == [True, False]


def test_results_of_a_technician_and_of_some_days_are_of_those_alone(sign_in: SignIn) -> None:
    qa = sign_in("qa")
    alone = qa.get(f"{RESULTS}?by=李师傅").text
    assert "共 2 位客户，2 位答完" in alone
    assert "没有符合条件的客户" in qa.get(f"{RESULTS}?from=2020-01-01&to=2020-01-02").text
    # A contact's state is no filter of results: it would make a rate of its own.
    assert qa.get(f"{RESULTS}?state=completed").text.count("共 98 位客户") == 1


# ---- exports -----------------------------------------------------------------------------------------------


def table(client: TestClient, path: str) -> list[dict[str, str]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def test_contacts_are_exported_by_the_pages_filter_with_their_answers(
    sign_in: SignIn, store: Store, web_settings: Settings
) -> None:
    boss = sign_in("boss")
    everybody = table(boss, f"{CAMPAIGN}/contacts.csv")
    assert len(everybody) == len({line["编号"] for line in everybody}) == 98
    (one,) = table(boss, f"{CAMPAIGN}/contacts.csv?text=13812340002")
    assert (one["客户"], one["号码"], one["状态"], one["拨打次数"]) == ("张伟", "13812340002", "已完成", "1")
    assert one["请您为这次服务打分，1分最低，5分最高"] == "2"
    assert one["车辆的问题是否已经解决"] == "否"
    assert "等了三天没有人解释" in one.values()
    assert one["服务时间"] == "2026-11-18 10:30:00"
    answers = table(boss, f"{CAMPAIGN}/answers.csv?by=1001")
    assert {line["服务人员"] for line in answers} == {"1001 王晓敏"}
    assert traced(store, "export.contacts") == traced(store, "export.answers") == {"boss"}


def test_xlsx_says_the_same_as_csv(sign_in: SignIn) -> None:
    boss = sign_in("boss")
    for what in ("contacts", "answers"):
        lines = table(boss, f"{CAMPAIGN}/{what}.csv?kind=维修")
        answer = boss.get(f"{CAMPAIGN}/{what}.xlsx?kind=维修")
        sheet = load_workbook(io.BytesIO(answer.content)).worksheets[0]
        rows = list(sheet.iter_rows(values_only=True))
        assert rows[0] == tuple(lines[0]) and len(rows) == len(lines) + 1
        assert [row[0] for row in rows[1:]] == [line["编号"] for line in lines]
    assert boss.get(f"{CAMPAIGN}/contacts.pdf").status_code == 404


def test_a_customer_whose_name_is_a_formula_harms_no_spreadsheet(sign_in: SignIn, store: Store) -> None:
    boss = sign_in("boss")
    with store.write() as session:
        contact = session.get_one(Contact, DONE)
        customer = session.get_one(Customer, session.get_one(Visit, contact.visit_id).customer_id)
        before, customer.name = customer.name, '=HYPERLINK("http://evil.example","张伟")'
    try:
        (one,) = table(boss, f"{CAMPAIGN}/contacts.csv?text=13812340002")
        assert one["客户"].startswith("'=HYPERLINK")
        sheet = load_workbook(io.BytesIO(boss.get(f"{CAMPAIGN}/contacts.xlsx?text=13812340002").content)).worksheets[0]
        assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    finally:
        with store.write() as session:
            session.get_one(Customer, customer.id).name = before


# ---- do not call -------------------------------------------------------------------------------------------


def test_numbers_are_listed_searched_added_and_taken_off_with_their_trace(
    sign_in: SignIn, store: Store, web_settings: Settings
) -> None:
    boss = sign_in("boss")
    first = boss.get("/do-not-call").text
    assert "共 60 个号码" in first and "page=2" in first and "客户在通话中按 9" in first
    assert post(boss, "/do-not-call/add", {"number": "138 0000-9999"}).headers["location"] == "/do-not-call?said=listed"
    found = boss.get("/do-not-call?text=00009999").text
    assert "13800009999" in found and "在页面上加入" in found
    assert "名单上没有这个号码" in boss.get("/do-not-call?text=55555").text
    assert "名单上没有这个号码" in boss.get("/do-not-call?text=abc").text
    wrong = post(boss, "/do-not-call/add", {"number": "110"})
    assert wrong.status_code == 400 and "这不是可以拨打的号码" in wrong.text and 'value="110"' in wrong.text
    assert post(boss, "/do-not-call/remove", {"number": "13800009999"}).status_code == 400
    removed = post(boss, "/do-not-call/remove", {"number": "13800009999", "sure": "yes"})
    assert removed.headers["location"] == "/do-not-call?said=unlisted"
    gone = post(boss, "/do-not-call/remove", {"number": "13800009999", "sure": "yes"})
    assert gone.status_code == 400 and "不在名单上" in gone.text
    assert [fact["by"] for fact in told(web_settings, "number.do_not_call", "number.may_call")] == ["boss", "boss"]
    assert traced(store, "do_not_call.add") == traced(store, "do_not_call.remove") == {"boss"}


def test_an_empty_list_says_what_comes_on_it(app: FastAPI, sign_in: SignIn, store: Store) -> None:
    with store.write() as session:
        rows = list(session.scalars(select(DoNotCall)))
        kept = [{column.key: getattr(row, column.key) for column in DoNotCall.__mapper__.column_attrs} for row in rows]
        session.execute(delete(DoNotCall))
    try:
        assert "名单是空的" in sign_in("boss").get("/do-not-call").text
    finally:
        with store.write() as session:
            session.add_all(DoNotCall(**row) for row in kept)
    assert LISTED in sign_in("boss").get("/do-not-call").text


# ---- nonsense in the address bar ---------------------------------------------------------------------------


@rules(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.lists(st.tuples(st.sampled_from([*FIELDS, "page", "survey", "said"]), st.text(max_size=70)), max_size=5),
    path=st.sampled_from([CAMPAIGN, RESULTS, "/do-not-call", "/campaigns/calendar", f"{CAMPAIGN}/answers.csv"]),
)
def test_no_address_breaks_a_page(sign_in: SignIn, query: list[tuple[str, str]], path: str) -> None:
    assert sign_in("boss").get(path, params=query).status_code == 200


@given(st.dictionaries(st.sampled_from([*FIELDS, "page"]), st.text(max_size=70)))
def test_a_filter_that_was_understood_is_read_from_its_own_link_again(query: dict[str, str]) -> None:
    wanted = read_contact_filter(query.items())
    again = read_contact_filter(parse_qsl(wanted.link(wanted.page).removeprefix("?")))
    assert again == read_contact_filter(parse_qsl(again.link(again.page).removeprefix("?")))
    assert (again.state, again.stage, again.since, again.until, again.page, again.text) == (
        *(wanted.state, wanted.stage, wanted.since, wanted.until, wanted.page, wanted.text),
    )


def test_a_customer_who_was_busy_is_not_reached_which_is_neither_trouble_nor_a_wait(
    store: Store, sign_in: SignIn
) -> None:
    own = {"direction": "outbound", "called": "13900007777", "started_at": NOW, "ended_at": NOW, "menu_path": []}
    with store.write() as session:
        session.add_all(Call(id=f"unreached-{outcome}", outcome=outcome, **own) for outcome in ("failed", "timed_out"))
    listed = sign_in("boss").get("/calls?caller=13900007777").text
    assert listed.count('<span class="badge outcome-not_reached">未接通</span>') == 2
    assert "outcome-failed" not in listed and "outcome-timed_out" not in listed
