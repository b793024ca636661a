"""The menu's page draws every key and says what the standards find."""

from pathlib import Path

import yaml

from ivr.hotline import load_hotline
from ivr.hotline.tree import tree, walk
from ivr.settings import ROOT, Settings
from ivr.web.app import create_app
from tests.web.conftest import SignIn, fresh_client
from tests.web.seed import NOW


def test_supervisor_sees_every_key_and_where_it_leads(sign_in: SignIn) -> None:
    page = sign_in("boss").get("/menu").text
    keys = list(walk(tree(load_hotline(ROOT / "hotline.yaml"))))
    assert page.count('class="tree-key"') == len(keys)
    for expected in ("预约", "保养", "投诉建议", "队列 · 客户服务", "切换语言", "S15"):
        assert expected in page


def test_menu_without_sound_is_said_in_the_readers_words(sign_in: SignIn) -> None:
    assert "菜单还没有语音" in sign_in("boss").get("/menu").text


def test_words_that_stayed_behind_are_said_on_the_page(tmp_path: Path, web_settings: Settings) -> None:
    business = yaml.safe_load((ROOT / "hotline.yaml").read_text())
    business["menus"]["main"]["options"]["1"]["label"] = {"zh-CN": "新车", "en": "New cars"}
    business["queues"]["booking"] |= {"overflow": None, "message": False, "callback": False}
    file = tmp_path / "hotline.yaml"
    file.write_text(yaml.safe_dump(business, allow_unicode=True))
    client = fresh_client(create_app(web_settings.model_copy(update={"hotline_file": file}), now=lambda: NOW), "boss")
    page = client.get("/menu").text
    for expected in ("zh-CN：按键 1 是“新车”", "en：按键 1 是“New cars”", "按键 1：队列"):
        assert expected in page


def test_agents_and_reviewers_may_not_look_at_the_menu(sign_in: SignIn) -> None:
    assert sign_in("1001").get("/menu").status_code == 403
    assert sign_in("qa").get("/menu").status_code == 403
