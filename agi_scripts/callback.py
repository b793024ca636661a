"""A callback that keeps the place in line (S10): on which number, read back and confirmed, then a kind goodbye."""

from ivr.callbacks.numbers import callable_number
from ivr.speech.numbers import say_digits
from ivr.telephony.call import Call
from ivr.telephony.flow import run_as_agi_script

ASKED = 2
"""So often a question is put to somebody who says nothing, or types a number that cannot be called."""


def run(call: Call) -> None:
    """A callback by itself; the waiting and the hotline's flow offer it as a choice."""
    queue = call.hotline.default_queue
    if not offer_callback(call, queue):
        call.enqueue(queue, "")


def offer_callback(call: Call, queue: str, matter: str = "") -> bool:
    """Note a callback and let the caller go; False: they keep waiting, and nothing has been decided.

    Somebody who is not in line yet (nobody is there) and confirms no number is let go politely.
    """
    joined, rank = call.place_in_line()
    number = confirmed_number(call, waiting=joined is not None)
    if number is not None:
        call.request_callback(number, queue, matter, joined, rank)
        call.play("callback_confirmed")
        call.hang_up("callback_bye", outcome="callback")
        return True
    if joined is not None:
        call.play("callback_keep_waiting")
        return False
    call.hang_up("thanks_bye", outcome="closed")
    return True


def confirmed_number(call: Call, *, waiting: bool) -> str | None:
    """The number the caller has heard read back and confirmed with 1; None: they would rather wait, or are silent."""
    number = callable_number(call.caller, own_numbers(call)) or new_number(call, "callback_enter_number")
    silent = 0
    while number is not None and silent < ASKED:
        choices = "callback_confirm" if waiting else "callback_confirm_closed"
        match call.ask("callback_offer_number", *say_digits(number, call.language), choices, seconds=5.0):
            case "1":
                return number
            case "2":
                number = new_number(call, "callback_enter_number")
            case "0" if waiting:
                return None
            case "*":
                continue
            case _:
                silent += 1
    return None


def new_number(call: Call, prompt: str) -> str | None:
    """A number that the caller types and that can be called."""
    for _ in range(ASKED):
        number = callable_number(call.ask_digits(prompt), own_numbers(call))
        if number is not None:
            return number
        prompt = "callback_number_again"
    return None


def own_numbers(call: Call) -> set[str]:
    return {call.hotline.hotline.number}


if __name__ == "__main__":
    run_as_agi_script(run)
