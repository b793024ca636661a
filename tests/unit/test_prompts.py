"""The texts, who speaks them, and the linter; with the real offline voice where it is unpacked."""

import datetime as dt
import re
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.hotline import Hotline, load_hotline
from ivr.hotline.survey_prompts import PURPOSE, survey_prompt
from ivr.settings import ROOT, StatePaths
from ivr.speech.audio import PIECE, SoundNotWritten, finish
from ivr.speech.build import BuildReport, build
from ivr.speech.engines import EngineUnavailable
from ivr.speech.espeak import Espeak, to_pinyin
from ivr.speech.matters import whispered
from ivr.speech.prompt_check import Finding, check, prompts_used
from ivr.speech.prompts import PromptFileError, PromptStore, list_prompts, say
from ivr.speech.surnames import surname_texts
from ivr.tools import Tool, ToolMissing, tool

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


@pytest.fixture
def espeak() -> Espeak:
    try:
        return Espeak(tool("espeak-ng"))
    except ToolMissing as missing:
        pytest.skip(f"the offline voice is absent: {missing}")


@pytest.fixture
def hotline() -> Hotline:
    return load_hotline(ROOT / "hotline.yaml")


def texts_alone(hotline: Hotline) -> Hotline:
    """Only the prompts of the text files: queues would add their names, surveys their questions."""
    return hotline.model_copy(update={"queues": {}, "surveys": {}})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "zh-CN.yaml").write_text("prompts:\n  greeting: 您好，{company}。\n", encoding="utf-8")
    (folder / "en.yaml").write_text("prompts:\n  greeting: Hello, {company}.\n", encoding="utf-8")
    return folder


@pytest.fixture
def store(paths: StatePaths, hotline: Hotline, folder: Path) -> PromptStore:
    return PromptStore(paths, texts_alone(hotline), folder)


def publish(store: PromptStore, espeak: Espeak, tmp_path: Path) -> BuildReport:
    return build(store, [espeak], tmp_path / "cache", NOON)


def errors(findings: list[Finding]) -> list[str]:
    return [f"{f.prompt}: {f.message}" for f in findings if f.level == "error"]


# --- our own texts -----------------------------------------------------------------------------------


def test_our_texts_have_every_prompt_in_both_languages_and_name_every_key(paths: StatePaths, hotline: Hotline) -> None:
    flows = [*(ROOT / "agi_scripts").glob("*.py"), ROOT / "ivr" / "telephony" / "call.py"]
    found = errors(check(PromptStore(paths, hotline), flows))
    assert [line for line in found if "has no sound" not in line] == []


def test_every_prompt_that_the_dialplan_plays_by_itself_has_a_text(paths: StatePaths, hotline: Hotline) -> None:
    store = PromptStore(paths, hotline)
    parts = sorted((ROOT / "asterisk_conf" / "dialplan").glob("*.j2"))
    dialplan = "\n".join(part.read_text(encoding="utf-8") for part in parts)
    played = set(re.findall(r"\$\{PROMPTS\}/\$\{CHANNEL\(language\)\}/([a-z_]+[a-z])\b", dialplan))
    assert {"greeting", "connecting", "sorry_person"} <= played
    played.remove("notice")  # has its words only while it is up
    assert [name for name in played for lang in hotline.languages if (lang, name) not in store.prompts] == []


def test_agent_hears_which_queue_a_caller_comes_from(paths: StatePaths, hotline: Hotline) -> None:
    assert PromptStore(paths, hotline).text("queue_service", "zh-CN") == "客户服务"
    assert PromptStore(paths, hotline).text("queue_booking", "en") == "Appointments"


def test_what_a_survey_asks_is_said_in_every_language_of_the_hotline(paths: StatePaths, hotline: Hotline) -> None:
    store = PromptStore(paths, hotline)
    for language in hotline.languages:
        for name, survey in hotline.surveys.items():
            assert store.text(survey_prompt(name, PURPOSE), language)
            assert [q.id for q in survey.questions if not store.text(survey_prompt(name, q.id), language)] == []
    assert store.text("survey_after_service_purpose", "zh-CN") == "想请您评价最近一次的维修保养服务。"
    assert store.text("survey_after_service_purpose", "en").startswith("We would like")


