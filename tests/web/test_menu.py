"""The menu's page draws every key and says what the standards find."""

from ivr.hotline import load_hotline
from ivr.hotline.tree import tree, walk
from ivr.settings import ROOT
from tests.web.conftest import SignIn


def test_supervisor_sees_every_key_and_where_it_leads(sign_in: SignIn) -> None:
    page = sign_in("boss").get("/menu").text
    keys = list(walk(tree(load_hotline(ROOT / "hotline.yaml"))))
    assert page.count('class="tree-key"') == len(keys)
    for expected in ("预约", "保养", "投诉建议", "队列 · 客户服务", "切换语言", "S15"):
        assert expected in page


def test_menu_without_sound_is_said_in_the_readers_words(sign_in: SignIn) -> None:
    assert "菜单还没有语音" in sign_in("boss").get("/menu").text


def test_agents_and_reviewers_may_not_look_at_the_menu(sign_in: SignIn) -> None:
    assert sign_in("1001").get("/menu").status_code == 403
    assert sign_in("qa").get("/menu").status_code == 403
