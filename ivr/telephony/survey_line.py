"""The survey dialler's view of the carrier's line (`ivr.surveys.line.Line`), carried out by Asterisk."""

from ivr.calls.journal import Journal
from ivr.hotline import Hotline, load_hotline
from ivr.hotline.in_force import HotlineInForce
from ivr.settings import Settings
from ivr.store.session import open_store
from ivr.surveys.dialler import Dialler
from ivr.surveys.facts import Known
from ivr.surveys.ids import attempt_call_id, read_call_id
from ivr.surveys.line import Order
from ivr.surveys.surnames import SurnameKeeper
from ivr.telephony.asterisk_control import AsteriskControl, Channel
from ivr.telephony.control import Call
from ivr.telephony.survey_sheet import write_sheet

HALF = "-dial"
"""The half of the Local channel that dials bears its call's id with this behind it (dialplan/survey.j2)."""
_MARGIN_SECONDS = 10
"""Asterisk gives the Local channel up so long after the customer's phone has stopped ringing."""


class AsteriskLine:
    """Calls are Local channels until they are answered: the dialplan decides whether they may dial."""

    def __init__(self, settings: Settings, control: AsteriskControl) -> None:
        self._settings, self._control = settings, control

    def ring(self, order: Order) -> None:
        call_id = attempt_call_id(order.contact_id, order.attempt)
        self._control.originate(
            Call(
                channel="Local/s@survey-dial/n",
                context="survey-dial",
                exten="answered",
                timeout_seconds=self._hotline().outbound.ring_seconds + _MARGIN_SECONDS,
                channel_id=call_id,
                other_channel_id=f"{call_id}{HALF}",
                variables={"__SURVEY_CALL": call_id, **write_sheet(order)},
            )
        )

    def up(self) -> set[str]:
        return {channel.call for channel in self._channels()}

    def waiting_callers(self) -> int:
        return self._control.waiting_callers()

    def hang_up(self, call_id: str) -> None:
        for channel in self._channels():
            if channel.id == f"{call_id}{HALF}":
                self._control.drop(channel)

    def _channels(self) -> list[Channel]:
        return [channel for channel in self._control.channels() if read_call_id(channel.call)]

    def _hotline(self) -> Hotline:
        return load_hotline(self._settings.checked_hotline_file)


def open_survey_dialler(settings: Settings, names: SurnameKeeper) -> Dialler:
    """The instance's survey dialler, for its one scheduler; `names` says which customers can be greeted by name."""

    def surname(known: Known) -> str:
        return names.sound(known.customer.surname, known.customer.title, known.contact.language)

    return Dialler(
        settings.paths,
        open_store(settings.store_url),
        AsteriskLine(settings, AsteriskControl(settings)),
        HotlineInForce(settings),
        Journal(settings.paths.journal / "flow.jsonl"),
        surname=surname,
    )
