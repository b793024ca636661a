"""The manager interface: whatever happens on the wire, a command is done, not done, or said to be uncertain."""

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.telephony.ami import AmiClient, Connection, encode, split_messages
from ivr.telephony.control import AsteriskUnreachable, CommandRefused, CommandUncertain, ControlError
from tests.ami_server import SECRET, FakeAmi, FakeMember, ami_server


@pytest.fixture
def fake() -> Iterator[FakeAmi]:
    with ami_server(queues={"service": {f"PJSIP/{n}": FakeMember(str(n)) for n in range(1001, 1004)}}) as server:
        yield server


@pytest.fixture
def client(fake: FakeAmi) -> Iterator[AmiClient]:
    with AmiClient(fake.address, "ivr-control", SECRET, seconds=10) as client:
        yield client


@pytest.fixture
def hasty(fake: FakeAmi) -> Iterator[AmiClient]:
    """A client that waits for no answer longer than a moment."""
    with AmiClient(fake.address, "ivr-control", SECRET, seconds=0.3) as client:
        yield client


def names(client: AmiClient) -> list[str]:
    return [e.get("Name") for e in client.ask_list("QueueStatus") if e.event == "QueueMember"]


@pytest.mark.parametrize("tear", [0, 1, 3, 7])
def test_a_list_is_read_whole_however_it_is_torn_on_the_wire(fake: FakeAmi, client: AmiClient, tear: int) -> None:
    fake.tear = tear
    assert names(client) == ["1001", "1002", "1003"]


def test_events_between_the_lines_of_an_answer_are_kept_apart_from_it(fake: FakeAmi, client: AmiClient) -> None:
    fake.between = [[("Event", "Hangup"), ("Channel", "PJSIP/1001-1")], [("Event", "QueueMember"), ("Name", "stray")]]
    assert names(client) == ["1001", "1002", "1003"]
    events = client.connection().events
    assert {events.get(timeout=1).get("Event") for _ in range(2)} == {"Hangup", "QueueMember"}  # type: ignore[union-attr]


def test_many_threads_each_get_the_answer_to_their_own_question(fake: FakeAmi, client: AmiClient) -> None:
    fake.tear = 40
    failed: list[str] = []

    def ask(number: int) -> None:
        for _ in range(5):
            try:
                client.ask("QueueRemove", Queue=f"none-{number}", Interface="PJSIP/1")
            except CommandRefused as refused:
                if "Not there" not in refused.message:
                    failed.append(refused.message)
            except ControlError as error:
                failed.append(error.message)
            if names(client) != ["1001", "1002", "1003"]:
                failed.append("another's list")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_an_action_that_is_never_answered_ends_and_is_said_to_be_uncertain(fake: FakeAmi, hasty: AmiClient) -> None:
    fake.hang = {"Originate"}
    with pytest.raises(CommandUncertain):
        hasty.ask("Originate", Channel="Local/s@callback/n")
    assert len(fake.done("Originate")) == 1, "a call is never placed twice"
    fake.hang = set()
    assert names(hasty) == ["1001", "1002", "1003"], "the next one has a new connection"


def test_a_connection_cut_after_the_action_leaves_it_uncertain_and_does_not_repeat_it(
    fake: FakeAmi, client: AmiClient
) -> None:
    fake.cut = {"Originate"}
    with pytest.raises(CommandUncertain):
        client.ask("Originate", Channel="Local/s@callback/n")
    assert len(fake.done("Originate")) == 1


def test_what_may_be_repeated_is_repeated_over_a_new_connection(fake: FakeAmi, client: AmiClient) -> None:
    fake.cut = {"QueuePause"}
    client.ask("QueuePause", repeatable=True, Interface="PJSIP/1001", Paused="true")
    assert len(fake.done("QueuePause")) == 2


def test_a_list_cut_short_is_not_taken_for_the_whole(fake: FakeAmi, client: AmiClient) -> None:
    fake.cut = {"QueueStatus"}
    assert names(client) == ["1001", "1002", "1003"]


def test_after_a_restart_of_asterisk_the_next_command_works(fake: FakeAmi, client: AmiClient) -> None:
    before = client.connection()
    fake.drop_everybody()
    assert before.broken.wait(5)
    assert names(client) == ["1001", "1002", "1003"]


def test_a_reset_before_the_answer_is_survived_by_who_may_ask_again(fake: FakeAmi, client: AmiClient) -> None:
    fake.reset = {"QueueStatus"}
    assert names(client) == ["1001", "1002", "1003"]


def test_asterisks_no_is_told_in_its_words(client: AmiClient) -> None:
    with pytest.raises(CommandRefused, match="Not there"):
        client.ask("QueueRemove", Queue="service", Interface="PJSIP/9999")


def test_nobody_listening_is_told_at_once_and_nothing_was_done() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = AmiClient(taken.getsockname(), "ivr-control", SECRET)
        with pytest.raises(AsteriskUnreachable):
            client.ask("Ping")


def test_a_server_that_accepts_and_says_nothing_does_not_hold_anybody() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(AsteriskUnreachable):
            Connection(silent.getsockname(), "ivr-control", SECRET, seconds=0.2)


def test_a_wrong_password_is_told_without_being_shown(fake: FakeAmi) -> None:
    with pytest.raises(AsteriskUnreachable, match="refused the login") as told:
        AmiClient(fake.address, "ivr-control", "wrong-password").ask("Ping")
    assert "wrong-password" not in str(told.value)


def test_somebody_who_listens_learns_that_the_connection_has_ended(fake: FakeAmi, client: AmiClient) -> None:
    events = client.connection().events
    fake.drop_everybody()
    assert events.get(timeout=5) is None


@given(st.text(), st.sampled_from("\r\n\x00\x1b"), st.text())
def test_a_value_can_begin_neither_a_header_nor_an_action(before: str, control: str, after: str) -> None:
    with pytest.raises(CommandRefused):
        encode({"Action": "Originate", "CallerID": before + control + after})


@given(st.binary(max_size=400), st.integers(min_value=1, max_value=60))
def test_bytes_of_any_kind_in_any_pieces_are_read_as_when_they_come_at_once(data: bytes, step: int) -> None:
    whole, rest = split_messages(data)
    pieces, buffer = [], b""
    for start in range(0, len(data), step):
        some, buffer = split_messages(buffer + data[start : start + step])
        pieces += some
    assert [one.lines for one in pieces] == [one.lines for one in whole]
    assert buffer == rest


def test_every_line_of_a_commands_output_is_kept() -> None:
    [message], _ = split_messages(
        b"Response: Success\r\nOutput: one\r\nOutput: two: three\r\nChanVariable: x=1\r\n\r\n"
    )
    assert message.all("Output") == ["one", "two: three"]
    assert message.get("Output") == "one" and message.succeeded
