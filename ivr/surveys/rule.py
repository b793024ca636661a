"""Who is rung now and who is not, as a pure function that says why (S10, S22, S26)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ivr.callbacks.caps import Caps
from ivr.hotline.surveys import Retries
from ivr.store.surveys import AttemptResult
from ivr.surveys.policy import PARTS, Part, Windows

Step = Literal["dial", "wait", "give_up", "expire"]
Barred = Literal["do_not_call", "blocked", "no_consent", "withdrawn", "number_unusable"]
InUse = Literal["calling_us", "being_rung"]
Reason = Literal[
    # why now
    "due",
    "another_try",
    "agreed_time",  # the customer chose it
    "goes_on",  # the last call broke off (S10)
    # why not yet
    "not_due",
    "agreed_later",  # the customer chose a later time
    "time_said",  # … in their own words, which nobody has understood yet
    "pause_busy",
    "pause_no_answer",
    "pause_rejected",
    "pause_machine",
    "pause_phone_menu",
    "pause_no_human",
    "pause_broken_off",
    "pause_unknown",
    "pause_our_fault",  # the carrier, or our own line
    "other_part_of_day",
    "rung_lately",  # for something else
    "asked_lately",  # by any survey, within again_days
    "outside_hours",
    "closed_day",  # a holiday, or an own day
    "never_open",  # no hour is allowed before it is too late
    "per_day",
    "per_5min",
    "calling_us",
    "being_rung",
    # of all contacts of a campaign, or of all campaigns (ivr.surveys.facts.why)
    "not_started",
    "paused",
    "stopped",
    "no_trunk",
    "survey_gone",  # from the business file
    # why not any more
    "attempts_used",
    "too_late",
    "do_not_call",
    "blocked",
    "no_consent",
    "withdrawn",
    "number_unusable",
    "over",
]
"""Text keys, as contact.reason.<reason>."""

OUR_FAULT: frozenset[AttemptResult] = frozenset({"failed", "lost", "refused"})
"""Not the customer's choice, and no attempt of theirs; what was dialled counts for the caps alone."""
OVER: frozenset[AttemptResult] = frozenset({"completed", "person", "declined", "do_not_call", "wrong_person"})
"""Nobody is rung again after these."""

LOOK_AGAIN = timedelta(seconds=30)
"""Who is on the phone just now may be free then."""
BREATHER = timedelta(hours=1)
"""Between a call for something else and this one."""
KEPT_PROMISE = timedelta(days=1)
"""How much longer than the agreed time, at least, a customer is tried who chose one."""
_UNSAID = timedelta(hours=3)
"""After a customer who wants to be called later, and did not say when."""
_SOON, _LONGEST = timedelta(minutes=1), timedelta(hours=4)
"""After what was our fault: doubled each time in a row."""

# Which of the survey's pauses follows; the reason while it lasts; whether another part of the day is tried next.
_AFTER: dict[AttemptResult, tuple[str, Reason, bool]] = {
    "busy": ("busy_minutes", "pause_busy", False),
    "no_answer": ("no_answer_minutes", "pause_no_answer", True),
    "rejected": ("rejected_minutes", "pause_rejected", False),
    "machine": ("machine_minutes", "pause_machine", True),
    "phone_menu": ("machine_minutes", "pause_phone_menu", False),
    "no_human": ("no_answer_minutes", "pause_no_human", True),
    "broken_off": ("broken_off_minutes", "pause_broken_off", False),
    "unknown": ("no_answer_minutes", "pause_unknown", True),
}


@dataclass(frozen=True)
class Decision:
    """What to do with a contact now, and why; `at`: when it is worth looking again, always later (None: never)."""

    step: Step
    reason: Reason
    at: datetime | None = None


@dataclass(frozen=True)
class Tried:
    """One attempt as the tables know it; `result` None: it goes on."""

    number: int
    claimed_at: datetime
    dialled_at: datetime | None = None
    ended_at: datetime | None = None
    result: AttemptResult | None = None

    @property
    def at(self) -> datetime:
        """When it rang, as far as anybody knows."""
        return self.dialled_at or self.claimed_at

    @property
    def over_at(self) -> datetime:
        return self.ended_at or self.at


@dataclass(frozen=True)
class Due:
    """When a contact is to be reached. `reached`: the right person was on the line once, so it has begun.
    `time_said`: the last time they chose, they said it instead of keying it."""

    due_at: datetime
    expires_at: datetime
    agreed_at: datetime | None = None
    reached: bool = False
    time_said: bool = False


@dataclass(frozen=True)
class Circumstances:
    """What counts beside the attempts. `dials`: all to the number in 24 h; `other_dial`: the last of them that was for
    something else; `asked_at`: when any survey last had this customer on the line for another visit."""

    now: datetime
    windows: Windows
    retries: Retries
    caps: Caps
    again_days: int = 0
    barred: Barred | None = None
    in_use: InUse | None = None
    dials: tuple[datetime, ...] = ()
    other_dial: datetime | None = None
    asked_at: datetime | None = None


@dataclass(frozen=True)
class _Turn:
    """From when on it is a contact's turn, and why not before; `tried`: parts of the day in vain until now."""

    at: datetime
    reason: Reason
    tried: tuple[Part, ...] = ()


