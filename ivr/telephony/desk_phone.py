"""The call an agent makes to the desk's own keys (*50 … *54): who sits there, and what is to be done."""

from typing import Literal, cast

from ivr.telephony.call import Call

Wish = Literal["log_in", "log_out", "pause", "ready", "end_wrap_up"]

_ASKED = "${CODE},${IVR_DESK},${AGENT},${ON_DUTY},${AS},${REASON}"


class DeskPhone:
    """What the dialplan knows of the phone ([desk-codes]), and the dialplan's own subroutines that carry a wish out.

    They change Asterisk's queues, so that duty outlives every process (ivr/telephony/duty.py). Every method raises
    CallerHungUp when the agent has put the phone down.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        fields = [*call.read(_ASKED).split(","), *[""] * 6]
        code, self.desk, self.agent, on_duty, other, reason = fields[:6]
        self.wants = cast(Wish, code)
        self.on_duty = on_duty == "yes"
        """Whether somebody is logged in at this desk: `agent`."""
        self.entering = other or self.desk
        """Who wants to log in here."""
        self.reason = reason if reason in call.hotline.pause_reasons else ""

    def may_enter(self, pin: str) -> bool:
        return self.entering in self._call.hotline.agents and self._call.knows_pin(self.entering, pin)

    def log_in(self) -> None:
        if self.on_duty and self.agent != self.entering:
            self._call.journal("agent.logged_out", agent=self.agent)
        self._call.do("duty-log_in", self.entering, self.desk)
        self._call.journal("agent.logged_in", agent=self.entering, desk=self.desk)

    def log_out(self) -> None:
        self._call.do("duty-log_out", self.agent)
        self._call.journal("agent.logged_out", agent=self.agent)

    def pause(self, reason: str) -> None:
        self._call.do("duty-pause", self.agent, self.desk, reason)
        self._call.journal("agent.paused", agent=self.agent, reason=reason)

    def ready(self) -> None:
        self._call.do("duty-ready", self.agent, self.desk)
        self._call.journal("agent.unpaused", agent=self.agent)

    def end_wrap_up(self) -> None:
        self._call.do("duty-end_wrap_up", self.agent, self.desk)
        self._call.journal("wrap_up.ended", agent=self.agent)

    def done(self, prompt: str) -> None:
        """Say what was done; the flow ends after it."""
        self._call.bye(prompt)
