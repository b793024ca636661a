"""The hotline: greet, say that the call is recorded, ask one question, and take the caller to a person."""

from agi_scripts.callback import offer_callback
from agi_scripts.message import take_message
from ivr.calls.caller_book import CallerFacts
from ivr.calls.menu import MenuWalk, Step
from ivr.hotline import PERSON_KEY
from ivr.telephony.call import Call
from ivr.telephony.flow import run_as_agi_script

PAUSE = 5.0
"""Seconds a caller is waited for (S3)."""
ASKED = 2
"""So often a choice is offered."""


def run(call: Call) -> None:
    caller = call.recognise()
    opening = greeting(call)
    if caller.blocked:
        call.play("greeting")
        call.hang_up("blocked", outcome="blocked")
        return
    if goes_straight_to_a_person(call, caller):
        call.play(*opening)
        connect(call, caller, straight_queue(call, caller), "")
        return

    walk = MenuWalk(call.hotline, call.briefly if call.rang_lately else str)
    step = ask_menu(call, walk, opening)
    if step is None:
        call.hang_up("silent_bye", outcome="silent")
        return
    tell_what_was_skipped(call, opening)
    if step.message:
        take_message(call, step.message)
        return
    if step.helped:
        call.play("sorry_person")
    connect(call, caller, step.queue or call.hotline.default_queue, walk.reason)


def greeting(call: Call) -> list[str]:
    """Company, what has to be known today (S20), and that the call is recorded."""
    notice = ["notice"] if call.has_notice else []
    recording = call.briefly("recording_notice") if call.rang_lately else "recording_notice"
    return ["greeting", *notice, recording]


def tell_what_was_skipped(call: Call, opening: list[str]) -> None:
    """A key stops the greeting; the notice and the recording are told to everybody, who is in a hurry in few words."""
    _, *notice, recording = opening
    told = [] if call.heard(recording) else [call.briefly("recording_notice")]
    call.play(*(prompt for prompt in notice if not call.begun(prompt)), *told)


def goes_straight_to_a_person(call: Call, caller: CallerFacts) -> bool:
    """Elders hear no menu; nor do key customers who have somebody of their own (S22)."""
    return caller.elder or (caller.key and bool(caller.agent or call.hotline.callers.key_queue))


def straight_queue(call: Call, caller: CallerFacts) -> str:
    """Key customers' queue, else one in which the agent of their own serves (S22); everybody else's is the default."""
    default = call.hotline.default_queue
    if not caller.key:
        return default
    served = [name for name, queue in call.hotline.queues.items() if caller.agent in queue.agents]
    return call.hotline.callers.key_queue or (served[0] if served and default not in served else default)


def ask_menu(call: Call, walk: MenuWalk, opening: list[str]) -> Step | None:
    """0 is a person everywhere, * repeats, # goes back; two wrong keys or two silences lead to a person.

    None: there is nobody on the line (S3).
    """
    while True:
        call.journal("menu.entered", menu=walk.menu)
        key = call.ask(*opening, *walk.prompts, seconds=PAUSE)
        if key is None and call.seems_empty():
            key = greet_again(call)
            if key is None and call.seems_empty():
                return None
        step = walk.press(key)
        call.journal(step.event, **step.facts)
        if step.leads_out:
            return step
        opening = []
        if step.language:
            call.switch_language(step.language)
            opening = ["language_changed"]


def greet_again(call: Call) -> str | None:
    """S3: greet again, wait; say that there is no sound, wait. A key, or a sound, and the call goes on."""
    for times, prompt in enumerate(("silent_again", "silent_line"), start=1):
        call.journal("line.silent", times=times)
        key = call.ask(prompt, seconds=PAUSE)
        if key is not None or not call.seems_empty():
            return key
    return None


def connect(call: Call, caller: CallerFacts, wanted: str, reason: str) -> None:
    """To the queue that is open; key customers at any hour, as long as somebody is there (S22)."""
    queue = call.open_queue(wanted)
    if queue is None and caller.key and call.has_agents(wanted):
        queue = wanted
    if queue is None:
        offer_while_closed(call, wanted, reason)
        return
    if caller.key:
        call.play("key_customer")
    else:
        call.tell_wait(queue)
    call.enqueue(queue, reason)


def offer_while_closed(call: Call, queue: str, reason: str, said: str = "closed") -> None:
    """When somebody is there again; a message or a callback meanwhile (S12, S18)."""
    call.play(said)
    call.tell_opening(queue)
    match choose_while_closed(call, queue):
        case "message":
            take_message(call, queue)
        case "callback":
            offer_callback(call, queue, reason)
        case _:
            call.hang_up("closed_bye", outcome="closed")


def choose_while_closed(call: Call, queue: str) -> str | None:
    """1 a message, 2 a callback, as far as the queue has them; 0 is what reaches a person soonest. None: neither."""
    offered = call.hotline.queues[queue]
    keys = {"1": "message"} if offered.message else {}
    if offered.callback and call.hotline.callbacks.trunk:
        keys["2"] = "callback"
    if not keys:
        return None
    keys[PERSON_KEY] = next(iter(keys.values()))
    said = "closed_key" if len(keys) > 2 else f"closed_key_{keys[PERSON_KEY]}"
    for _ in range(ASKED):
        key = call.ask(said, seconds=PAUSE)
        if key in keys:
            return keys[key]
    return None


if __name__ == "__main__":
    run_as_agi_script(run)
