"""Recordings by range, their waveforms, and the sound of prompts."""

import io
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

from ivr.settings import Settings
from ivr.store.models import Leg
from ivr.store.session import open_store
from ivr.web.media import as_wav
from ivr.web.peaks import MAX_PEAKS, read_peaks
from tests.web.conftest import SignIn
from tests.web.seed import CUT_SHORT, FULL, LOST_RECORDING, PROMPT_SECONDS, SECONDS, write_wav

AUDIO = f"/calls/{FULL}/audio/caller"


@pytest.fixture(scope="module")
def whole(web_settings: Settings) -> bytes:
    return (web_settings.paths.recordings / f"2026/11/22/{FULL}-caller.wav").read_bytes()


def test_whole_recording_comes_without_a_range(sign_in: SignIn, whole: bytes) -> None:
    answer = sign_in("qa").get(AUDIO)
    assert answer.status_code == 200 and answer.content == whole
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Type"] == "audio/wav"
    head = sign_in("qa").head(AUDIO)
    assert head.status_code == 200 and int(head.headers["Content-Length"]) == len(whole) and head.content == b""


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-50", -50, None), ("bytes=44-99999999", 44, None)],
)
def test_part_of_a_recording_comes_as_asked(
    sign_in: SignIn, whole: bytes, asked: str, start: int, end: int | None
) -> None:
    answer = sign_in("qa").get(AUDIO, headers={"Range": asked})
    part = whole[start:end]
    first = start if start >= 0 else len(whole) + start
    assert answer.status_code == 206 and answer.content == part
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(part) - 1}/{len(whole)}"
    assert int(answer.headers["Content-Length"]) == len(part)


def test_part_beyond_the_end_cannot_be_had(sign_in: SignIn, whole: bytes) -> None:
    answer = sign_in("qa").get(AUDIO, headers={"Range": f"bytes={len(whole)}-"})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=", "bytes=x-y", "seconds=1-2", "bytes=9-3", "nonsense", "bytes=0-1,," * 99])
def test_range_that_is_none_is_ignored(sign_in: SignIn, whole: bytes, asked: str) -> None:
    answer = sign_in("qa").get(AUDIO, headers={"Range": asked})
    assert answer.status_code == 200 and answer.content == whole


@rules(max_examples=40, deadline=None)
@given(st.integers(0, 400_000), st.integers(0, 400_000))
def test_any_range_gives_those_bytes_or_says_that_there_are_none(
    sign_in: SignIn, whole: bytes, first: int, last: int
) -> None:
    answer = sign_in("qa").get(AUDIO, headers={"Range": f"bytes={first}-{last}"})
    if first > last:
        assert answer.content == whole
    elif first < len(whole):
        assert answer.status_code == 206 and answer.content == whole[first : last + 1]
    else:
        assert answer.status_code == 416


def test_range_of_a_recording_that_has_changed_gives_the_whole(sign_in: SignIn, whole: bytes) -> None:
    client = sign_in("qa")
    tag = client.head(AUDIO).headers["ETag"]
    same = client.get(AUDIO, headers={"Range": "bytes=0-9", "If-Range": tag})
    other = client.get(AUDIO, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert same.status_code == 206 and len(same.content) == 10
    assert other.status_code == 200 and other.content == whole


@pytest.mark.parametrize(
    "path",
    [
        f"/calls/{FULL}/audio/both",
        f"/calls/{LOST_RECORDING}/audio/caller",
        f"/calls/{LOST_RECORDING}/peaks/caller.json",
        f"/calls/{CUT_SHORT}/peaks/agent.json",
        "/calls/nothing/audio/caller",
        "/prompts/zh-CN/nothing/audio",
        "/prompts/zh-CN/..%2F..%2Finstance/audio",
        f"/calls/{FULL}/audio/..%2F..%2Finstance.json",
    ],
)
def test_sound_that_is_not_there_is_not_found(sign_in: SignIn, path: str) -> None:
    assert sign_in("root").get(path).status_code == 404


def test_recording_outside_the_folder_is_never_sent(sign_in: SignIn, web_settings: Settings) -> None:
    store = open_store(web_settings.store_url)
    try:
        for outside in ("../instance.json", str(web_settings.paths.instance_file), "2026/../../instance.json"):
            with store.write() as session:
                leg = session.get(Leg, f"{LOST_RECORDING}-agent")
                assert leg is not None
                leg.recording = outside
            assert sign_in("root").get(f"/calls/{LOST_RECORDING}/audio/agent").status_code == 404
    finally:
        store.close()


def test_waveform_shows_where_something_is_said(sign_in: SignIn) -> None:
    found = sign_in("qa").get(f"/calls/{FULL}/peaks/caller.json").json()
    assert found["seconds"] == SECONDS
    at = len(found["peaks"]) / SECONDS
    assert max(found["peaks"][: int(8.9 * at)]) == 0
    assert max(found["peaks"][int(9 * at) : int(11 * at)]) > 20


def test_waveform_of_a_recording_cut_short_shows_what_is_there(sign_in: SignIn) -> None:
    found = sign_in("qa").get(f"/calls/{CUT_SHORT}/peaks/caller.json").json()
    assert 2.4 < found["seconds"] < 2.6 and max(found["peaks"]) > 20


def test_long_recording_needs_no_more_peaks_than_a_screen_shows(tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", 1800, [(1799.0, 1799.9)])
    found = read_peaks(tmp_path / "long.wav")
    assert len(found.peaks) <= MAX_PEAKS and found.peaks[-1] > 20 and max(found.peaks[:-2]) == 0


def test_supervisor_reads_who_spoke_a_prompt_and_hears_it(sign_in: SignIn) -> None:
    client = sign_in("boss")
    page = client.get("/prompts").text
    for expected in ("您好，欢迎致电安行汽车售后服务中心。", "espeak-ng", "1.5 秒", "-19 LUFS", "尚未合成", "demo-zh"):
        assert expected in page
    heard = client.get("/prompts/zh-CN/greeting/audio")
    with wave.open(io.BytesIO(heard.content)) as file:
        assert file.getnframes() / file.getframerate() == PROMPT_SECONDS


def test_prompts_are_found_by_their_words_and_pieces_stand_apart(sign_in: SignIn) -> None:
    client = sign_in("boss")
    sentences, pieces, every = (client.get(f"/prompts?part={part}").text for part in ("sentences", "pieces", "all"))
    assert "<code>greeting</code>" in sentences and "<code>num_5</code>" not in sentences
    assert "<code>num_5</code>" in pieces and "<code>greeting</code>" not in pieces
    assert "<code>greeting</code>" in every and "<code>num_5</code>" in every
    found = client.get("/prompts", params={"text": "欢迎致电", "part": "nonsense"}).text
    assert "<code>greeting</code>" in found and "<code>menu_main</code>" not in found
    assert "没有符合条件的提示" in client.get("/prompts", params={"text": "没有人说过这个"}).text


def test_prompt_gets_the_header_that_a_browser_needs() -> None:
    with wave.open(io.BytesIO(as_wav(b"\x01\x00" * 16000, 16000))) as file:
        assert (file.getframerate(), file.getnframes(), file.getsampwidth()) == (16000, 16000, 2)