def decide(contact: Due, attempts: Sequence[Tried], here: Circumstances) -> Decision:
    """The next step of a contact that is open and of which no attempt is under way."""
    if any(attempt.result is None for attempt in attempts):
        return Decision("wait", "being_rung", here.now + LOOK_AGAIN)
    if any(attempt.result in OVER for attempt in attempts):
        return Decision("wait", "over")
    if here.barred is not None:
        return Decision("give_up", here.barred)
    counted = [attempt for attempt in attempts if attempt.result not in OUR_FAULT]
    if _used_up(counted, here.retries):
        return Decision("give_up", "attempts_used")
    asked = None if contact.reached or here.asked_at is None else here.asked_at + timedelta(days=here.again_days)
    too_late = _too_late(contact)
    if here.now >= too_late:
        return Decision("expire", "asked_lately" if asked and asked > contact.due_at else "too_late")
    if contact.time_said and contact.agreed_at is None:
        return Decision("wait", "time_said", min(here.now + LOOK_AGAIN, too_late))
    turn = _turn(contact, attempts, counted, here)
    if here.other_dial is not None and here.other_dial + BREATHER > turn.at:
        turn = _Turn(here.other_dial + BREATHER, "rung_lately", turn.tried)
    if asked is not None and asked > turn.at:
        turn = _Turn(asked, "asked_lately", turn.tried)
    if turn.at > here.now:
        return Decision("wait", turn.reason, min(turn.at, too_late))
    return _within_policy(turn, too_late, here) or _now(counted, here)


def order_key(key: bool, agreed: bool, next_at: datetime, due_at: datetime) -> tuple[bool, bool, datetime, datetime]:
    """Sorts contacts whose turn it is: key customers (S22), then agreed times, then whose turn came first."""
    return not key, not agreed, next_at, due_at


def _now(counted: Sequence[Tried], here: Circumstances) -> Decision:
    if here.in_use is not None:
        return Decision("wait", here.in_use, here.now + LOOK_AGAIN)
    match counted[-1].result if counted else None:
        case None:
            return Decision("dial", "due")
        case "later":
            return Decision("dial", "agreed_time")
        case "broken_off":
            return Decision("dial", "goes_on")
        case _:
            return Decision("dial", "another_try")


def _too_late(contact: Due) -> datetime:
    """What was agreed with the customer is kept, even when the survey would be over by then."""
    if contact.agreed_at is None:
        return contact.expires_at
    return max(contact.expires_at, contact.agreed_at + KEPT_PROMISE)


def _used_up(counted: Sequence[Tried], retries: Retries) -> bool:
    """Whether no attempt is left: of all together, or of pauses after the last one's outcome."""
    if not counted:
        return False
    last = counted[-1].result
    # Once beyond the total a customer is called who was promised it.
    if len(counted) >= retries.total + (last == "later"):
        return True
    pauses = _pauses(last, retries)
    return pauses is not None and _such(counted, last) > len(pauses)


def _turn(contact: Due, attempts: Sequence[Tried], counted: Sequence[Tried], here: Circumstances) -> _Turn:
    """When the pause after the last attempt is over; one that was our fault makes no pause shorter."""
    turn = _turn_after(contact, counted, here)
    after = [one for one in attempts if not counted or one.number > counted[-1].number]
    if not after:
        return turn
    soon = after[-1].over_at + min(_LONGEST, _SOON * 2 ** min(len(after) - 1, 20))
    return _Turn(soon, "pause_our_fault", turn.tried) if soon > turn.at else turn


def _turn_after(contact: Due, counted: Sequence[Tried], here: Circumstances) -> _Turn:
    if not counted:
        return _Turn(contact.due_at, "not_due")
    last = counted[-1]
    if last.result == "later":
        return _Turn(contact.agreed_at or last.over_at + _UNSAID, "agreed_later")
    assert last.result is not None  # decide() has looked
    _, reason, elsewhen = _AFTER[last.result]
    pauses = _pauses(last.result, here.retries) or []
    at = last.over_at + timedelta(minutes=pauses[_such(counted, last.result) - 1])
    if not elsewhen:
        return _Turn(at, reason)
    missed = [one for one in counted if one.result is not None and _AFTER.get(one.result, ("", "", False))[2]]
    return _Turn(at, reason, tuple(here.windows.part_of(one.at) for one in missed))


def _pauses(result: AttemptResult | None, retries: Retries) -> list[float] | None:
    """The pauses after attempts that ended so; None where other rules hold."""
    after = _AFTER.get(result) if result else None
    return list(getattr(retries, after[0])) if after else None


def _such(counted: Sequence[Tried], result: AttemptResult | None) -> int:
    """How many attempts ended in a way that shares the pauses of this one."""
    name = _AFTER[result][0] if result in _AFTER else None
    return sum(one.result in _AFTER and _AFTER[one.result][0] == name for one in counted if one.result)


def _within_policy(turn: _Turn, too_late: datetime, here: Circumstances) -> Decision | None:
    """What caps, hours and the part of the day have to say; None: nothing against ringing now."""
    capped = here.caps.free_at(here.dials)
    if capped is not None and capped[0] > here.now:
        return Decision("wait", capped[1], min(capped[0], too_late))
    opens = here.windows.next_open(here.now, until=too_late)
    if opens is None:
        return Decision("wait", "never_open", too_late)
    elsewhen = _another_part(turn.tried, too_late, here)
    if elsewhen is not None and elsewhen > max(opens, here.now):
        return Decision("wait", "other_part_of_day", elsewhen)
    if opens > here.now:
        closed = here.windows.is_closed_day(here.now)
        return Decision("wait", "closed_day" if closed else "outside_hours", opens)
    return None


def _another_part(tried: Sequence[Part], too_late: datetime, here: Circumstances) -> datetime | None:
    """The first allowed moment in a part of the day not yet tried, else in another one than the last; None: there is
    none before it is too late, so any will do."""
    for avoided in (tried, tried[-1:]) if tried else ():
        parts = [part for part in PARTS if part not in avoided]
        opens = here.windows.next_open(here.now, until=too_late, parts=parts) if parts else None
        if opens is not None:
            return opens
    return None