def test_a_text_of_the_file_goes_before_the_words_of_a_survey(
    paths: StatePaths, hotline: Hotline, folder: Path
) -> None:
    text = "prompts:\n  survey_after_service_overall: 请按1到5打分，5分最高。\n"
    (folder / "zh-CN.yaml").write_text(text, encoding="utf-8")
    store = PromptStore(paths, hotline, folder)
    assert store.text("survey_after_service_overall", "zh-CN") == "请按1到5打分，5分最高。"
    assert "the highest" in store.text("survey_after_service_overall", "en")


def test_our_texts_never_use_forbidden_words_nor_address_the_caller_without_respect(
    paths: StatePaths, hotline: Hotline
) -> None:
    forbidden = ("你", "喂", "不知道", "不清楚", "不行", "不是我", "找别人", "怎么搞", "下班了", "没有办法", "大声")
    for (lang, name), prompt in PromptStore(paths, hotline).prompts.items():
        if lang == "zh-CN":
            assert [word for word in forbidden if word in prompt.text] == [], name


def test_every_prompt_of_ours_is_made_short_enough_and_equally_loud(
    paths: StatePaths, hotline: Hotline, espeak: Espeak, tmp_path: Path
) -> None:
    store = PromptStore(paths, hotline)
    report = publish(store, espeak, tmp_path)
    assert report.ok
    assert store.missing() == []
    assert errors(check(store)) == []
    assert [f for f in check(store) if "LUFS" in f.message or "clipped" in f.message] == []
    menus = [row for row in list_prompts(store) if row.id.startswith("menu_")]
    assert all(row.seconds is not None and row.seconds <= 20 for row in menus)
    again = publish(store, espeak, tmp_path)
    assert again.count("kept") == len(again.prompts)


