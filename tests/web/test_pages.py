"""What the pages say, in every state of a call and with every nonsense in the address bar."""

import datetime as dt
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from ivr.calls.record import LegRecord
from ivr.instance import Instance
from ivr.settings import ROOT, Settings
from ivr.web import i18n
from ivr.web.app import create_app
from ivr.web.filters import FIELDS, read_filter
from ivr.web.formats import clock
from ivr.web.talk import utterances
from tests.web.conftest import SignIn, fresh_client
from tests.web.seed import ABANDONED, CALLER, CUT_SHORT, FULL, LOST_RECORDING, RUNNING

WEB = ROOT / "ivr" / "web"
KEY = re.compile(r"""\bt\(\s*["']([\w.\-]+)["']\s*[,)]""")
KEY_GROUP = re.compile(r"""\bt\(\s*["']([\w.\-]+\.)["']\s*~""")
NAMED_GROUP = re.compile(r"""\bt\.named\(\s*["']([\w.\-]+)["']""")


def test_both_languages_have_the_same_words() -> None:
    chinese, english = i18n.texts("zh-CN"), i18n.texts("en")
    assert chinese.keys() == english.keys()
    for key, text in chinese.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", english[key])), key


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_word_stands_in_its_file_once(language: str) -> None:
    lines = (WEB / "texts" / f"{language}.yaml").read_text("utf-8").splitlines()
    keys = [line.partition(":")[0] for line in lines if line and not line.startswith(("#", " "))]
    assert [key for key in set(keys) if keys.count(key) > 1] == []


def test_every_word_that_a_template_asks_for_exists_and_none_is_idle() -> None:
    sources = "".join(file.read_text("utf-8") for file in (WEB / "templates").glob("*.html"))
    known = i18n.texts("zh-CN").keys()
    used = set(KEY.findall(sources))
    groups = set(KEY_GROUP.findall(sources)) | {f"{group}." for group in NAMED_GROUP.findall(sources)}
    assert used <= known, used - known
    for group in groups:
        assert any(key.startswith(group) for key in known), group
    idle = {key for key in known - used if not any(key.startswith(group) for group in groups)}
    assert idle == set()


def test_templates_and_scripts_hold_no_words_of_their_own() -> None:
    for file in [*(WEB / "templates").glob("*.html"), *(WEB / "static").glob("*.js")]:
        text = re.sub(r"{[{%#].*?[#%}]}", "", file.read_text("utf-8"), flags=re.S)
        assert not re.search(r"[\u4e00-\u9fff]", text), file.name


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_reader_gets_the_language_they_chose(app: FastAPI, language: str) -> None:
    client = TestClient(app)
    client.get("/login", params={"language": language})
    page = client.get("/login").text
    assert f'<html lang="{language}">' in page
    assert i18n.texts(language)["login.submit"] in page


def test_call_page_tells_the_whole_call(sign_in: SignIn) -> None:
    page = sign_in("qa").get(f"/calls/{FULL}").text
    for expected in (
        CALLER,
        "2026-11-22 10:20:00",  # 02:20 UTC in the business's own zone
        "1001 王晓敏",
        "55.6",
        "不知道",
        "请让我帮您查一下",
        "无法评估",
        "结尾的文字把握不足。",
        "演示模型：只认识演示用的声音和词句",
        "保养",
    ):
        assert expected in page


@pytest.mark.parametrize(
    ("call_id", "expected"),
    [
        (RUNNING, ["进行中", "结束后会有录音"]),
        (ABANDONED, ["排队时挂断", "未知号码", "没有录音", "没有坐席接听"]),
        (LOST_RECORDING, ["没有录音", "保存期限"]),
        (CUT_SHORT, ["客户一侧的文字还在排队转写", "坐席一侧转写失败：the recording is damaged", "录音已损坏"]),
    ],
)
def test_call_in_trouble_says_what_is_the_matter(sign_in: SignIn, call_id: str, expected: list[str]) -> None:
    answer = sign_in("qa").get(f"/calls/{call_id}")
    assert answer.status_code == 200
    for text in expected:
        assert text in answer.text


