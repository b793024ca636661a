"""A message: who calls and why, in the caller's own words, and the number on which they are reached (S4, S12)."""

from dataclasses import replace

from ivr.calls.message_sound import Spoken
from ivr.speech import numbers
from ivr.telephony.call import Call, CallerHungUp
from ivr.telephony.flow import run_as_agi_script

SHORT, QUIET, AGAIN = 2, 3, 5
"""So often a message may be too short, too quiet (asked again twice, S4), and recorded again."""
NUMBERS = 3
"""So often a number is asked for."""
SEND, CHANGE = "1", "2"


def run(call: Call) -> None:
    """A message asked for by the dialplan itself, for the queue the caller stands in."""
    take_message(call, call.line().queue or call.hotline.default_queue)


def take_message(call: Call, queue: str) -> None:
    """Take a message and end the call, also where none could be taken."""
    if leave_message(call, queue):
        call.hang_up("message_thanks", outcome="message")
    else:
        call.hang_up("closed_bye", outcome="closed" if call.open_queue(queue) is None else "ended_in_menu")


def leave_message(call: Call, queue: str) -> bool:
    """Take a message; False when none was spoken. One that was spoken counts, also of a caller who then hangs up."""
    if call.open_queue(queue) is not None:
        call.play("message_why")
    spoken = record(call)
    if spoken is None:
        return False
    number = call.caller
    try:
        if spoken.gone:
            raise CallerHungUp
        number = confirm_number(call)
    finally:
        call.journal("message.left", recording=spoken.recording, seconds=spoken.seconds, number=number, queue=queue)
    return True


def record(call: Call) -> Spoken | None:
    """Record until the message will do and the caller is content; None when it never does."""
    short = quiet = 0
    for _ in range(SHORT + QUIET + AGAIN):
        call.play("message_speak")
        spoken = call.record_message()
        if spoken.verdict == "good":
            if spoken.gone:
                return spoken
            try:
                if call.ask("message_confirm", seconds=5.0) != CHANGE:
                    return spoken
            except CallerHungUp:
                return replace(spoken, gone=True)
            continue
        if spoken.gone:
            call.journal("message.discarded", why="hung_up")
            raise CallerHungUp
        call.journal("message.discarded", why=spoken.verdict)
        if spoken.verdict == "short":
            short += 1
            call.play("message_short")
        else:
            quiet += 1
            call.play("bad_line" if quiet < QUIET else "message_bad_line")
        if short >= SHORT or quiet >= QUIET:
            return None
    return None


def confirm_number(call: Call) -> str:
    """The number to call, read back and confirmed (S12); silence confirms the number the caller shows."""
    number = call.caller
    for _ in range(NUMBERS):
        if number:
            said = numbers.say_digits(number, call.language)
            key = call.ask("message_number", *said, "message_number_confirm", seconds=5.0)
            if key != CHANGE:
                return number
        number = call.ask_digits("message_number_ask") or call.caller
    return number


if __name__ == "__main__":
    run_as_agi_script(run)
