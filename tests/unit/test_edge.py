"""The online voice against a stand-in that speaks its protocol: what it says, and how it fails."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import edge_tts.communicate
import numpy as np
import pytest

from ivr.hotline import Hotline, Voice, load_hotline
from ivr.settings import ROOT, StatePaths
from ivr.speech.build import BuildReport, build
from ivr.speech.edge import Edge
from ivr.speech.engines import Audio, Engine, EngineUnavailable
from ivr.speech.prompts import PromptStore
from tests.edge_standin import Behaviour, EdgeStandIn, edge_standin

VOICE = Voice(edge="zh-CN-XiaoxiaoNeural", rate="-5%", espeak="cmn-latn-pinyin")
NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


class Murmur:
    """An offline engine that needs no program: a short hum per character."""

    name = "espeak-ng"
    online = False

    def __init__(self) -> None:
        self.spoken: list[str] = []

    def identity(self, lang: str, voice: Voice) -> str:
        return f"{self.name} murmur"

    def speak(self, text: str, lang: str, voice: Voice) -> Audio:
        self.spoken.append(text)
        time = np.arange(int(22050 * (0.3 + 0.1 * len(text)))) / 22050
        return Audio((0.2 * np.sin(2 * np.pi * 300 * time)).astype(np.float32), 22050)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[EdgeStandIn]:
    with edge_standin() as standin:
        monkeypatch.setattr(edge_tts.communicate, "WSS_URL", standin.url)
        yield standin


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    folder.mkdir()
    write_texts(folder, "您好，欢迎致电{company}。")
    return folder


def write_texts(folder: Path, greeting: str) -> None:
    lines = [f"prompts:\n  greeting: {greeting}"] + [f"  more_{n}: 第{n}句话。" for n in range(8)]
    (folder / "zh-CN.yaml").write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture
def hotline() -> Hotline:
    whole = load_hotline(ROOT / "hotline.yaml")
    number = whole.hotline.model_copy(update={"languages": ["zh-CN"]})
    # Each queue would add a prompt with its name, each survey its questions.
    return whole.model_copy(update={"hotline": number, "queues": {}, "surveys": {}})


class Publisher:
    """Someone who builds the prompts again and again, at the time given."""

    def __init__(self, folder: Path, hotline: Hotline, tmp_path: Path) -> None:
        self.folder, self.hotline, self.tmp_path = folder, hotline, tmp_path
        self.offline = Murmur()
        self.patience = 30.0

    @property
    def store(self) -> PromptStore:
        return PromptStore(StatePaths(self.tmp_path / "state"), self.hotline, self.folder)

    def publish(self, now: dt.datetime = NOON, offline: bool = True) -> BuildReport:
        speakers: list[Engine] = [Edge(self.patience), *([self.offline] if offline else [])]
        return build(self.store, speakers, self.tmp_path / "cache", now)

    def sound(self, name: str = "greeting") -> bytes:
        return Path(f"{self.store.file(name, 'zh-CN')}.ulaw").read_bytes()


@pytest.fixture
def publisher(folder: Path, hotline: Hotline, tmp_path: Path) -> Publisher:
    return Publisher(folder, hotline, tmp_path)


def test_text_voice_and_rate_reach_the_service_and_sound_comes_back(service: EdgeStandIn) -> None:
    audio = Edge().speak("您好 & 再见 <br>", "zh-CN", VOICE)
    assert service.asked == ["您好 & 再见 <br>"]
    assert "zh-CN, XiaoxiaoNeural" in service.voices[0]
    assert service.voices[0].endswith("-5%")
    assert audio.rate == 24000
    assert np.abs(audio.samples).max() > 0.05
    assert audio.seconds > 1


FAULTS: list[tuple[Behaviour, str]] = [
    ("refuses", "403"),
    ("stays_silent", "no sound within"),
    ("has_no_audio", "without any sound"),
    ("breaks_off", "edge-tts"),
    ("sends_garbage", "edge-tts sent"),
]


def patience(behaviour: Behaviour) -> float:
    """Seconds to wait for the first sound: few where none will come, many on a busy machine."""
    return 0.5 if behaviour == "stays_silent" else 30.0


@pytest.mark.parametrize(("behaviour", "words"), FAULTS)
def test_every_fault_is_one_clear_error_with_a_remedy(service: EdgeStandIn, behaviour: Behaviour, words: str) -> None:
    service.behaviour = behaviour
    with pytest.raises(EngineUnavailable, match=words) as caught:
        Edge(patience(behaviour)).speak("您好", "zh-CN", VOICE)
    assert caught.value.remedy


def test_machine_without_network_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_tts.communicate, "WSS_URL", "ws://127.0.0.1:1/edge/v1?TrustedClientToken=x")
    with pytest.raises(EngineUnavailable, match="cannot be reached"):
        Edge().speak("您好", "zh-CN", VOICE)


def test_voice_that_is_no_voice_is_named(service: EdgeStandIn) -> None:
    with pytest.raises(EngineUnavailable, match="nobody"):
        Edge().speak("您好", "zh-CN", VOICE.model_copy(update={"edge": "nobody"}))
    assert service.connections == 0


def test_when_the_service_answers_it_speaks_everything_and_nothing_twice(
    service: EdgeStandIn, publisher: Publisher
) -> None:
    first = publisher.publish()
    assert first.engines == {"edge-tts": 9}
    assert publisher.offline.spoken == []
    again = publisher.publish()
    assert again.count("kept") == 9
    assert len(service.asked) == 9


def test_cached_sound_serves_a_second_instance_without_the_service(service: EdgeStandIn, publisher: Publisher) -> None:
    publisher.publish()
    before = publisher.sound()
    for file in (publisher.tmp_path / "state" / "prompts").rglob("*.*"):
        file.unlink()
    service.behaviour = "refuses"
    assert publisher.publish().engines == {"edge-tts": 9}
    assert publisher.sound() == before


@pytest.mark.parametrize("behaviour", [fault for fault, _ in FAULTS])
def test_when_the_service_fails_once_nobody_waits_again_and_the_offline_voice_speaks(
    service: EdgeStandIn, publisher: Publisher, behaviour: Behaviour
) -> None:
    service.behaviour, publisher.patience = behaviour, patience(behaviour)
    report = publisher.publish()
    assert report.ok
    assert report.engines == {"espeak-ng": 9}
    assert "edge-tts" in report.unavailable["edge-tts"]
    # The library itself asks once more after a 403, with its clock corrected by the answer's date.
    assert service.connections == (2 if behaviour == "refuses" else 1)


def test_failed_service_is_left_alone_for_a_while_then_takes_over(service: EdgeStandIn, publisher: Publisher) -> None:
    service.behaviour = "has_no_audio"
    publisher.publish(NOON)
    service.behaviour = "speaks"
    assert publisher.publish(NOON + dt.timedelta(minutes=5)).engines == {"espeak-ng": 9}
    assert service.connections == 1
    later = publisher.publish(NOON + dt.timedelta(minutes=20))
    assert later.engines == {"edge-tts": 9}
    assert later.unavailable == {}


@pytest.mark.parametrize("behaviour", [fault for fault, _ in FAULTS])
def test_last_good_file_stays_when_the_only_engine_fails(
    service: EdgeStandIn, publisher: Publisher, folder: Path, behaviour: Behaviour
) -> None:
    publisher.publish(offline=False)
    good = publisher.sound()
    write_texts(folder, "新的问候，来自{company}。")
    service.behaviour, publisher.patience = behaviour, patience(behaviour)
    report = publisher.publish(offline=False)
    greeting = next(made for made in report.prompts if made.key == "zh-CN/greeting")
    assert greeting.result == "kept_old"
    assert greeting.warnings
    assert publisher.sound() == good


def test_new_words_are_spoken_offline_while_unchanged_prompts_keep_the_better_voice(
    service: EdgeStandIn, publisher: Publisher, folder: Path
) -> None:
    publisher.publish()
    write_texts(folder, "新的问候，来自{company}。")
    service.behaviour = "breaks_off"
    report = publisher.publish()
    assert report.engines == {"edge-tts": 8, "espeak-ng": 1}
    assert publisher.offline.spoken == ["新的问候，来自安行汽车售后服务中心。"]


def test_new_voice_that_cannot_be_reached_leaves_the_old_voice_in_place(
    service: EdgeStandIn, publisher: Publisher
) -> None:
    publisher.publish()
    before = publisher.sound()
    voices = {"zh-CN": publisher.hotline.voices["zh-CN"].model_copy(update={"edge": "zh-CN-YunxiNeural"})}
    publisher.hotline = publisher.hotline.model_copy(update={"voices": voices})
    service.behaviour = "refuses"
    report = publisher.publish()
    assert report.count("kept_old") == 9
    assert publisher.sound() == before
    assert publisher.offline.spoken == []


def test_service_that_dies_in_the_middle_of_a_build_leaves_no_prompt_without_sound(
    service: EdgeStandIn, publisher: Publisher
) -> None:
    service.speaks_before_failing = 3
    service.behaviour = "refuses"
    report = publisher.publish()
    assert report.ok
    assert report.engines == {"edge-tts": 3, "espeak-ng": 6}
    assert publisher.store.missing() == []
