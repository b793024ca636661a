"""The emergency notice on the page: put up, heard, taken down."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ivr.calls.notice import NO_NOTICE, NoticeBoard
from ivr.settings import Settings
from ivr.tools import ToolMissing, tool
from tests.web.conftest import SignIn, form_token
from tests.web.seed import NOW

TEXT = "今天因台风提前下班，敬请谅解。"


@pytest.fixture(autouse=True)
def offline_voice(app: FastAPI, web_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        tool("espeak-ng")
    except ToolMissing as missing:
        pytest.skip(f"nobody can speak: {missing}")
    monkeypatch.setattr(app.state.web, "settings", web_settings.model_copy(update={"voice_engine": "espeak"}))
    NoticeBoard.of(web_settings.paths).write(NO_NOTICE)


def send(client: TestClient, path: str, **fields: str) -> tuple[int, str]:
    answer = client.post(path, data={"csrf": form_token(client, "/notice"), **fields})
    return answer.status_code, answer.text


def test_supervisor_puts_a_notice_up_hears_it_and_takes_it_down(sign_in: SignIn, web_settings: Settings) -> None:
    boss = sign_in("boss")
    assert "目前没有通知" in boss.get("/notice").text

    assert send(boss, "/notice", text=TEXT, until="2099-01-01T18:00")[0] == 303

    shown = boss.get("/notice").text
    assert TEXT in shown and "2099-01-01 18:00" in shown
    assert boss.get("/prompts/zh-CN/notice/audio").content[:4] == b"RIFF"
    assert NoticeBoard.of(web_settings.paths).read().in_force(NOW)
    assert "发布紧急通知" in sign_in("root").get("/access").text

    assert send(boss, "/notice/off")[0] == 303
    assert not NoticeBoard.of(web_settings.paths).read().on
    assert "目前没有通知" in boss.get("/notice").text


@pytest.mark.parametrize("fields", [{"text": " "}, {"text": TEXT, "until": "2020-01-01T00:00"}, {"text": "台" * 301}])
def test_a_notice_nobody_could_hear_is_refused_and_says_why(
    sign_in: SignIn, web_settings: Settings, fields: dict[str, str]
) -> None:
    status, text = send(sign_in("boss"), "/notice", **fields)

    assert status == 400 and 'role="alert"' in text
    assert not NoticeBoard.of(web_settings.paths).read().on


def test_a_form_from_elsewhere_puts_no_notice_up(sign_in: SignIn, web_settings: Settings) -> None:
    assert sign_in("boss").post("/notice", data={"csrf": "guessed", "text": TEXT}).status_code == 403
    assert not NoticeBoard.of(web_settings.paths).read().on


def test_agents_and_reviewers_may_not_speak_to_callers_like_this(sign_in: SignIn) -> None:
    for login in ("1001", "qa"):
        assert sign_in(login).get("/notice").status_code == 403
