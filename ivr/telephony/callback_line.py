"""The dialler's view of the line (`ivr.callbacks.line.Line`), carried out by Asterisk."""

from ivr.callbacks.attempts import attempt_call_id, read_call_id
from ivr.callbacks.dialler import Dialler
from ivr.callbacks.line import Place
from ivr.calls.journal import Journal
from ivr.hotline import HotlineInForce
from ivr.settings import Settings
from ivr.store.session import open_store
from ivr.telephony import runtime
from ivr.telephony.agi import plain
from ivr.telephony.asterisk_control import AsteriskControl
from ivr.telephony.control import Call, Control

PLACE_SECONDS = 86_400
"""Asterisk gives a place up after a day; the dialler then takes it anew."""
HALF = "-place"
"""The second half of the placeholder bears its call's id with this behind it (dialplan/callback.j2)."""


class AsteriskLine:
    """Places are Local channels: `Control.originate` makes them, Asterisk's own list shows them."""

    def __init__(self, settings: Settings, control: Control) -> None:
        self._settings = settings
        self._control = control

    def take(self, place: Place) -> None:
        call_id = attempt_call_id(place.callback_id, place.attempt)
        self._control.originate(
            Call(
                channel="Local/s@callback-place/n",
                context="callback-customer",
                exten="s",
                timeout_seconds=PLACE_SECONDS,
                channel_id=call_id,
                other_channel_id=f"{call_id}{HALF}",
                variables={
                    "CALLBACK": place.callback_id,
                    "ATTEMPT": str(place.attempt),
                    "CALLBACK_NUMBER": place.number,
                    "CALLBACK_LANGUAGE": place.language,
                    "QUEUE": place.queue,
                    "JOINED": str(int(place.joined_at.timestamp())),
                    "IVR_CLASS": str(place.priority),
                    "IVR_REASON": plain(place.matter)[:60],
                    "IVR_CUSTOMER": plain(place.customer)[:40],
                    "IVR_SURNAME": place.surname,
                },
            )
        )

    def standing(self) -> set[str]:
        return {call_id for call_id, _ in self._channels()}

    def withdraw(self, call_id: str) -> None:
        for known, channel in self._channels():
            if known == call_id:
                self._ask(f"channel request hangup {channel}")

    def _channels(self) -> list[tuple[str, str]]:
        """(call id, name) of the first half of every placeholder."""
        # The last column is the unique id, the first the name; see action_coreshowchannels' CLI twin in main/cli.c.
        lines = (line.split("!") for line in self._ask("core show channels concise").splitlines())
        return [(fields[-1], fields[0]) for fields in lines if len(fields) > 10 and read_call_id(fields[-1])]

    def _ask(self, command: str) -> str:
        return runtime.rx(self._settings.paths.asterisk_conf, command, runtime_dir=self._settings.runtime_dir)


def open_dialler(settings: Settings) -> Dialler:
    """The instance's dialler, for its one scheduler."""
    line = AsteriskLine(settings, AsteriskControl(settings))
    journal = Journal(settings.paths.journal / "flow.jsonl")
    return Dialler(settings.paths, open_store(settings.store_url), line, HotlineInForce(settings), journal)
