"""After the talk: asked for a rating, never forced, never without a goodbye (S9, S13, S28)."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from ivr.demo.phone import Phone
from ivr.demo.watch import JournalWatch
from tests.live.asked import Asked
from tests.live.conftest import Running, free_everybody, listen
from tests.live.ears import Ears


@dataclass(frozen=True)
class Talk:
    """A caller and an agent who have been put through."""

    caller: Phone
    agent: Phone
    call_id: str
    watch: JournalWatch

    @classmethod
    def begin(cls, live: Running, stack: ExitStack, number: str, work_number: str) -> "Talk":
        """The agent is the only one who is free: those of earlier talks are still talking."""
        watch = live.watch()
        agent = stack.enter_context(live.agent_phone(work_number))
        caller = stack.enter_context(live.caller_phone(number))
        caller.dial(live.number)
        caller.wait_for("CALL_ESTABLISHED")
        call_id = watch.call_from(number)
        caller.press("0")
        agent.wait_for("CALL_INCOMING", seconds=60)
        agent.answer()
        watch.wait_in(call_id, "BRIDGE_ENTER")
        return cls(caller, agent, call_id, watch)

    def said(self) -> list[str]:
        events = [event for event in self.watch.events() if event.call_id == self.call_id]
        return [str(event.data["prompt"]) for event in events if event.kind == "prompt.played"]

    def end(self) -> None:
        self.caller.wait_for("CALL_CLOSED", seconds=60)


@dataclass(frozen=True)
class Evening:
    """Talks that their agents have ended: the caller rates, says nothing, or there is no flow that could ask."""

    rated: Talk
    silent: Talk
    without_flow: Talk
    goodbye_heard: bool


@pytest.fixture(scope="module")
def evening(live: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    free_everybody(live)
    with ExitStack() as stack, Asked(live) as asked:
        agents = {"13300000001": "1001", "13300000002": "1002", "13300000003": "1003"}
        rated, silent, without_flow = (Talk.begin(live, stack, number, agent) for number, agent in agents.items())
        # Within half a second of being put through, a caller is not let go but waits on.
        listen(1.0)
        for talk in (rated, silent):
            talk.agent.hang_up()
        asked.question(rated.call_id, "rating_ask")
        rated.caller.press("2")
        rated.end()
        silent.end()
        live.supervisor.stop_process("agi")
        try:
            without_flow.agent.hang_up()
            without_flow.end()
        finally:
            live.supervisor.start_process("agi")
        ears = Ears(without_flow.caller, live.settings.paths, tmp_path_factory.mktemp("heard"))
        yield Evening(rated, silent, without_flow, goodbye_heard=bool(ears.times("thanks_bye")))


@pytest.mark.standards("S28")
def test_s28_the_caller_rates_the_talk_after_the_agent_has_hung_up(live: Running, evening: Evening) -> None:
    """The agent cannot skip it by hanging up."""
    assert evening.rated.watch.wait_in(evening.rated.call_id, "rating.given").data["score"] == 2
    assert evening.rated.said()[-2:] == ["rating_ask", "rating_low_thanks"]
    record = live.record(evening.rated.call_id)
    assert (record.outcome, record.hung_up_by) == ("answered", "agent")


@pytest.mark.standards("S13")
def test_s13_whoever_does_not_rate_is_thanked_all_the_same(live: Running, evening: Evening) -> None:
    evening.silent.watch.wait_in(evening.silent.call_id, "rating.skipped")
    assert evening.silent.said()[-2:] == ["rating_ask", "thanks_bye"]
    assert live.record(evening.silent.call_id).outcome == "answered"


@pytest.mark.standards("S13", "S20")
def test_s20_without_flows_the_talk_ends_with_a_goodbye(live: Running, evening: Evening) -> None:
    assert evening.goodbye_heard
    record = live.record(evening.without_flow.call_id)
    assert (record.outcome, record.hung_up_by) == ("answered", "agent")


def test_what_the_caller_hears_after_the_talk_is_recorded_beside_what_the_caller_says(
    live: Running, evening: Evening
) -> None:
    """Quality hears the whole call: Asterisk would record nothing that is played after an agent's phone has spoken."""
    record = live.record(evening.rated.call_id, lambda record: len(record.legs) == 2)
    assert Ears.of_call(evening.rated.call_id, live.settings.paths).times("rating_low_thanks")
    lengths = [leg.seconds or 0.0 for leg in record.legs]
    assert abs(lengths[0] - lengths[1]) < 0.5, "two tracks of one length"
