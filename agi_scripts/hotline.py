"""The hotline: greet, say that the call is recorded, ask one question, and take the caller to a person."""

from ivr.calls.menu import MenuWalk, Step
from ivr.telephony.call import Call
from ivr.telephony.flow import run_as_agi_script

OPENING = ["greeting", "recording_notice"]


def run(call: Call) -> None:
    walk = MenuWalk(call.hotline)
    wanted = ask_menu(call, walk)
    if not call.heard("recording_notice"):
        call.play("recording_notice")
    if wanted.helped:
        call.play("sorry_person")

    queue = call.open_queue(wanted.queue or call.hotline.default_queue)
    if queue is None:
        call.hang_up("closed", outcome="closed")
        return
    call.tell_wait(queue)
    call.enqueue(queue, walk.reason)


def ask_menu(call: Call, walk: MenuWalk) -> Step:
    """0 is a person everywhere, * repeats, # goes back; two wrong keys or two silences lead to a person."""
    opening = OPENING
    while True:
        call.journal("menu.entered", menu=walk.menu)
        key = call.ask(*opening, *walk.prompts)
        opening = []
        step = walk.press(key)
        call.journal(step.event, **step.facts)
        if step.queue:
            return step
        if step.language:
            call.switch_language(step.language)


if __name__ == "__main__":
    run_as_agi_script(run)