def test_unknown_call_is_a_clear_page_and_clear_json(sign_in: SignIn) -> None:
    client = sign_in("qa")
    assert client.get("/calls/nothing").status_code == 404
    assert "没有找到" in client.get("/calls/nothing").text
    assert client.get("/api/calls/nothing").json() == {"error": "没有找到"}


def test_api_gives_the_record_that_the_command_line_gives(sign_in: SignIn) -> None:
    client = sign_in("qa")
    call = client.get(f"/api/calls/{FULL}").json()
    assert call["menu_path"] == ["main:1", "booking:1"]
    assert [leg["role"] for leg in call["legs"]] == ["caller", "agent"]
    assert call["legs"][1]["words"][0] == {"word": "工号", "start": 5.0, "end": 5.5, "confidence": 0.98}
    assert call["score"]["total"] == 55.6
    listed = client.get("/api/calls", params={"outcome": "message"})
    assert {each["outcome"] for each in listed.json()} == {"message"}
    assert int(listed.headers["X-Total-Count"]) == len(listed.json())
    assert client.get("/api/calls?from=yesterday").status_code == 400


def test_filters_narrow_the_list_and_stay_while_paging(sign_in: SignIn) -> None:
    client = sign_in("qa")
    assert client.get("/calls?caller=0215566").text.count('scope="row"') == 1
    first = client.get("/calls?from=2026-11-01&to=2026-11-22").text
    assert "page=2" in first and "from=2026-11-01" in first
    assert client.get("/calls?page=99999999").text.count('scope="row"') > 0  # the last page there is
    day = client.get("/calls?from=2026-11-22&to=2026-11-22").text
    assert FULL in day and "2026-11-21" not in day
    assert "没有符合条件的通话" in client.get("/calls?caller=99999").text


def test_filter_that_is_not_understood_is_named_and_the_list_stays(sign_in: SignIn) -> None:
    page = sign_in("qa").get("/calls?from=yesterday&outcome=none&caller=abc").text
    assert "已忽略：来电号码、结果、起始日期。" in page
    assert FULL in page


@rules(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.lists(
        st.tuples(
            st.sampled_from([*FIELDS, "page", "language", "next", "x"]),
            st.one_of(
                st.text(max_size=30),
                st.from_regex(r"[0-9+\-]{1,12}", fullmatch=True),
                st.sampled_from(["'", "%", "\x00"]),
            ),
        ),
        max_size=5,
    ),
    path=st.sampled_from(["/calls", "/api/calls", "/prompts", "/access", "/login"]),
)
def test_no_address_makes_the_server_fail(sign_in: SignIn, query: list[tuple[str, str]], path: str) -> None:
    params = [(name, value.encode("utf-8", "replace").decode()) for name, value in query]
    assert sign_in("root").get(path, params=params).status_code in (200, 303, 400)


@given(st.lists(st.tuples(st.sampled_from([*FIELDS, "page"]), st.text(max_size=40))))
def test_filter_that_was_read_is_read_again_the_same(query: list[tuple[str, str]]) -> None:
    from urllib.parse import parse_qsl

    wanted = read_filter(query)
    again = read_filter(parse_qsl(wanted.link(wanted.page)[1:]))
    assert (again.caller, again.agent, again.queue, again.outcome) == (
        wanted.caller,
        wanted.agent,
        wanted.queue,
        wanted.outcome,
    )
    assert (again.since, again.until, again.page, again.bad) == (wanted.since, wanted.until, wanted.page, ())


def test_days_of_the_filter_are_days_of_the_business() -> None:
    asked = read_filter([("from", "2026-11-22"), ("to", "2026-11-22")]).arguments(ZoneInfo("Asia/Shanghai"))
    assert asked["since"] == dt.datetime(2026, 11, 21, 16, tzinfo=dt.UTC)
    assert asked["until"] == dt.datetime(2026, 11, 22, 16, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "—"), (0, "0:00"), (65.9, "1:05"), (3600, "1:00:00"), (-1, "0:00")]
)
def test_lengths_are_written_as_a_player_writes_them(seconds: float | None, text: str) -> None:
    assert clock(seconds) == text


