"""The customers of the demonstration: twelve kinds, known by the end of their number; what each does when we ring,
and what must come of it.

The last digit decides, and for 0 and 6 whether the digit before it is even.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

PICKED_UP = "picked up"
"""The cue of one whose phone rang and who has answered; other cues are events of the journal, and questions by id."""
TALKS = "BRIDGE_ENTER"
"""The cue of one whom an agent speaks with."""

LATER = "planned in 1 h"
"""The state of a contact whose customer has chosen that."""

AREA = "138000000"
"""All numbers but their last two digits."""
MOST_OF_A_KIND = 5
"""So many customers of a kind the hundred numbers hold at least."""

COMPLAINTS = ("等了两个小时还没有人理我", "修了三次还是漏油", "我对服务态度非常不满意")
"""What is said in a comment; the demonstration model knows these words."""


@dataclass(frozen=True)
class Act:
    """What a customer does, `after` so many seconds or as soon as what is being said has been heard out (`listens`):
    says something like 喂 for `hum` seconds, or what is wrong in words (`complains`) and then #, presses keys, puts the
    phone down."""

    after: float = 0.6
    listens: bool = False
    hum: float = 0.0
    complains: bool = False
    keys: str = ""
    hangs_up: bool = False


Script = Mapping[str, Sequence[Act]]
"""What a customer does in one call: after each cue, these acts one after the other."""


@dataclass(frozen=True)
class Outcome:
    """What came of a customer: how often the phone rang, as the customer's side saw it; how each attempt ended; the
    contact's state; the answers; who spoke with them; the kind of case; whether they are on the do-not-call list."""

    rings: int
    attempts: tuple[str, ...]
    state: str
    answers: tuple[tuple[str, str], ...] = ()
    agent: str = ""
    case: str = ""
    do_not_call: bool = False


@dataclass(frozen=True, eq=False)
class Character:
    """A kind of customer: `digit` and `even` say whose number it is, `calls` what is done in the first call, the second
    …, the last also in every further one."""

    name: str
    digit: str
    expected: Outcome
    calls: Sequence[Script] = ()
    even: bool | None = None

    @property
    def numbers(self) -> str:
        """Which numbers, in words."""
        before = {None: "", True: ", even before it", False: ", odd before it"}[self.even]
        return f"…{self.digit}{before}"

    def has(self, number: str) -> bool:
        """Whether a customer with this number is of this kind."""
        return number[-1] == self.digit and (self.even is None or (int(number[-2]) % 2 == 0) == self.even)

    def script(self, call: int) -> Script:
        """What is done in the so-manieth call."""
        return self.calls[min(call, len(self.calls)) - 1] if self.calls else {}


@dataclass(frozen=True)
class Cast:
    """Who takes part: number → kind, in the order in which their visits ended."""

    members: Mapping[str, Character] = field(default_factory=dict)

    @classmethod
    def of(cls, each: int) -> "Cast":
        """`each` customers of every kind, mixed."""
        numbers = [f"{AREA}{tail:02}" for tail in range(100)]
        chosen = {one: list(islice((n for n in numbers if one.has(n)), each)) for one in CHARACTERS}
        rounds = [(numbers[turn], one) for turn in range(each) for one, numbers in chosen.items()]
        return cls(dict(rounds))


def _presses(key: str, *, listens: bool = False) -> Sequence[Act]:
    return (Act(keys=key, listens=listens),)


_HELLO: Script = {PICKED_UP: (Act(hum=0.4, after=0.3),)}
_AT_HOME: Script = {**_HELLO, "survey.heard": _presses("1")}
_AGREES: Script = {**_AT_HOME, "survey.confirmed": _presses("1")}
_PATIENT: Script = {
    **_HELLO,
    "survey.heard": _presses("1", listens=True),
    "survey.confirmed": _presses("1", listens=True),
}

_GOOD = (("overall", "5"), ("solved", "1"), ("recommend", "5"))
_BAD = (("overall", "1"), ("solved", "2"), ("reason", "spoken"), ("recommend", "1"))
_MIXED = (("overall", "4"), ("solved", "1"), ("recommend", "4"))

CHARACTERS = (
    Character(
        "answers every question",
        "0",
        Outcome(1, ("completed",), "completed", _GOOD),
        [{**_PATIENT, **{question: _presses(key, listens=True) for question, key in _GOOD}}],
        even=True,
    ),
    Character(
        "answers badly, and says why",
        "1",
        Outcome(1, ("completed",), "completed", _BAD, case="survey_low"),
        [
            {
                **_AGREES,
                "overall": _presses("1"),
                "solved": _presses("2"),
                "reason": (Act(complains=True, listens=True),),
                "recommend": _presses("1"),
            }
        ],
    ),
    Character("is busy", "2", Outcome(2, ("busy", "busy"), "gave_up")),
    Character("does not answer", "3", Outcome(2, ("no_answer", "no_answer"), "gave_up")),
    Character("rejects the call", "4", Outcome(2, ("rejected", "rejected"), "gave_up")),
    Character(
        "a machine takes messages",
        "5",
        Outcome(2, ("machine", "machine"), "gave_up"),
        [{PICKED_UP: (Act(hum=7.0),)}],
    ),
    Character(
        "a phone menu talks on",
        "6",
        Outcome(2, ("phone_menu", "phone_menu"), "gave_up"),
        [{PICKED_UP: (Act(hum=60.0),)}],
        even=True,
    ),
    Character(
        "hangs up mid-way, then goes on",
        "6",
        Outcome(2, ("broken_off", "completed"), "completed", _MIXED),
        [
            {**_AGREES, "overall": _presses("4"), "solved": (Act(hangs_up=True),)},
            {**_AT_HOME, "solved": _presses("1"), "recommend": _presses("4")},
        ],
        even=False,
    ),
    Character(
        "later: in an hour",
        "7",
        Outcome(1, ("later",), LATER),
        [{**_AT_HOME, "survey.confirmed": _presses("21")}],
    ),
    Character(
        "wrong person", "8", Outcome(1, ("wrong_person",), "wrong_person"), [{**_HELLO, "survey.heard": _presses("2")}]
    ),
    Character(
        "presses 9: never again",
        "9",
        Outcome(1, ("do_not_call",), "do_not_call", do_not_call=True),
        [{**_AT_HOME, "survey.confirmed": _presses("9")}],
    ),
    Character(
        "wants a person",
        "0",
        Outcome(1, ("person",), "person", agent="1001"),
        [{**_AGREES, "overall": _presses("0"), TALKS: (Act(hum=1.5), Act(after=3.0, hangs_up=True))}],
        even=False,
    ),
)
