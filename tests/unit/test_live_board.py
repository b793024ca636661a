"""The live board: what an agent does is read from what Asterisk shows, and keeps its moment while it stays so."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from ivr.calls.live_board import InLine, Leg, Seat, Seen, draw, last_board, save_board
from ivr.store.live import LiveBoard
from ivr.store.session import Store
from tests.stores import engine_url, store

__all__ = ["engine_url", "store"]

NOW = dt.datetime(2026, 3, 2, 10, 0, 0, tzinfo=dt.UTC)
SEAT = Seat("1001", "1001")
TALK = Leg("1001", "ivr-2.2", "ivr-1.1", up=True, joined=True)
RINGS = Leg("1001", "ivr-2.2", "ivr-1.1", up=False, ringing=True)


def line(seen: Seen, before: dict[str, Any] | None = None, now: dt.datetime = NOW) -> dict[str, Any]:
    agent: dict[str, Any] = draw(["1001"], seen, before or {}, now)["agents"]["1001"]
    return agent


@pytest.mark.parametrize(
    ("seen", "state", "reason"),
    [
        (Seen(), "logged_out", None),
        (Seen(seats=[SEAT]), "free", None),
        (Seen(seats=[Seat("1001", "1001", reachable=False)]), "logged_out", "unreachable"),
        (Seen(seats=[Seat("1001", "1001", paused=True, reason="2")]), "paused", "2"),
        (Seen(seats=[SEAT], legs=[RINGS]), "ringing", None),
        (Seen(seats=[SEAT], legs=[TALK]), "talking", None),
        (Seen(seats=[SEAT], legs=[TALK], held=frozenset({"1001"})), "hold", None),
        (Seen(seats=[SEAT], legs=[replace(TALK, held=True)]), "hold", None),
        (Seen(seats=[SEAT], wrap_up={"1001": NOW + dt.timedelta(seconds=1)}), "wrap_up", None),
        (Seen(seats=[SEAT], wrap_up={"1001": NOW}), "free", None),
        (Seen(seats=[Seat("1001", "1002")], legs=[TALK]), "free", None),
        (Seen(seats=[SEAT], legs=[Leg("1001", "ivr-9.9", "ivr-9.9", up=True)]), "free", None),
    ],
    ids=[
        "nobody there",
        "sits and waits",
        "phone is away",
        "paused",
        "it rings",
        "talks",
        "holds by key",
        "holds by button",
        "wraps up",
        "wrap-up is over",
        "another sits at that phone",
        "dials a feature code",
    ],
)
def test_what_an_agent_does(seen: Seen, state: str, reason: str | None) -> None:
    assert (line(seen)["state"], line(seen)["reason"]) == (state, reason)


def test_a_call_is_told_with_caller_and_queue() -> None:
    seen = Seen(seats=[SEAT], legs=[TALK], callers={"ivr-1.1": "13800000000"}, queues={"ivr-1.1": "service"})
    board = draw(["1001"], seen, {}, NOW)
    assert (
        board["agents"]["1001"] | {"call": "ivr-1.1", "caller": "13800000000", "queue": "service"}
        == (board["agents"]["1001"])
    )
    assert [(t["call"], t["agents"]) for t in board["talking"]] == [("ivr-1.1", ["1001"])]


def test_a_state_keeps_its_moment_until_it_is_another() -> None:
    first = draw(["1001"], Seen(seats=[SEAT]), {}, NOW)
    later = draw(["1001"], Seen(seats=[SEAT]), first, NOW + dt.timedelta(minutes=3))
    assert later == first
    talking = draw(["1001"], Seen(seats=[SEAT], legs=[TALK]), later, NOW + dt.timedelta(minutes=4))
    assert talking["agents"]["1001"]["since"] == (NOW + dt.timedelta(minutes=4)).isoformat()


@pytest.mark.standards("S11")
def test_s11_who_logged_off_during_a_call_is_shown_with_it_until_it_ends() -> None:
    talking = draw(
        ["1001"], Seen(seats=[Seat("1001", "1002")], legs=[Leg("1002", "b", "a", True, joined=True)]), {}, NOW
    )
    leaving = draw(["1001"], Seen(legs=[Leg("1002", "b", "a", True, joined=True)]), talking, NOW)
    assert (leaving["agents"]["1001"]["state"], leaving["agents"]["1001"]["leaving"]) == ("talking", True)
    gone = draw(["1001"], Seen(), leaving, NOW)
    assert (gone["agents"]["1001"]["state"], gone["agents"]["1001"]["desk"]) == ("logged_out", None)


def test_callers_in_line_stand_in_order_with_class_and_first_joining() -> None:
    joined = int(NOW.timestamp()) - 90
    priority = 600_000_000 + 500_000_000 - (joined - 1_767_225_600)
    entries = [InLine("b", "139", "service", 2, 5), InLine("a", "138", "service", 1, 5, priority)]
    first, second = draw([], Seen(waiting=entries), {}, NOW)["waiting"]
    assert (first["call"], first["class"], first["joined_at"]) == ("a", 1, (NOW - dt.timedelta(seconds=90)).isoformat())
    assert (second["call"], second["class"], second["joined_at"]) == (
        "b",
        0,
        (NOW - dt.timedelta(seconds=5)).isoformat(),
    )


def test_a_callers_joining_does_not_tremble_from_look_to_look() -> None:
    before = draw([], Seen(waiting=[InLine("a", "138", "service", 1, 5)]), {}, NOW)
    after = draw([], Seen(waiting=[InLine("a", "138", "service", 1, 6)]), before, NOW + dt.timedelta(seconds=1.7))
    assert after == before


def test_the_board_is_written_when_it_changes_and_from_time_to_time(store: Store) -> None:
    def save(board: dict[str, Any], now: dt.datetime) -> bool:
        with store.write() as session:
            return save_board(session, board, now)

    def row() -> tuple[int, dt.datetime]:
        with store.read() as session:
            found = session.get(LiveBoard, 1)
            assert found is not None
            return found.version, found.at

    assert save({"agents": {}}, NOW)
    assert not save({"agents": {}}, NOW + dt.timedelta(seconds=1))
    assert save({"agents": {"1001": {}}}, NOW + dt.timedelta(seconds=2))
    assert row() == (2, NOW + dt.timedelta(seconds=2))
    assert save({"agents": {"1001": {}}}, NOW + dt.timedelta(seconds=9))
    assert row() == (2, NOW + dt.timedelta(seconds=9)), "the same picture, but somebody looked"
    with store.read() as session:
        assert last_board(session) == {"agents": {"1001": {}}}
