"""An agent's own keys at the phone: log in and out, pause with a reason, ready again, end the wrap-up (S11, S14)."""

from ivr.telephony.call import Call
from ivr.telephony.desk_phone import DeskPhone
from ivr.telephony.flow import run_as_agi_script

TRIES = 3


def run(call: Call) -> None:
    phone = DeskPhone(call)
    if phone.wants == "log_in":
        log_in(call, phone)
    elif not phone.on_duty:
        phone.done("desk_not_logged_in")
    elif phone.wants == "log_out":
        phone.log_out()
        phone.done("desk_logged_out")
    elif phone.wants == "pause":
        phone.pause(phone.reason or ask_reason(call))
        phone.done("desk_paused")
    elif phone.wants == "ready":
        phone.ready()
        phone.done("desk_ready")
    elif phone.wants == "end_wrap_up":
        phone.end_wrap_up()
        phone.done("desk_wrap_up_over")


def log_in(call: Call, phone: DeskPhone) -> None:
    """With the PIN, at the own desk or another; whoever sat there is logged out."""
    said = "desk_pin"
    for _ in range(TRIES):
        if phone.may_enter(call.ask_digits(said, most=6)):
            phone.log_in()
            phone.done("desk_logged_in")
            return
        said = "desk_pin_again"
    phone.done("desk_pin_wrong")


def ask_reason(call: Call) -> str:
    """The key of a reason; the first one when the agent says nothing, so that a pause is a pause."""
    reasons = sorted(call.hotline.pause_reasons)
    named = [prompt for key in reasons for prompt in (f"digit_{key}", f"pause_{key}")]
    key = call.ask("desk_pause_reason", *named) if reasons else None
    return key if key in reasons else next(iter(reasons), "1")


if __name__ == "__main__":
    run_as_agi_script(run)
