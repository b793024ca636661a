"""A transfer told by its facts, and what an agent may do about it."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.desk.transfer import State, Step, StepNotAllowed, Transfer, told_by
from ivr.desk.transfer_facts import read_transfer

CALL = "ivr-x-1.1"


@dataclass(frozen=True)
class Fact:
    kind: str
    channel_id: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


def bridge(kind: str, channel_id: str, channel: str, bridge_id: str) -> Fact:
    return Fact(f"BRIDGE_{kind}", channel_id, {"channel": channel, "extra": {"bridge_id": bridge_id}})


def said(kind: str, text: str) -> Fact:
    return Fact(kind, "local-2", {"channel": "Local/1002@transfer-1;2", "extra": {"extra": text}})


TALK = [
    bridge("ENTER", CALL, "PJSIP/sample-1", "b1"),
    bridge("ENTER", "a", "PJSIP/1001-01", "b1"),
]
CONSULT = [
    *TALK,
    bridge("EXIT", "a", "PJSIP/1001-01", "b1"),
    bridge("ENTER", "a", "PJSIP/1001-01", "b2"),
    bridge("ENTER", "l1", "Local/1002@transfer-1;1", "b2"),
    said("CONSULT", "1001>1002"),
    bridge("ENTER", "b", "PJSIP/1002-02", "b3"),
]


def state(*facts: Fact, agent: str = "1001", desk: str = "1001") -> Transfer:
    return read_transfer(facts, CALL, agent, desk)


def test_caller_who_is_talked_with_is_in_no_transfer() -> None:
    assert state(*TALK) == Transfer()


def test_consulting_lasts_until_something_becomes_of_it() -> None:
    assert state(*CONSULT) == Transfer(State.CONSULTING, "1002")


def test_agent_who_is_back_with_the_caller_alone_has_given_it_up() -> None:
    back = [bridge("EXIT", "a", "PJSIP/1001-01", "b2"), bridge("ENTER", "a", "PJSIP/1001-01", "b1")]
    given_up = state(*CONSULT, *back)
    assert given_up == Transfer(State.CANCELLED, "1002")
    assert {Step.CONSULT, Step.BLIND} == given_up.allowed


def test_all_three_in_one_bridge_have_joined() -> None:
    merged = [
        bridge("EXIT", "a", "PJSIP/1001-01", "b2"),
        bridge("EXIT", "l1", "Local/1002@transfer-1;1", "b2"),
        bridge("ENTER", "a", "PJSIP/1001-01", "b1"),
        bridge("ENTER", "l1", "Local/1002@transfer-1;1", "b1"),
    ]
    over = Fact("ATTENDEDTRANSFER", "a", {"channel": "PJSIP/1001-01", "extra": {}})
    joined = state(*CONSULT, *merged, over)
    assert joined == Transfer(State.JOINED, "1002")
    assert joined.allowed == {Step.COMPLETE} and joined.open
    left = bridge("EXIT", "a", "PJSIP/1001-01", "b1")
    assert state(*CONSULT, *merged, over, left).state is State.COMPLETED
    gone = bridge("EXIT", "l1", "Local/1002@transfer-1;1", "b1")
    assert state(*CONSULT, *merged, over, gone).state is State.CANCELLED


def test_handed_over_is_completed_and_allows_nothing_more() -> None:
    left = bridge("EXIT", "a", "PJSIP/1001-01", "b2")
    over = state(*CONSULT, left, Fact("ATTENDEDTRANSFER", "a", {"channel": "PJSIP/1001-01", "extra": {}}))
    assert over == Transfer(State.COMPLETED, "1002")
    assert over.allowed == frozenset() and not over.open


def test_nobody_answers_and_the_caller_is_returned() -> None:
    returned = state(*CONSULT, said("TRANSFER_RETURNED", "1001"))
    assert returned == Transfer(State.RETURNED, "1002")
    assert Step.CONSULT in returned.allowed


def test_second_consultation_forgets_the_first() -> None:
    again = [bridge("EXIT", "a", "PJSIP/1001-01", "b1"), said("CONSULT", "1001>booking")]
    assert state(*CONSULT, said("TRANSFER_RETURNED", "1001"), *again) == Transfer(State.CONSULTING, "booking")


def test_what_a_colleague_does_with_the_caller_later_is_not_ours() -> None:
    assert state(*TALK, said("CONSULT", "1002>1003")) == Transfer()


def test_agent_at_another_desk_is_known_by_that_desks_phone() -> None:
    facts = [
        bridge("ENTER", CALL, "PJSIP/sample-1", "b1"),
        bridge("ENTER", "a", "PJSIP/1009-01", "b1"),
        said("CONSULT", "1001>1002"),
        bridge("EXIT", "a", "PJSIP/1009-01", "b1"),
    ]
    assert state(*facts, desk="1009").state is State.CONSULTING


def test_blind_transfer_that_comes_back_is_returned() -> None:
    blind = Fact("BLINDTRANSFER", "a", {"channel": "PJSIP/1001-01", "extra": {"extension": "1002"}})
    assert state(*TALK, blind).state is State.COMPLETED
    assert state(*TALK, blind, said("TRANSFER_RETURNED", "1001")).state is State.RETURNED


def test_step_that_does_not_fit_is_refused_with_what_does() -> None:
    with pytest.raises(StepNotAllowed, match="idle"):
        Transfer().after(Step.JOIN)


@given(st.lists(st.tuples(st.sampled_from(Step), st.sampled_from([None, "1002", "booking"]))))
def test_every_step_that_is_allowed_can_be_taken_and_no_other(steps: list[tuple[Step, str | None]]) -> None:
    transfer = told_by(steps)
    for step in Step:
        if step in transfer.allowed:
            assert transfer.after(step).state is not transfer.state or step is Step.BLIND
        elif step not in (Step.RETURNED, Step.ALONE):
            with pytest.raises(StepNotAllowed):
                transfer.after(step)


@given(st.lists(st.sampled_from([*CONSULT, said("TRANSFER_RETURNED", "1001"), Fact("CHAN_END", "a"), Fact("CONSULT")])))
def test_facts_in_any_order_are_never_an_error(facts: list[Fact]) -> None:
    assert state(*facts).state in State
