"""The keys an agent presses during a call (features.conf), read where Asterisk reads them, and who has which number.

What `Control` presses for an agent stands in features.conf under these names:
[general] atxferabort, atxfercomplete, atxferthreeway; [featuremap] atxfer, blindxfer; [applicationmap] hold (the
same key takes the caller back). Consultations and transfers go to the context `transfer`, whose extensions are work
numbers and the queues' numbers (01, 02, … in the order of the business file; no work number begins with 0).
Supervisors' calls go to the context `supervise`, extension <mode's digit><agent>: 1 listen, 2 whisper, 3 join.
"""

import configparser
from collections.abc import Mapping
from dataclasses import dataclass

from ivr.hotline import Hotline
from ivr.settings import StatePaths
from ivr.telephony.control import CommandRefused, SuperviseMode

SUPERVISE_DIGIT: Mapping[SuperviseMode, str] = {"listen": "1", "whisper": "2", "join": "3"}


@dataclass(frozen=True)
class Features:
    """The keys of features.conf; a feature that is not there is empty."""

    hold: str
    complete: str
    cancel: str
    join: str


def read_features(paths: StatePaths) -> Features:
    """The keys in force; raises CommandRefused when features.conf cannot be read."""
    parser = configparser.ConfigParser(
        delimiters=("=",), comment_prefixes=(";",), inline_comment_prefixes=(";",), interpolation=None, strict=False
    )
    try:
        parser.read_string((paths.asterisk / "etc" / "features.conf").read_text(encoding="utf-8"))
    except (OSError, configparser.Error) as error:
        raise CommandRefused("asterisk", "features.conf cannot be read.", "run `ivr reload`") from error

    def keys(section: str, name: str) -> str:
        # Asterisk writes `name => value` as well as `name = value`.
        return parser.get(section, name, fallback="").removeprefix(">").split(",")[0].strip()

    return Features(
        hold=keys("applicationmap", "hold"),
        complete=keys("general", "atxfercomplete"),
        cancel=keys("general", "atxferabort"),
        join=keys("general", "atxferthreeway"),
    )


def queue_numbers(hotline: Hotline) -> dict[str, str]:
    """The number under which a queue is transferred to: 01, 02, … in the order of the business file."""
    return {name: f"{place:02d}" for place, name in enumerate(hotline.queues, start=1)}


def target_number(hotline: Hotline, to: str) -> str:
    """The number that is dialled for a work number or a queue's name; raises CommandRefused."""
    if to in hotline.agents:
        return to
    number = queue_numbers(hotline).get(to)
    if number is None:
        raise CommandRefused("unknown_target", f"There is no agent or queue {to!r}.", "name a work number or a queue")
    return number
