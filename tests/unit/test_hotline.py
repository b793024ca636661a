"""The business file: what is good is understood, what is bad is named by its line."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.hotline import HotlineFileError, Hours, load_hotline
from ivr.settings import ROOT

SAMPLE = (ROOT / "hotline.yaml").read_text(encoding="utf-8")
SHANGHAI = ZoneInfo("Asia/Shanghai")


def changed(tmp_path: Path, old: str, new: str) -> Path:
    assert old in SAMPLE
    path = tmp_path / "hotline.yaml"
    path.write_text(SAMPLE.replace(old, new, 1), encoding="utf-8")
    return path


def line_of(text: str) -> int:
    return next(n for n, line in enumerate(SAMPLE.splitlines(), 1) if text in line)


def test_the_sample_business_is_good() -> None:
    hotline = load_hotline(ROOT / "hotline.yaml")
    assert hotline.hotline.number == "4008001001"
    assert hotline.menus["main"].options["0"].queue == "service"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("default_queue: service", "default_queue: sales", "default_queue:", "allowed: service, booking"),
        ('number: "4008001001"', 'number: "1001"', "number:", "any but the work numbers"),
        ("ring_seconds: 15          #", "ring_seconds: often          #", "ring_seconds: 15", "integer"),
        ("strategy: leastrecent", "strategy: fastest", "strategy: leastrecent", "'leastrecent'"),
        (
            'agents: ["1002", "1003"]',
            'agents: ["1002", "1009"]',
            'agents: ["1002"',
            "allowed: 1001, 1002, 1003",
        ),
        ("timezone: Asia/Shanghai", "timezone: Asia/Shangai", "timezone:", "time zone"),
        ('"08:00-20:00"', '"20:00-08:00"', "mon-sun", "end must come after"),
        ("{host: 127.0.0.1,", "{host: 127.0.0.1, colour: red,", "colour", "unknown field"),
        ('"1001": {name: 王晓敏}', '"1001": {name: ""}', '"1001": {name', "at least 1"),
        ("menu_start: main", "menu_start: principal", "menu_start", "allowed: main, booking"),
        ("- id: overall", "- id: purpose", "after_service:", "allowed: another id"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, line: str, says: str
) -> None:
    path = changed(tmp_path, old, new)
    expected = line_of(line) if line in SAMPLE else line_of(old)
    with pytest.raises(HotlineFileError) as error:
        load_hotline(path)
    assert f"{path}:{expected}:" in str(error.value)
    assert says in str(error.value)


def test_a_key_written_twice_is_refused_because_yaml_would_forget_the_first(tmp_path: Path) -> None:
    path = changed(tmp_path, "default_queue: service", "default_queue: service\ndefault_queue: booking")
    with pytest.raises(HotlineFileError, match="stands here twice"):
        load_hotline(path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("exceptions: {}", "exceptions: {2026-02-30: closed}", "day"),
        ("max_seconds: 120", "max_seconds: !!int often", "invalid literal"),
        ('"3": {zh-CN: 培训', '"x": {zh-CN: 培训', r"pause_reasons\.x: allowed: text like \^\[0-9\]\$"),
        ("exceptions: {}", "exceptions: {? [2026-02-28] : closed}", "a key is one word"),
        ("exceptions: {}", "exceptions: {? {a: b} : closed}", "a key is one word"),
    ],
)
def test_a_value_that_is_no_value_is_named_by_its_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(HotlineFileError, match=says) as error:
        load_hotline(changed(tmp_path, old, new))
    assert f"hotline.yaml:{line_of(old)}: " in str(error.value)


@pytest.mark.parametrize("bad", ["客服${SHELL(id)}", "客服\\n same => n,System(id)", "客服;1"])
@pytest.mark.parametrize("label", ["客户服务", "投诉建议", "维修保养回访"])
def test_a_label_that_no_phone_can_show_is_refused_before_asterisk_sees_it(
    tmp_path: Path, label: str, bad: str
) -> None:
    path = changed(tmp_path, f"zh-CN: {label},", f'zh-CN: "{bad}",')
    with pytest.raises(HotlineFileError, match=r"label\.zh-CN: allowed: at most 60 letters") as error:
        load_hotline(path)
    assert f"hotline.yaml:{line_of(f'zh-CN: {label},')}: " in str(error.value)


@pytest.mark.parametrize("bad", ["../../tmp/x", "--help", "a b", "$(id)", "a;id", "'><audio/>", "a\\nb", "a" * 65, ""])
@pytest.mark.parametrize("voice", ["edge: zh-CN-XiaoxiaoNeural", "espeak: cmn-latn-pinyin+f2"])
def test_a_voice_is_a_name_and_neither_a_file_nor_markup_nor_an_option(tmp_path: Path, voice: str, bad: str) -> None:
    engine = voice.partition(":")[0]
    with pytest.raises(HotlineFileError) as error:
        load_hotline(changed(tmp_path, voice, f'{engine}: "{bad}"'))
    assert f"hotline.yaml:{line_of(voice)}: voices.zh-CN.{engine}: " in str(error.value)


@pytest.mark.parametrize(
    ("old", "voice"),
    [
        ("edge: zh-CN-XiaoxiaoNeural", "edge: zh-CN-liaoning-XiaobeiNeural"),
        ("espeak: cmn-latn-pinyin+f2", "espeak: cmn"),
        ("espeak: cmn-latn-pinyin+f2", "espeak: mb-cn1"),
        ("espeak: cmn-latn-pinyin+f2", "espeak: en-gb-x-rp+whisperf"),
    ],
)
def test_the_engines_own_names_of_voices_are_taken(tmp_path: Path, old: str, voice: str) -> None:
    load_hotline(changed(tmp_path, old, voice))


def test_a_file_made_to_take_forever_is_refused_at_once(tmp_path: Path) -> None:
    twice = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    for text in (
        f"a0: &a0 [x]\n{twice}",
        "a: &a [*a]\n",
        "a: &a {b: *a}\n",
        "a: " + "[" * 20_000,
        "# " + "x" * 2_000_000,
    ):
        path = tmp_path / "hotline.yaml"
        path.write_text(text + "\n" + SAMPLE, encoding="utf-8")
        with pytest.raises(HotlineFileError):
            load_hotline(path)


def test_a_survey_whose_question_would_be_said_with_other_words_is_refused(tmp_path: Path) -> None:
    """Of the survey `later` the question `agreed` would be the prompt that agrees on another time."""
    text = SAMPLE.replace("  after_service:", "  later:", 1).replace("- id: solved", "- id: agreed", 1)
    path = tmp_path / "hotline.yaml"
    path.write_text(text, encoding="utf-8")
    line = line_of("- id: solved")
    with pytest.raises(HotlineFileError, match=rf":{line}: surveys\.later\.questions\.1\.id: .*survey_later_agreed"):
        load_hotline(path)


def test_zero_must_reach_a_person(tmp_path: Path) -> None:
    path = changed(tmp_path, "人工, en: A person}, queue: service}", "人工, en: A person}, menu: booking}")
    with pytest.raises(HotlineFileError, match="S16"):
        load_hotline(path)


@pytest.mark.parametrize("text", ["", "[]", "company: [", "\t", "just words", "a: b: c"])
def test_what_is_no_business_file_at_all_gets_one_clear_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hotline.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HotlineFileError) as error:
        load_hotline(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_or_not_text_gets_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(HotlineFileError, match="IVR_HOTLINE_FILE"):
        load_hotline(tmp_path / "nowhere.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HotlineFileError, match="not UTF-8"):
        load_hotline(tmp_path / "binary.yaml")


@given(st.text(max_size=200))
def test_no_text_makes_the_loader_fail_in_another_way(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hotline.yaml"
        path.write_text(text, encoding="utf-8", errors="replace")
        with pytest.raises(HotlineFileError):
            load_hotline(path)


def test_hours_with_a_lunch_break_and_over_the_weekend() -> None:
    hours = Hours.parse({"fri-mon": "08:00-12:00, 13:00-24:00"})
    saturday = dt.datetime(2026, 11, 21, 12, 30, tzinfo=SHANGHAI)
    assert not hours.is_open(saturday)
    assert hours.is_open(saturday.replace(hour=23, minute=59))
    assert not hours.is_open(dt.datetime(2026, 11, 24, 9, 0, tzinfo=SHANGHAI))


@given(st.datetimes(timezones=st.just(SHANGHAI)))
def test_always_is_always(moment: dt.datetime) -> None:
    assert Hours.parse("always").is_open(moment)


def test_a_closed_queue_sends_its_callers_to_the_one_that_takes_over() -> None:
    hotline = load_hotline(ROOT / "hotline.yaml")
    night = dt.datetime(2026, 11, 22, 3, 0, tzinfo=SHANGHAI)
    assert hotline.open_queue("booking", night) == "service"
    assert hotline.open_queue("booking", night.replace(hour=9)) == "booking"
