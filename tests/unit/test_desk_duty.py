"""What an agent may do in which state, and how the live board is read."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.desk.board import Board, board_of
from ivr.desk.duty import Command, Duty, allowed, known_duty
from ivr.desk.overview import may_supervise, overview
from ivr.desk.transfer import State, Transfer
from ivr.desk.view import targets
from ivr.hotline import load_hotline
from ivr.settings import ROOT

NOW = dt.datetime(2026, 3, 2, 2, 0, tzinfo=dt.UTC)
HOTLINE = load_hotline(ROOT / "hotline.yaml")


def board(**agents: dict[str, object]) -> Board:
    return board_of(3, NOW, {"agents": {number.strip("_"): facts for number, facts in agents.items()}})


def test_agent_off_duty_may_only_log_in() -> None:
    assert allowed(Duty.LOGGED_OUT, Transfer()) == {Command.LOG_IN}


def test_s11_agent_who_is_talking_may_log_out_and_finishes_the_caller_first() -> None:
    assert Command.LOG_OUT in allowed(Duty.TALKING, Transfer())


def test_s14_wrap_up_may_be_ended_early_and_only_there() -> None:
    ending = {duty for duty in Duty if Command.END_WRAP_UP in allowed(duty, Transfer())}
    assert ending == {Duty.WRAP_UP}


def test_s7_caller_on_hold_must_be_taken_back_before_anything_else() -> None:
    assert allowed(Duty.HOLD, Transfer()) == {Command.UNHOLD}


@pytest.mark.parametrize("state", [State.CONSULTING, State.JOINED])
def test_s8_open_transfer_leaves_only_its_own_steps(state: State) -> None:
    steps = allowed(Duty.TALKING, Transfer(state, "1002"))
    assert Command.COMPLETE in steps
    assert steps <= {Command.JOIN, Command.COMPLETE, Command.CANCEL}


def test_nothing_may_be_transferred_by_somebody_without_a_call() -> None:
    for duty in (Duty.FREE, Duty.RINGING, Duty.WRAP_UP, Duty.PAUSED, Duty.LOGGED_OUT, Duty.UNKNOWN):
        assert not allowed(duty, Transfer()) & {Command.CONSULT, Command.BLIND, Command.HANG_UP, Command.HOLD}


@given(st.text())
def test_word_for_a_state_that_nobody_knows_is_unknown(word: str) -> None:
    assert known_duty(word) in Duty


def test_board_is_read_in_order_of_queue_and_position() -> None:
    read = board_of(
        1,
        NOW,
        {
            "waiting": [
                {"call": "b", "queue": "service", "position": 2, "joined_at": NOW.isoformat(), "class": 0},
                {"call": "a", "queue": "service", "position": 1, "joined_at": NOW.timestamp(), "class": 2},
            ]
        },
    )
    assert [(each.call, each.priority, each.joined_at) for each in read.waiting] == [("a", 2, NOW), ("b", 0, NOW)]


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.text(), st.integers(), st.booleans())))
def test_strange_facts_of_an_agent_are_no_error(facts: dict[str, object]) -> None:
    assert board_of(1, NOW, {"agents": {"1001": facts}}).agent("1001").agent == "1001"


def test_board_that_nobody_wrote_lately_is_stale() -> None:
    assert Board().stale(NOW)
    assert not board().stale(NOW + dt.timedelta(seconds=5))
    assert board().stale(NOW + dt.timedelta(minutes=1))


def test_targets_are_present_colleagues_with_the_free_ones_first_and_the_queues() -> None:
    seen = board(_1001={"state": "talking"}, _1002={"state": "paused"}, _1003={"state": "free"})
    agents, queues = targets(HOTLINE, seen, "1001")
    assert [each.to for each in agents] == ["1003", "1002"]
    assert {each.to for each in queues} == set(HOTLINE.queues)
    agents, _ = targets(HOTLINE, board(_1002={"state": "logged_out"}), "1001")
    assert [each.to for each in agents] == ["1003"]


def test_s24_supervisor_listens_to_the_own_team_only_and_never_without_a_phone() -> None:
    assert may_supervise(HOTLINE, "1003", "1001")
    assert not may_supervise(HOTLINE, "1001", "1002")
    assert not may_supervise(HOTLINE, "1003", "1003")
    assert not may_supervise(HOTLINE, None, "1001")
    assert not may_supervise(HOTLINE, "9999", "1001") and not may_supervise(HOTLINE, "1003", "9999")


def test_overview_counts_everybody_once() -> None:
    seen = board(_1001={"state": "talking"}, _1002={"state": "wrap_up"})
    view = overview(seen, HOTLINE, "1003")
    assert (view.free, view.busy, view.away, view.out) == (0, 1, 1, 1)
    assert next(each.line.agent for each in view.agents) == "1001"
    assert [each.may_supervise for each in view.agents] == [True, False, False]
