"""Phones, HMM states and transition-ids of the demonstration model.

Phones are silence and the toneless pinyin initials and finals. Every phone but silence comes in four word
positions (B, E, I, S) that share their pdfs, so Vosk can give exact word times. Initials have one HMM state, finals
two (head, tail). `-i` is three phones: i, ii (after z c s), iii (after zh ch sh r).
"""

from __future__ import annotations

from typing import NamedTuple

from pypinyin.contrib.tone_convert import to_finals, to_initials

SILENCE = "SIL"
INITIALS = "b p m f d t n l g k h j q x zh ch sh r z c s".split()  # noqa: SIM905 (a list reads worse)
FINALS = (  # noqa: SIM905
    "a o e ai ei ao ou an en ang eng er i ii iii ia ie iao iou ian in iang ing iong "
    "u ua uo uai uei uan uen uang ueng ong v ve van vn"
).split()
POSITIONS = {"B": "begin", "E": "end", "I": "internal", "S": "singleton"}
SELF_PROBABILITY = 0.5  # of every transition; the graph leaves them out (no effect found)

Pron = tuple[str, ...]
State = tuple[int, int]  # (phone id, HMM state)

_ODD_SYLLABLES = {"yo": "you", "lo": "luo", "ê": "ei"}
_NO_SYLLABLE = {"hm", "hng", "m", "n", "ng"}


class Phone(NamedTuple):
    """One line of phones.txt; `kind` is Kaldi's word_boundary.int type."""

    name: str
    base: str
    kind: str


def _pdf_numbers() -> dict[str, tuple[int, ...]]:
    pdfs: dict[str, tuple[int, ...]] = {SILENCE: (0,)}
    count = 1
    for phone, states in [(p, 1) for p in INITIALS] + [(p, 2) for p in FINALS]:
        pdfs[phone] = tuple(range(count, count + states))
        count += states
    return pdfs


PDFS = _pdf_numbers()
PDF_COUNT = sum(len(states) for states in PDFS.values())


def syllable_phones(syllable: str) -> Pron | None:
    """Phones of a toneless pinyin syllable (ü written v), None when it has none here."""
    syllable = syllable.replace("ü", "v").replace("u:", "v")
    if not syllable or syllable in _NO_SYLLABLE:
        return None
    syllable = _ODD_SYLLABLES.get(syllable, syllable)
    initial = to_initials(syllable, strict=True)
    final = to_finals(syllable, strict=True, v_to_u=False).replace("ü", "v")
    if final == "i" and initial in ("z", "c", "s"):
        final = "ii"
    elif final == "i" and initial in ("zh", "ch", "sh", "r"):
        final = "iii"
    elif final == "io":
        final = "iou"
    if final not in FINALS or (initial and initial not in INITIALS):
        return None
    return (initial, final) if initial else (final,)


def phone_table() -> list[Phone]:
    """All phones; a phone's id is its index + 1."""
    table = [Phone(SILENCE, SILENCE, "nonword")]
    for base in INITIALS + FINALS:
        table += [Phone(f"{base}_{position}", base, kind) for position, kind in POSITIONS.items()]
    return table


def phone_ids() -> dict[str, int]:
    """Name of a phone in phones.txt -> id."""
    return {phone.name: i for i, phone in enumerate(phone_table(), 1)}


def transition_ids() -> dict[State, tuple[int, int]]:
    """State -> (self-loop tid, forward tid), numbered from 1 as Kaldi numbers them (sorted by phone and state)."""
    ids: dict[State, tuple[int, int]] = {}
    tid = 1
    for phone_id, phone in enumerate(phone_table(), 1):
        for state in range(len(PDFS[phone.base])):
            ids[phone_id, state] = (tid, tid + 1)
            tid += 2
    return ids


def word_states(pron: Pron, ids: dict[str, int]) -> tuple[State, ...]:
    """HMM states of a word in order, with word-position-dependent phones."""
    states: list[State] = []
    last = len(pron) - 1
    for i, phone in enumerate(pron):
        position = "S" if last == 0 else "B" if i == 0 else "E" if i == last else "I"
        phone_id = ids[f"{phone}_{position}"]
        states += [(phone_id, state) for state in range(len(PDFS[phone]))]
    return tuple(states)
