"""The choice of a caller in line: wait on with the place kept, be called back, or leave a message (S7, S10, S12)."""

from agi_scripts.callback import offer_callback
from agi_scripts.message import leave_message
from ivr.telephony.call import Call
from ivr.telephony.flow import run_as_agi_script
from ivr.telephony.line import Line, line_offers

WAIT, CALLBACK, MESSAGE = "1", "2", "3"
PAUSE = 5.0
"""Seconds for a key; silence is waiting on."""


def run(call: Call) -> None:
    line = call.line()
    if line.queue not in call.hotline.queues:
        return
    chosen = ask_choice(call, line)
    if chosen == "gone":
        call.hang_up("queue_timeout", outcome="timed_out")
    elif chosen == "message" and leave_message(call, line.queue):
        call.hang_up("message_thanks", outcome="message")
    elif chosen == "callback":
        if not offer_callback(call, line.queue, line.reason):
            call.wait_on()
    else:
        call.play("choice_kept")
        call.wait_on()


def ask_choice(call: Call, line: Line) -> str:
    """`wait`, `callback`, `message`; `gone` when after an hour nobody answers any more."""
    offers = line_offers(call.hotline, line.queue)
    keys = {WAIT: "wait"} | {
        key: name for key, name in ((CALLBACK, "callback"), (MESSAGE, "message")) if name in offers
    }
    why = {"nobody": ["choice_nobody"], "enough": ["choice_enough"]}.get(line.why, [])
    key = call.ask(*why, *(f"choice_{name}" for name in keys.values()), seconds=PAUSE)
    if key is None and line.why == "enough":
        key = call.ask(*(f"choice_{name}" for name in keys.values()), seconds=PAUSE)
        if key is None:
            return "gone"
    chosen = keys.get(key or "", "wait")
    call.journal("wait.choice", choice=chosen)
    return chosen


if __name__ == "__main__":
    run_as_agi_script(run)
