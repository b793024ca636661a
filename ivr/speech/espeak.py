"""The offline voice: espeak-ng as a child process, because its library crashes now and then."""

import re
import subprocess
from functools import lru_cache

import numpy as np

from ivr.hotline import Voice
from ivr.speech.engines import Audio, EngineUnavailable
from ivr.tools import Tool

ATTEMPTS = 3
SPELLING = 4
"""Raised when `to_pinyin` changes, so that prompts are spoken again."""
TIMEOUT = 30.0
"""Seconds one prompt may take; a whole menu takes about 0.05."""

REMEDY = "run `ivr doctor`; the voice's name stands in hotline.yaml under voices"

_HAN_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
_KEEPS_BEFORE = (*"零幺一二三四五六七八九十第按",)
_KEEPS_AFTER = (*"零幺一二三四五六七八九号月",)
_SPELT = {
    "谢谢": "xie4xie5",
    "麻烦": "ma2fan5",
    "听得": "ting1de5",
    "先生": "xian1sheng5",
    "朋友": "peng2you5",
    "重听": "chong2ting1",
}
"""Words that pypinyin's dictionary reads otherwise than people do: a light last syllable, 重 for again."""
_IONG = re.compile(r"(?:(?<=[1-5])|\b)([jqx])iong([1-5])")
_IONG_STARTS = {"j": "tS;", "q": "tS;h", "x": "S;"}
"""espeak-ng 1.52 knows yong but no jiong, qiong, xiong (熊, 穷): it takes them for English. They are told as sounds."""
_TONES = ("", "55", "35", "214", "51", "11")
"""Tone 1 to 5 as espeak-ng writes it among sounds."""
_PAUSES = {"，": ",", "、": ",", "；": ";", "：": ":", "。": ".", "？": "?", "！": "!"}


class Espeak:
    """espeak-ng (https://github.com/espeak-ng/espeak-ng); speaks anywhere, sounds like a machine."""

    name = "espeak-ng"
    online = False

    def __init__(self, tool: Tool) -> None:
        self._tool = tool

    @property
    def version(self) -> str:
        return _version(tuple(self._tool.argv("--version")), tuple(self._tool.environ().items()))

    def identity(self, lang: str, voice: Voice) -> str:
        return f"{self.name} {self.version}.{SPELLING} {voice.espeak} {voice.espeak_rate}"

    def speak(self, text: str, lang: str, voice: Voice) -> Audio:
        """The sound of `text` (22,050 Hz); raises EngineUnavailable after three crashes."""
        spoken = to_pinyin(text) if lang == "zh-CN" else text
        argv = self._tool.argv("-v", voice.espeak, "-s", str(voice.espeak_rate), "-b", "1", "--stdin", "--stdout")
        trouble = ""
        for _ in range(ATTEMPTS):
            try:
                done = subprocess.run(
                    argv,
                    input=spoken.encode(),
                    env=self._tool.environ(),
                    capture_output=True,
                    timeout=TIMEOUT,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                trouble = f"{type(error).__name__}: {error}"
                continue
            if done.returncode == 0 and len(done.stdout) > 44:
                return _read_wav(done.stdout)
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            trouble = lines[-1] if lines else f"exit code {done.returncode}"
        raise EngineUnavailable(f"espeak-ng does not speak with voice {voice.espeak}: {trouble}.", REMEDY)


def to_pinyin(text: str) -> str:
    """Han text as pinyin with tone numbers, one word a blank; what is already Latin letters stays. Where espeak-ng
    lacks a syllable, its sounds in [[ ]].

    espeak-ng reads single characters without their words (重 in 重新, 调 in 空调); pypinyin knows phrases.
    Digits are single keys or parts of a number written out: each is read on its own.
    """
    for word, spelling in _SPELT.items():
        text = text.replace(word, f" {spelling} ")
    # Pinyin keeps its tone numbers: only digits that follow no Latin letter are keys.
    text = re.sub(r"(?<![A-Za-z0-9])[0-9]+", lambda found: found[0].translate(_HAN_DIGITS), text)
    runs = re.findall(r"[A-Za-z0-9']+|[^A-Za-z0-9']+", text)
    spelt = " ".join(run if run[0].isalnum() and run[0].isascii() else _spell(run) for run in runs).strip()
    return _IONG.sub(lambda found: f" [[{_IONG_STARTS[found[1]]}j'ong{_TONES[int(found[2])]}]] ", spelt).strip()


def _spell(run: str) -> str:
    # Loading pypinyin's dictionaries takes a moment; a build with nothing new never needs them.
    from pypinyin import Style, lazy_pinyin
    from pypinyin.seg.mmseg import seg

    chars: list[str] = []
    syllables: list[str] = []
    ends: set[int] = set()
    for word in seg.cut(run):
        spelt = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True, errors=_mark)
        chars += word if len(word) == len(spelt) else [""] * len(spelt)
        syllables += spelt
        ends.add(len(syllables))
    joined = (sandhi(chars, syllables, index) + (" " if index + 1 in ends else "") for index in range(len(syllables)))
    return "".join(joined).strip()


def sandhi(chars: list[str], syllables: list[str], index: int) -> str:
    """The syllable as spoken: 不 is bu2 before a fourth tone, 一 is yi2 or yi4 before a word it counts.

    In a row of digits, after 第 and 按, and before 号 and 月, 一 keeps its first tone. Third tones are
    changed by espeak-ng itself.
    """
    following = syllables[index + 1][-1:] if index + 1 < len(syllables) else ""
    if chars[index] == "不" and following == "4":
        return "bu2"
    if chars[index] == "一" and following in ("1", "2", "3", "4"):
        before = chars[index - 1] if index else ""
        if before not in _KEEPS_BEFORE and chars[index + 1] not in _KEEPS_AFTER:
            return "yi2" if following == "4" else "yi4"
    return syllables[index]


def _mark(chars: str) -> str:
    return "".join(_PAUSES.get(char, char) for char in chars)


def _read_wav(data: bytes) -> Audio:
    """espeak-ng streams a WAV whose length fields are wrong; its header is 44 bytes, 16-bit mono."""
    if data[:4] != b"RIFF":
        raise EngineUnavailable("espeak-ng gave no WAV.", REMEDY)
    rate = int.from_bytes(data[24:28], "little")
    body = data[44 : 44 + (len(data) - 44) // 2 * 2]
    return Audio((np.frombuffer(body, "<i2") / 32768).astype(np.float32), rate)


@lru_cache
def _version(argv: tuple[str, ...], env: tuple[tuple[str, str], ...]) -> str:
    try:
        done = subprocess.run(argv, env=dict(env), capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineUnavailable(f"espeak-ng does not start: {error}.", REMEDY) from error
    found = re.search(r"\d+(\.\d+)+", done.stdout)
    if done.returncode != 0 or found is None:
        raise EngineUnavailable(f"espeak-ng does not start (exit code {done.returncode}).", REMEDY)
    return found[0]
