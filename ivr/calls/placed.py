"""Calls that we place: callbacks (S10), surveys (S26), return calls on cases (S25); what the journal says of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from ivr.calls.events import Event
from ivr.surveys import events as survey

_CALLBACK = ("CALLBACK_PLACE", "CALLBACK_DIALLED", "CALLBACK_RESULT")
_RETURN_CALL = "case.called"
_NOBODY_THERE = ("18", "19")
"""Causes by which a carrier says that the phone rang in vain (Q.850)."""


@dataclass(frozen=True)
class Placed:
    """`callback_of`: the call that it calls back; `contact_id`: whom it surveys. `dialled`: a customer's phone rang.

    `caller`: the number that a survey's customer is shown, or the agent who calls back; `number`, `customer_id`: the
    customer's own. `status`: Asterisk's DIALSTATUS, empty while it is not known.
    """

    callback_of: str | None = None
    contact_id: str | None = None
    dialled: bool = False
    caller: str | None = None
    number: str | None = None
    customer_id: int | None = None
    status: str = ""
    agent: str | None = None
    """Who calls back by hand."""


def read_placed(events: Iterable[Event]) -> Placed | None:
    """What these events of one call, in order of time, say; None of a call that somebody else placed."""
    events = list(events)
    cel = [event for event in events if event.source == "cel" and _parts(event)]
    callback = [event for event in cel if event.kind in _CALLBACK]
    surveyed = [event for event in cel if event.kind in survey.TALLIED]
    if callback:
        status = [_parts(event)[-1] for event in callback if event.kind == "CALLBACK_RESULT"]
        dialled = any(event.kind == "CALLBACK_DIALLED" for event in callback)
        return Placed(callback_of=_parts(callback[0])[0], dialled=dialled, status=status[-1] if status else "")
    wanted = next((event for event in events if event.source == "flow" and event.kind == _RETURN_CALL), None)
    if wanted is not None:
        return _return_call(wanted, cel)
    return _survey(surveyed) if surveyed else None


def _return_call(wanted: Event, cel: list[Event]) -> Placed:
    results = [_parts(event)[0] for event in cel if event.kind == "RETURN_CALL_RESULT"]
    called_back, agent, number = (str(wanted.data.get(name) or "") or None for name in ("of", "agent", "number"))
    return Placed(
        callback_of=called_back,
        dialled=any(event.kind == "RETURN_CALL_DIALLED" for event in cel),
        caller=agent,
        number=number,
        status="ANSWER" if "ANSWER" in results else next(iter(results), ""),
        agent=agent,
    )


def _survey(told: list[Event]) -> Placed:
    dialled = next((event for event in told if event.kind == survey.DIALLED), None)
    number, customer = [*_parts(dialled), "", ""][2:4] if dialled else ("", "")
    return Placed(
        contact_id=_parts(told[0])[0],
        dialled=dialled is not None,
        caller=dialled.data["number"] or None if dialled else None,
        number=number or None,
        customer_id=int(customer) if customer.isascii() and customer.isdigit() else None,
        status=_status(told),
    )


def _status(told: list[Event]) -> str:
    if any(event.kind == survey.ANSWERED for event in told):
        return "ANSWER"
    results = [[*_parts(event), "", ""] for event in told if event.kind == survey.NOT_ANSWERED]
    if not results:
        return ""
    _, _, status, cause, *_ = results[0]
    return "NOANSWER" if cause in _NOBODY_THERE else status


def _parts(event: Event) -> list[str]:
    text = str(event.data["extra"].get("extra", ""))
    return text.split("/") if text else []
