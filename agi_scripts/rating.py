"""After the talk: how was it, from 1 to 5? Asked, never forced (S13, S28)."""

from ivr.telephony.call import Call
from ivr.telephony.flow import run_as_agi_script

PAUSE = 5.0


def run(call: Call) -> None:
    settings = call.hotline.rating
    score = ask_score(call) if settings.ask else None
    if score is None:
        call.bye("thanks_bye")
    else:
        call.bye("rating_low_thanks" if score <= settings.low else "rating_thanks")


def ask_score(call: Call) -> int | None:
    """A key from 1 to 5; another key is asked for once more, silence is an answer too."""
    key = call.ask("rating_ask", seconds=PAUSE)
    if key is not None and key not in "12345":
        key = call.ask("rating_again", seconds=PAUSE)
    if key is None or key not in "12345":
        call.journal("rating.skipped")
        return None
    call.journal("rating.given", score=int(key))
    return int(key)


if __name__ == "__main__":
    run_as_agi_script(run)