def test_disk_that_refuses_stops_the_build_with_one_clear_line(
    paths: StatePaths, hotline: Hotline, espeak: Espeak, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where the cache folder should be")
    with pytest.raises(SoundNotWritten, match="cannot be written"):
        publish(PromptStore(paths, hotline), espeak, tmp_path)


# --- text files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prompts: {greeting: '您好{compnay}'}", "allowed: {company}"),
        ("prompts: {greeting: '您好{'}", "greeting"),
        ("prompts: {greeting: ''}", "empty"),
        ("prompts: {greeting: 5}", "greeting: allowed: a text"),
        ("prompts: {greeting: {txt: x}}", "greeting: allowed"),
        ("prompts: {greeting: {text: x, say: y}}", "say: allowed"),
        ("prompts: {Greeting!: x}", "allowed: an id"),
        ("promts: {}", "allowed: the fields"),
        ("prompts: [", "not YAML"),
        ("- x", "allowed: the fields"),
    ],
)
def test_mistake_in_a_text_file_is_named_with_what_is_allowed(
    paths: StatePaths, hotline: Hotline, folder: Path, text: str, words: str
) -> None:
    (folder / "zh-CN.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PromptFileError, match=r"zh-CN\.yaml") as caught:
        PromptStore(paths, hotline, folder)
    assert words in str(caught.value)


def test_language_without_texts_is_named(paths: StatePaths, hotline: Hotline, folder: Path) -> None:
    (folder / "en.yaml").unlink()
    with pytest.raises(PromptFileError, match=r"en\.yaml"):
        PromptStore(paths, hotline, folder)


def test_work_number_is_announced_digit_by_digit_in_one_breath(paths: StatePaths, hotline: Hotline) -> None:
    store = PromptStore(paths, hotline)
    assert store.text("work_number_1001", "zh-CN") == "工号幺零零幺为您服务。"
    assert store.text("work_number_1001", "en") == "Work number 1 0 0 1 is here to help you."
    # No sound yet: put together from pieces.
    assert store.work_number("1001", "zh-CN")[0] == "work_number_prefix"


# --- sound -------------------------------------------------------------------------------------------


def test_manifest_says_who_spoke_what(store: PromptStore, espeak: Espeak, tmp_path: Path) -> None:
    assert store.missing() == ["zh-CN/greeting", "en/greeting"]
    publish(store, espeak, tmp_path)
    row = list_prompts(store)[0]
    assert (row.state, row.engine, row.text) == ("ready", "espeak-ng", "您好，安行汽车售后服务中心。")
    assert "cmn-latn-pinyin" in row.voice
    assert row.made_at == NOON.isoformat()
    file, text = say(store, "greeting", "en")
    assert text == "Hello, Anxing Auto Service Centre."
    assert file.stat().st_size > 16000


def test_studio_recording_replaces_the_engine_and_withdrawing_it_brings_the_engine_back(
    store: PromptStore, folder: Path, espeak: Espeak, tmp_path: Path
) -> None:
    recording = folder / "studio" / "zh-CN" / "greeting.wav"
    recording.parent.mkdir(parents=True)
    time = np.arange(44100) / 44100
    soundfile.write(recording, np.stack([np.sin(2 * np.pi * 300 * time) * 0.2] * 2, axis=1), 44100)
    assert publish(store, espeak, tmp_path).engines == {"studio": 1, "espeak-ng": 1}
    assert list_prompts(store)[0].seconds == pytest.approx(1.23, abs=0.03)
    recording.unlink()
    assert publish(store, espeak, tmp_path).engines == {"espeak-ng": 2}


def test_broken_studio_recording_is_reported_and_the_engine_speaks(
    store: PromptStore, folder: Path, espeak: Espeak, tmp_path: Path
) -> None:
    recording = folder / "studio" / "zh-CN" / "greeting.wav"
    recording.parent.mkdir(parents=True)
    recording.write_bytes(b"not a sound")
    report = publish(store, espeak, tmp_path)
    assert report.engines == {"espeak-ng": 2}
    assert any("greeting.wav" in warning for warning in report.prompts[0].warnings)


def test_changed_company_name_is_spoken_anew_and_nothing_else(
    paths: StatePaths, hotline: Hotline, folder: Path, espeak: Espeak, tmp_path: Path
) -> None:
    hotline = texts_alone(hotline)
    publish(PromptStore(paths, hotline, folder), espeak, tmp_path)
    company = hotline.company.model_copy(update={"name": {**hotline.company.name, "zh-CN": "平安汽车"}})
    renamed = PromptStore(paths, hotline.model_copy(update={"company": company}), folder)
    assert [row.state for row in list_prompts(renamed)] == ["outdated", "ready"]
    assert [made.result for made in publish(renamed, espeak, tmp_path).prompts] == ["made", "kept"]


def test_half_written_or_lost_sound_is_made_again(store: PromptStore, espeak: Espeak, tmp_path: Path) -> None:
    publish(store, espeak, tmp_path)
    Path(store.file("greeting", "en") + ".alaw").write_bytes(b"")
    assert store.missing() == ["en/greeting"]
    publish(store, espeak, tmp_path)
    assert store.missing() == []


def test_unreadable_manifest_or_cache_only_costs_time(store: PromptStore, espeak: Espeak, tmp_path: Path) -> None:
    publish(store, espeak, tmp_path)
    store.manifest_file.write_text("{ not json", encoding="utf-8")
    for cached in (tmp_path / "cache" / "prompts").iterdir():
        cached.write_bytes(b"fLaC but broken")
    assert publish(store, espeak, tmp_path).count("made") == 2


def test_english_caller_hears_the_default_language_where_english_has_no_sound(
    store: PromptStore, espeak: Espeak, tmp_path: Path
) -> None:
    publish(store, espeak, tmp_path)
    for file in (store.paths.prompts / "en").iterdir():
        file.unlink()
    assert store.file("greeting", "en").endswith("zh-CN/greeting")


def test_menu_is_spoken_by_the_voice_of_each_language(
    paths: StatePaths, hotline: Hotline, folder: Path, espeak: Espeak, tmp_path: Path
) -> None:
    text = "prompts:\n  menu_main:\n    parts:\n      - 人工服务，请按0。\n      - {en: 'For English, press 9.'}\n"
    (folder / "zh-CN.yaml").write_text(text, encoding="utf-8")
    store = PromptStore(paths, hotline, folder)
    assert [part.lang for part in store.prompts["zh-CN", "menu_main"].parts] == ["zh-CN", "en"]
    assert publish(store, espeak, tmp_path).ok
    assert store.text("menu_main", "zh-CN") == "人工服务，请按0。 For English, press 9."


# --- the offline voice -------------------------------------------------------------------------------


def program(tmp_path: Path, script: str) -> Tool:
    path = tmp_path / "espeak-ng"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Tool("espeak-ng", path)


def test_voice_that_crashes_now_and_then_is_asked_again(hotline: Hotline, espeak: Espeak, tmp_path: Path) -> None:
    real = tool("espeak-ng")
    command = " ".join(f"'{part}'" for part in real.argv())
    crash = f"[ -e {tmp_path}/crashed ] || {{ touch {tmp_path}/crashed; kill -SEGV $$; }}"
    crashing = Espeak(replace(program(tmp_path, f'{crash}\nexec {command} "$@"'), env=real.env))
    assert crashing.speak("您好", "zh-CN", hotline.voices["zh-CN"]).seconds > 0.5
    assert (tmp_path / "crashed").exists()


def test_voice_that_always_crashes_is_an_error_with_a_remedy(hotline: Hotline, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="does not speak") as caught:
        Espeak(program(tmp_path, "kill -SEGV $$")).speak("您好", "zh-CN", hotline.voices["zh-CN"])
    assert caught.value.remedy


def test_unknown_voice_is_named(hotline: Hotline, espeak: Espeak) -> None:
    voice = hotline.voices["zh-CN"].model_copy(update={"espeak": "nobody"})
    with pytest.raises(EngineUnavailable, match="nobody"):
        espeak.speak("您好", "zh-CN", voice)


@pytest.mark.parametrize(
    ("text", "pinyin"),
    [
        ("请按1，请按0。", "qing3 an4 yi1 , qing3 an4 ling2 ."),
        ("重新", "chong2xin1"),
        ("不是", "bu2shi4"),
        ("一位客户", "yi2 wei4 ke4 hu4"),
        ("第一位", "di4yi1 wei4"),
        ("二十一位", "er4shi2yi1 wei4"),
        ("谢谢", "xie4xie5"),
        ("重听请按星号键", "chong2ting1 qing3 an4 xing1hao4 jian4"),
        ("请 chong2xin1 选择", "qing3 chong2xin1 xuan3ze2"),
    ],
)
def test_han_text_becomes_the_pinyin_that_people_say(text: str, pinyin: str) -> None:
    assert to_pinyin(text).replace(" ", "") == pinyin.replace(" ", "")


# --- the linter --------------------------------------------------------------------------------------


def test_prompts_that_a_flow_plays_are_found_in_its_source() -> None:
    source = (
        "def run(call):\n    call.play('greeting', 'recording_notice')\n"
        "    key = call.ask('menu_main', seconds=4)\n    call.hang_up('thanks_bye', 'closed')\n"
        "    call.note(x='no_prompt')\n"
    )
    assert prompts_used(source) == ["greeting", "recording_notice", "menu_main", "thanks_bye"]


def test_flow_that_plays_a_prompt_nobody_wrote_is_an_error(paths: StatePaths, hotline: Hotline, tmp_path: Path) -> None:
    flow = tmp_path / "hotline.py"
    flow.write_text("def run(call):\n    call.play('greating')\n")
    found = errors(check(PromptStore(paths, hotline), [flow]))
    assert "zh-CN/greating: is used by hotline.py but has no text in zh-CN.yaml" in found


def test_menu_that_hides_the_person_is_an_error(paths: StatePaths, hotline: Hotline, folder: Path) -> None:
    text = "prompts:\n  menu_main: 预约，请按1；进度，请按2；投诉，请按3；英语，请按9。\n"
    (folder / "zh-CN.yaml").write_text(text, encoding="utf-8")
    found = check(PromptStore(paths, hotline, folder))
    assert Finding("error", "zh-CN/menu_main", "does not name key 0", "S16") in found
    assert not any(f.prompt == "zh-CN/menu_main" and "key 1" in f.message for f in found)


def test_missing_translation_is_found_in_both_directions(paths: StatePaths, hotline: Hotline, folder: Path) -> None:
    (folder / "zh-CN.yaml").write_text("prompts: {greeting: 您好, only_here: 好}", encoding="utf-8")
    (folder / "en.yaml").write_text("prompts: {greeting: Hello, only_there: Good}", encoding="utf-8")
    found = errors(check(PromptStore(paths, hotline, folder)))
    assert "en/only_here: has no text in en.yaml" in found
    assert "zh-CN/only_there: has no text in zh-CN.yaml" in found


def test_menu_longer_than_twenty_seconds_is_a_warning(
    paths: StatePaths, hotline: Hotline, folder: Path, espeak: Espeak, tmp_path: Path
) -> None:
    text = "，".join(["预约服务，请按1"] * 20)
    (folder / "zh-CN.yaml").write_text(f"prompts: {{menu_main: '{text}'}}", encoding="utf-8")
    store = PromptStore(paths, hotline, folder)
    publish(store, espeak, tmp_path)
    assert any(f.prompt == "zh-CN/menu_main" and "at most 20 s" in f.message for f in check(store))


def test_sound_cut_short_after_it_was_made_is_an_error(store: PromptStore, espeak: Espeak, tmp_path: Path) -> None:
    publish(store, espeak, tmp_path)
    file = Path(store.file("greeting", "zh-CN") + ".ulaw")
    file.write_bytes(file.read_bytes()[:4000])
    assert any("0.5 s long" in line for line in errors(check(store)))


@pytest.mark.standards("S8")
def test_s8_an_agent_hears_in_two_seconds_who_calls_and_what_about(
    hotline: Hotline, paths: StatePaths, espeak: Espeak
) -> None:
    """Whoever has a surname of one syllable; after 上官 and the like a long matter stands on the display alone."""
    texts = PromptStore(paths, hotline).prompts

    def seconds(prompt: str) -> float:
        known = texts["zh-CN", prompt]
        voice = hotline.voices["zh-CN"].brisk() if known.brisk else hotline.voices["zh-CN"]
        sound = finish(espeak.speak(known.parts[0].spoken_by(espeak.name), "zh-CN", voice), PIECE).narrow
        return len(sound.samples) / sound.rate

    longest = max(seconds(name) for name, (surname, _) in surname_texts().items() if len(surname) == 1)
    matters = {prompt: seconds(prompt) for prompt, _ in whispered(hotline)}
    assert {prompt: longest + each for prompt, each in matters.items() if longest + each > 2} == {}


def test_what_only_agents_hear_while_a_caller_waits_is_spoken_a_quarter_faster(
    paths: StatePaths, hotline: Hotline, espeak: Espeak, tmp_path: Path
) -> None:
    store = PromptStore(paths, hotline)
    known = {key: prompt for key, prompt in store.prompts.items() if prompt.id in ("queue_service", "matter_main_2")}
    lengths = {}
    for brisk in (True, False):
        store.prompts = {key: replace(prompt, brisk=brisk) for key, prompt in known.items()}
        report = publish(store, espeak, tmp_path)
        lengths[brisk] = sum(made.seconds or 0 for made in report.prompts)
    assert lengths[True] == pytest.approx(lengths[False] / 1.25, rel=0.1)
