"""A menu is held against the standards: every fault is found, with its clause, and the sample has none."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ivr.hotline import Hotline, Language
from ivr.hotline.drawing import draw
from ivr.hotline.kinds import SHORT
from ivr.hotline.lint import Finding, lint
from ivr.hotline.tree import paths, tree, walk
from ivr.hotline.wording import names
from ivr.settings import ROOT, StatePaths
from ivr.speech.prompts import PromptStore


def label(text: str) -> dict[str, str]:
    return {"zh-CN": text, "en": text}


def business(menus: dict[str, Any], **changes: Any) -> Hotline:
    data = yaml.safe_load((ROOT / "hotline.yaml").read_text())
    data["menus"] = {name: {"options": options} for name, options in menus.items()}
    return Hotline.model_validate(data | changes)


PERSON = {"label": label("人工"), "queue": "service"}
MAIN = {
    "1": {"label": label("预约"), "menu": "booking"},
    "2": {"label": label("进度"), "queue": "service"},
    "0": PERSON,
}
BOOKING = {"1": {"label": label("保养"), "queue": "booking"}, "0": PERSON}


def in_words(hotline: Hotline, menu: str, language: Language) -> str:
    """A menu read out as it should be."""
    options = sorted(hotline.menus[menu].options.items(), key=lambda option: option[0] == "0")
    if language == "zh-CN":
        return "".join(f"{option.label.get(language)}服务，请按{key}；" for key, option in options)
    return " ".join(f"For {option.label.get(language)} or a person, press {key}." for key, option in options)


def check(
    hotline: Hotline, said: dict[str, str] | None = None, seconds: float | None = 9.0, language: Language = "zh-CN"
) -> list[Finding]:
    words = {f"menu_{name}": in_words(hotline, name, "zh-CN") for name in hotline.menus} | (said or {})

    def text(prompt: str, spoken: Language) -> str:
        if spoken == "zh-CN":
            return words.get(prompt, "")
        name = prompt.removeprefix("menu_")
        return in_words(hotline, name, spoken) if name in hotline.menus else "" if name.endswith(SHORT) else "Hello."

    return lint(hotline, text, lambda prompt, spoken: seconds)


def clauses(found: list[Finding]) -> list[tuple[str, str, str]]:
    return [(one.level, one.where, one.standard) for one in found]


def test_good_menu_has_no_findings() -> None:
    assert check(business({"main": MAIN, "booking": BOOKING})) == []


def test_the_sample_business_keeps_the_standards(paths: StatePaths) -> None:
    hotline = Hotline.model_validate(yaml.safe_load((ROOT / "hotline.yaml").read_text()))
    assert lint(hotline, PromptStore(paths, hotline).text, lambda prompt, language: 10.0) == []


def test_menu_on_the_third_level_is_too_deep() -> None:
    deep = BOOKING | {"2": {"label": label("更多"), "menu": "more"}}
    hotline = business({"main": MAIN, "booking": deep, "more": {"0": PERSON}})
    assert clauses(check(hotline, {"menu_more": "人工服务，请按0。"})) == [("error", "more", "S15")]


def test_menu_that_leads_back_into_itself_is_a_circle_and_ends_all_the_same() -> None:
    hotline = business({"main": MAIN, "booking": BOOKING | {"2": {"label": label("返回"), "menu": "main"}}})
    found = check(hotline)
    assert clauses(found) == [("error", "main", "S15")]
    assert "circles" in found[0].message


def test_six_keys_are_too_many() -> None:
    many = {str(key): {"label": label(str(key)), "queue": "service"} for key in (1, 2, 3, 4, 5)} | {"0": PERSON}
    assert clauses(check(business({"main": many}))) == [("error", "main", "S15")]


def test_person_must_be_announced_in_the_main_menu() -> None:
    hotline = business({"main": {"1": MAIN["2"]}})
    found = clauses(check(hotline, {"menu_main": "查询进度，请按1。"}))
    assert found == [("error", "main", "S16"), ("error", "main", "S16")]


@pytest.mark.parametrize("where", ["greeting", "recording_notice", "menu_main"])
def test_advertising_before_service_is_found(where: str) -> None:
    hotline = business({"main": MAIN, "booking": BOOKING})
    text = "本月保养八折优惠。" + (in_words(hotline, "main", "zh-CN") if where == "menu_main" else "")
    found = check(hotline, {where: text})
    assert [one.standard for one in found] == ["S17"]


def test_keys_out_of_order_and_key_before_its_meaning_are_found() -> None:
    hotline = business({"main": MAIN, "booking": BOOKING})
    found = check(hotline, {"menu_main": "按2查询进度；预约请按1；人工服务请按0。"})
    assert clauses(found) == [("warning", "main", "S15"), ("error", "main", "S15")]


def test_words_that_stayed_behind_when_the_menu_changed_are_found() -> None:
    new = {"1": {"label": label("新车"), "menu": "booking"}, "3": {"label": label("配件"), "queue": "service"}}
    found = check(
        business({"main": MAIN | new, "booking": BOOKING}),
        {"menu_main": "预约服务，请按1；查询进度，请按2；投诉，请按4；人工服务，请按0。"},
    )
    assert [(one.level, one.rule, one.facts["key"]) for one in found] == [
        ("error", "key_unknown", "4"),
        ("warning", "says_other", "1"),
        ("warning", "key_unsaid", "3"),
    ]
    assert found[1].message == "zh-CN: key 1 is “新车”, but menu_main says “预约服务”"


def test_shorter_words_for_who_calls_again_are_held_against_the_menu_too() -> None:
    menus = {"main": MAIN | {"9": {"label": label("英语"), "language": "en"}}, "booking": BOOKING}
    short = "预约请按1，人工请按0。"
    assert [one.facts["key"] for one in check(business(menus), {"menu_main_short": short})] == ["2"]


@pytest.mark.parametrize(
    ("said", "named", "ours"),
    [
        ("查询维修进度", "维修进度", True),
        ("投诉和建议", "投诉建议", True),
        ("预约服务", "新车", False),
        ("查账", "账", True),
        ("To speak with a person", "A person", True),
        ("For the status of a repair", "Repair status", True),
        ("For appointments", "Parts", False),
        ("For English", "英语", False),
        ("For 4S shops", "4S", True),
    ],
)
def test_words_that_mean_what_the_label_says(said: str, named: str, ours: bool) -> None:
    assert names(said, named) is ours


def test_menu_of_more_than_twenty_seconds_and_menu_without_sound_are_found() -> None:
    hotline = business({"main": MAIN, "booking": BOOKING})
    assert {one.message.partition(":")[2].split()[0] for one in check(hotline, seconds=20.5)} == {"takes"}
    assert len(check(hotline, seconds=None)) == 4
    assert check(hotline, seconds=20.0) == []


def test_missing_translation_and_missing_prompt_are_found() -> None:
    main = MAIN | {"2": {"label": {"zh-CN": "进度"}, "say": "opening_hours"}}
    found = check(business({"main": main, "booking": BOOKING}), {"menu_booking": ""})
    assert clauses(found) == [
        ("error", "main", "S19"),  # the prompt opening_hours has no words in Chinese
        ("error", "booking", "S19"),
        ("warning", "main", "S19"),
    ]


def test_closed_queue_that_leaves_a_caller_with_nothing_is_a_dead_end() -> None:
    data = yaml.safe_load((ROOT / "hotline.yaml").read_text())["queues"]
    data["booking"] |= {"overflow": None, "message": False, "callback": False}
    found = check(business({"main": MAIN, "booking": BOOKING}, queues=data))
    assert clauses(found) == [("warning", "booking", "S18")]


def test_menu_that_no_key_leads_to_is_pointed_out() -> None:
    found = check(business({"main": {"2": MAIN["2"], "0": PERSON}, "booking": BOOKING}))
    assert clauses(found) == [("warning", "booking", "S15")]


def test_every_way_through_the_sample_is_listed_once_and_ends_somewhere() -> None:
    hotline = business({"main": MAIN | {"9": {"label": label("英语"), "language": "en"}}, "booking": BOOKING})
    found = [(way.keys, way.kind, way.target) for way in paths(hotline)]
    assert found == [
        ("11", "queue", "booking"),
        ("10", "queue", "service"),
        ("2", "queue", "service"),
        ("90", "queue", "service"),
        ("0", "queue", "service"),
    ]


@st.composite
def menus(draw_: st.DrawFn) -> Hotline:
    names = ["main", *draw_(st.lists(st.sampled_from(["one", "two", "three"]), unique=True))]
    options = st.one_of(
        st.sampled_from(names).map(lambda name: {"label": label("x"), "menu": name}),
        st.just({"label": label("x"), "queue": "service"}),
        st.just({"label": label("x"), "language": "en"}),
    )
    keys = st.sampled_from("123456789")
    return business({name: draw_(st.dictionaries(keys, options, min_size=1, max_size=4)) for name in names})


@given(menus())
def test_any_tree_of_menus_has_an_end_and_a_drawing_without_overlaps(hotline: Hotline) -> None:
    branches = tree(hotline)
    drawing = draw(branches, "zh-CN")
    assert len(drawing.boxes) == len(list(walk(branches)))
    assert len({(box.x, box.y) for box in drawing.boxes}) == len(drawing.boxes)
    assert all(0 <= box.x < drawing.width and 0 <= box.y < drawing.height for box in drawing.boxes)
    assert all(way.keys.isdigit() for way in paths(hotline))
