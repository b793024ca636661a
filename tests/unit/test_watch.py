"""The thread behind the live board: what Asterisk shows and the journal says becomes the picture, and is minded."""

import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ivr.calls.live_board import last_board
from ivr.calls.queue_log import read_queue_log
from ivr.hotline import load_hotline
from ivr.instance import Instance
from ivr.settings import ROOT, Settings
from ivr.store.migrate import migrate_store
from ivr.store.session import Store, open_store
from ivr.telephony.ami import AmiClient
from ivr.telephony.asterisk_control import AsteriskControl
from ivr.telephony.duty import ROSTER
from ivr.telephony.watch import Tail, Watch
from tests.ami_server import SECRET, FakeAmi, FakeMember, ami_server

NOW = dt.datetime(2026, 3, 2, 10, 0, 0, tzinfo=dt.UTC)


@pytest.fixture
def fake() -> Iterator[FakeAmi]:
    agents = ("1001", "1002", "1003")
    queues = {
        name: {f"PJSIP/{n}": FakeMember(n) for n in agents if name != "booking" or n != "1001"}
        for name in (ROSTER, "service", "booking")
    }
    with ami_server(queues=queues) as server:
        yield server


@pytest.fixture
def instance(settings: Settings, fake: FakeAmi) -> Instance:
    settings.paths.create()
    made = Instance.create(settings.paths, load_hotline(ROOT / "hotline.yaml").agents)
    made = made.model_copy(update={"ami": fake.port, "ami_secret": SECRET})
    settings.paths.instance_file.write_text(made.model_dump_json())
    return made


@pytest.fixture
def store(settings: Settings, instance: Instance) -> Iterator[Store]:
    opened = open_store(settings.store_url)
    migrate_store(opened)
    yield opened
    opened.close()


@pytest.fixture
def client(fake: FakeAmi) -> Iterator[AmiClient]:
    with AmiClient(fake.address, "ivr-watch", SECRET) as client:
        yield client


@pytest.fixture
def watch(settings: Settings, store: Store) -> Iterator[Watch]:
    control = AsteriskControl(settings)
    yield Watch(settings, store, lambda: NOW, control)
    control.close()


def test_the_board_shows_no_agents_own_queue(
    fake: FakeAmi, client: AmiClient, watch: Watch, store: Store, instance: Instance
) -> None:
    """Whose own agent is rung first stands in the queue itself; and its member is put right like any other."""
    fake.queues["service-1001"] = {}
    fake.waiting = [
        {"Queue": "service-1001", "Position": "1", "Uniqueid": "c1", "CallerIDNum": "13800000001", "Wait": "3"}
    ]
    watch.look(client)
    [waits] = board(store)["waiting"]
    assert (waits["call"], waits["queue"]) == ("c1", "service")
    assert fake.queues["service-1001"]["PJSIP/1001"].penalty == 0
    assert {line["state"] for line in board(store)["agents"].values()} == {"free"}


def board(store: Store) -> dict[str, Any]:
    with store.read() as session:
        return last_board(session)


def log(settings: Settings, *lines: str) -> None:
    with (settings.paths.journal / "queue_log").open("a") as file:
        file.writelines(f"1772445600|{line}\n" for line in lines)


TALK = [
    {
        "Channel": "PJSIP/trunk-sample-00000001",
        "Uniqueid": "i-1.1",
        "Linkedid": "i-1.1",
        "CallerIDNum": "13800000001",
        "ChannelState": "6",
        "BridgeId": "b",
    },
    {
        "Channel": "PJSIP/1001-00000002",
        "Uniqueid": "i-1.2",
        "Linkedid": "i-1.1",
        "CallerIDNum": "1001",
        "ChannelState": "6",
        "BridgeId": "b",
    },
]


def test_a_look_draws_who_talks_with_whom_from_which_queue_and_who_waits(
    settings: Settings, fake: FakeAmi, store: Store, client: AmiClient, watch: Watch
) -> None:
    fake.channels = TALK
    fake.waiting = [
        {"Queue": "service", "Position": "1", "Uniqueid": "i-2.1", "CallerIDNum": "139", "Wait": "7", "Priority": "0"}
    ]
    log(settings, "i-1.1|service|1001|CONNECT|3|i-1.2|2")
    watch.look(client)
    agent = board(store)["agents"]["1001"]
    assert (agent["state"], agent["call"], agent["caller"], agent["queue"]) == (
        "talking",
        "i-1.1",
        "13800000001",
        "service",
    )
    assert board(store)["agents"]["1002"]["state"] == "free"
    assert [(each["call"], each["position"]) for each in board(store)["waiting"]] == [("i-2.1", 1)]


def test_who_let_it_ring_twice_is_paused_once(
    settings: Settings, fake: FakeAmi, client: AmiClient, watch: Watch
) -> None:
    log(settings, "i-1.1|service|1001|RINGNOANSWER|15000", "i-1.1|service|1001|RINGNOANSWER|15000")
    watch.look(client)
    watch.look(client)
    assert [(asked["Interface"], asked["Reason"]) for asked in fake.done("QueuePause")] == [("PJSIP/1001", "no-answer")]


def test_members_that_are_not_as_they_should_be_are_put_right(
    settings: Settings, fake: FakeAmi, client: AmiClient, watch: Watch
) -> None:
    del fake.queues["service"]["PJSIP/1002"]
    fake.queues["booking"]["PJSIP/1001"] = FakeMember("1001")
    (settings.paths.state / "known-agents.json").write_text('["1001", "1002", "1003"]')
    watch.look(client)
    assert ("service", "1002", "PJSIP/1002") in fake.members()
    assert ("booking", "1001", "PJSIP/1001") not in fake.members()


def test_it_goes_on_after_asterisk_was_restarted(fake: FakeAmi, store: Store, watch: Watch) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=watch.run_forever, args=(stop,))
    thread.start()
    try:
        _until(lambda: bool(board(store)))
        fake.drop_everybody()
        fake.channels = TALK
        _until(lambda: board(store)["agents"]["1001"]["state"] == "talking")
    finally:
        stop.set()
        thread.join(timeout=20)
    assert not thread.is_alive()


def _until(true: Any) -> None:
    waiting = threading.Event()
    for _ in range(600):
        if true():
            return
        waiting.wait(0.05)
    pytest.fail("it did not come about")


def test_a_tail_reads_each_line_once_a_torn_one_later_and_a_new_file_from_its_start(settings: Settings) -> None:
    settings.paths.create()
    file = settings.paths.journal / "queue_log"
    tail = Tail(file, read_queue_log)
    assert tail.news() == []
    log(settings, "i-1.1|service|1001|CONNECT|3|i-1.2|2")
    with file.open("a") as end:
        end.write("1772445600|i-1.1|service|10")
    assert [event.kind for event in tail.news()] == ["CONNECT"]
    assert tail.news() == []
    with file.open("a") as end:
        end.write("01|COMPLETEAGENT|1|1|1\n")
    assert [event.kind for event in tail.news()] == ["COMPLETEAGENT"]
    file.rename(file.with_suffix(".1"))
    log(settings, "NONE|NONE|NONE|QUEUESTART|")
    assert [event.kind for event in tail.news()] == ["QUEUESTART"]
