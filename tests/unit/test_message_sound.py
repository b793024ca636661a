"""Whether a message can be understood (S4, S12)."""

from pathlib import Path

import numpy as np
import pytest

from ivr.calls.message_sound import Verdict, judge_message, verdict

RATE = 8000
HEADER = bytes(44)


def tone(seconds: float, level: float = 0.2) -> bytes:
    """1 kHz; `level` of full scale."""
    time = np.arange(int(seconds * RATE)) / RATE
    samples: bytes = (np.sin(2 * np.pi * 1000 * time) * level * 32767).astype("<i2").tobytes()
    return samples


@pytest.mark.parametrize(
    ("said", "judged"),
    [
        (b"", "short"),
        (tone(1.9), "short"),
        (tone(2.0), "good"),
        (bytes(6 * 2 * RATE), "quiet"),
        (tone(6.0, level=0.01), "quiet"),
        (tone(0.3) + bytes(6 * 2 * RATE), "quiet"),
        (bytes(3 * 2 * RATE) + tone(0.5), "good"),
        (tone(3.0) + b"\0", "good"),
    ],
    ids=[
        "nothing",
        "put down at once",
        "a short word",
        "silence",
        "a murmur",
        "a click",
        "after a pause",
        "torn sample",
    ],
)
def test_a_message_will_do_when_it_is_long_enough_and_can_be_heard(said: bytes, judged: Verdict) -> None:
    assert verdict(said, 2.0) == judged


def test_a_message_that_was_never_written_is_too_short(tmp_path: Path) -> None:
    spoken = judge_message(tmp_path, "x-message.wav", 2.0, gone=False)

    assert (spoken.seconds, spoken.verdict, spoken.gone) == (0.0, "short", False)


def test_the_message_of_a_caller_who_hung_up_is_judged_when_asterisk_has_written_all_of_it(tmp_path: Path) -> None:
    file = tmp_path / "x-message.wav"
    bits = iter([HEADER + tone(1.0), tone(1.0), tone(1.0)])

    def asterisk_writes(_: float) -> None:
        with file.open("ab") as out:
            out.write(next(bits, b""))

    spoken = judge_message(tmp_path, "x-message.wav", 2.0, gone=True, wait=asterisk_writes)

    assert (spoken.seconds, spoken.verdict, spoken.gone) == (3.0, "good", True)


def test_a_file_that_never_stops_growing_is_not_waited_for_without_end(tmp_path: Path) -> None:
    file = tmp_path / "x-message.wav"
    waited: list[float] = []

    def more(seconds: float) -> None:
        waited.append(seconds)
        with file.open("ab") as out:
            out.write(tone(1.0))

    judge_message(tmp_path, "x-message.wav", 2.0, gone=True, wait=more)

    assert sum(waited) < 4