def _word(text: str, start: float, end: float) -> dict[str, object]:
    return {"word": text, "start": start, "end": end, "confidence": 0.9}


def test_sides_take_turns_and_a_pause_begins_a_new_utterance() -> None:
    caller = LegRecord("caller", "c.wav", [_word("您好", 1, 1.5), _word("请问", 1.6, 2), _word("再见", 9, 9.5)])
    agent = LegRecord("agent", "a.wav", [_word("hello", 3, 3.4), _word("there", 3.5, 4)])
    told = [(one.role, "".join(word.gap + word.text for word in one.words)) for one in utterances([caller, agent])]
    assert told == [("caller", "您好请问"), ("agent", "hello there"), ("caller", "再见")]


def test_security_headers_are_on_every_answer(sign_in: SignIn, anonymous: TestClient) -> None:
    answers = [anonymous.get(path) for path in ("/login", "/healthz", "/nothing", "/static/app.css", "/calls")]
    answers += [sign_in("qa").get("/calls"), sign_in("qa").get(f"/calls/{FULL}/audio/caller")]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy and "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"


def test_pages_hold_no_inline_script_or_style_and_nothing_from_elsewhere(sign_in: SignIn) -> None:
    for path in ("/calls", f"/calls/{FULL}", "/prompts", "/access", "/account/password", "/nothing"):
        page = sign_in("root").get(path).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", page), path
        assert not re.search(r"(?:src|href|action)=[\"']?(?:https?:)?//", page), path


def test_page_that_fails_unforeseen_answers_politely_and_keeps_the_reason_to_itself(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = fresh_client(app, "qa")

    def fail(*_args: object, **_more: object) -> None:
        raise RuntimeError(f"caller {CALLER}")

    monkeypatch.setattr("ivr.web.calls.list_calls", fail)
    answer = client.get("/calls")
    assert answer.status_code == 500
    assert "出了点问题" in answer.text
    assert CALLER not in answer.text and "Traceback" not in answer.text
    assert "RuntimeError" in caplog.text and CALLER not in caplog.text


def test_absent_database_is_a_designed_page_and_the_process_starts_anyway(tmp_path: Path) -> None:
    settings = Settings(
        state_dir=tmp_path / "state",
        hotline_file=ROOT / "hotline.yaml",
        database_url="postgresql://nobody@127.0.0.1:9/none",
    )
    settings.paths.create()
    Instance.create(settings.paths, ["1001"])
    client = TestClient(create_app(settings), follow_redirects=False)
    assert client.get("/healthz").status_code == 503
    assert client.get("/login").status_code == 200
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/login").text)
    assert token
    answer = client.post("/login", data={"csrf": token[1], "login": "admin", "password": "x"})
    assert answer.status_code == 503
    assert "暂时无法读取数据" in answer.text and "psycopg" not in answer.text


def test_database_without_tables_is_not_ready(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state", hotline_file=ROOT / "hotline.yaml")
    settings.paths.create()
    Instance.create(settings.paths, ["1001"])
    assert TestClient(create_app(settings)).get("/healthz").json() == {"status": "degraded", "database": False}


def test_healthy_process_says_so(anonymous: TestClient) -> None:
    assert anonymous.get("/healthz").json() == {"status": "ok", "database": True}


def test_bad_business_file_leaves_the_last_good_one_in_force(app: FastAPI, sign_in: SignIn) -> None:
    web = app.state.web
    web.hotline()
    good = web.settings.hotline_file
    try:
        web.settings.hotline_file = Path(web.settings.state_dir) / "bad.yaml"
        web.settings.hotline_file.write_text("company: 1\n", "utf-8")
        assert "1001 王晓敏" in sign_in("qa").get("/calls").text
    finally:
        web.settings.hotline_file = good
