"""Customers, cases and news on real calls: who is entered is known, what a caller leaves behind reaches somebody."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ivr.demo.voices import CALLER, speak
from ivr.store.followup import Case
from ivr.store.models import Call
from ivr.store.session import open_store
from tests.live.conftest import Running, hotline_up, ivr, listen, sample_business, until
from tests.live.test_callers import OnTheLine, known, on_the_line, operator
from tests.outside import Mailbox, Receiver, hook_server, mail_server

SECRET = "what the receiver knows"


@dataclass
class Office:
    """A hotline, and those it tells outside."""

    live: Running
    box: Mailbox
    hook: type[Receiver]

    def cases(self, number: str) -> list[dict[str, Any]]:
        return [case for case in self.live.ivr("cases", "list", "--show", "all") if case["number"] == number]

    def wait_for_case(self, number: str) -> dict[str, Any]:
        until(lambda: bool(self.cases(number)), f"a case of {number}", seconds=120)
        return self.cases(number)[0]

    def letters(self, case: int) -> list[str]:
        return [str(letter["Subject"]) for letter in self.box.letters if f"#{case}:" in str(letter["Subject"])]

    def posted(self, case: int) -> list[dict[str, Any]]:
        """What the receiver took for true: with our signature (Standard Webhooks)."""
        found = []
        for headers, body in list(self.hook.got):
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            proof = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
            assert headers["webhook-signature"] == f"v1,{proof}"
            found.append(json.loads(body))
        return [news for news in found if news["case"] == case]


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """The sample business with a key for a message, and told of cases by e-mail and web hook."""
    with ExitStack() as stack:
        port, box = stack.enter_context(mail_server())
        url, hook = stack.enter_context(hook_server())
        business = sample_business()
        business["menus"]["main"]["options"]["3"] = {
            "label": {"zh-CN": "投诉建议", "en": "Complaints"},
            "message": "service",
        }
        mail = {"host": "127.0.0.1", "port": port, "sender": "hotline@example.com", "to": ["team@example.com"]}
        business["notify"] = {"email": mail, "webhook": url}
        live = stack.enter_context(hotline_up(business, IVR_WEBHOOK_SECRET=SECRET))
        yield Office(live, box, hook)


@pytest.mark.standards("S23", "S22")
def test_s23_customers_of_an_imported_table_are_known_on_their_next_call(office: Office, tmp_path: Path) -> None:
    live = office.live
    table = tmp_path / "customers.csv"
    table.write_text("姓名,称呼,电话,大客户\n孙丽华,女,+86 136-0000-0001;021-5566 0002,是\n", "gb18030")
    operator(live, "customers", "import", str(table))
    known(live, "13600000001", lambda facts: facts.key)
    (customer,) = live.ivr("customers", "list", "13600000001")
    for number in ("13600000001", "+862155660002"):
        with on_the_line(live, number) as caller:
            caller.wait("caller.known")
            (told,) = caller.all("caller.known")
            listen(1.0)
            caller.phone.hang_up()
        assert (told["customer_id"], told["key"]) == (customer["id"], True)
        live.record(caller.call_id)
        store = open_store(live.settings.store_url)
        with store.read() as session:
            call = session.get(Call, caller.call_id)
        store.close()
        assert call is not None and call.customer_id == customer["id"]
    operator(live, "customers", "remove", "13600000001")
    known(live, "13600000001", lambda facts: facts.customer_id is None)


@pytest.mark.standards("S12", "S21", "S25")
def test_s12_s21_message_becomes_one_case_and_is_told_outside_whoever_is_killed(office: Office, tmp_path: Path) -> None:
    live, number = office.live, "13600000012"
    operator(live, "customers", "add", "周敏", "--number", number, "--title", "女士", "--key")
    known(live, number, lambda facts: facts.key)
    words = speak("您好，我姓周，我想预约保养，请回电，谢谢。", CALLER, tmp_path / "message.wav")
    with on_the_line(live, number) as caller:
        caller.wait("menu.entered")
        caller.press("3")
        until(lambda: "message_speak" in caller.heard, "the caller is asked to speak")
        listen(1.0)
        listen(caller.phone.say(words) + 0.5)
        caller.press("#")
        # Silence means that it will do, and that the number is right.
        until(lambda: "message_number_confirm" in caller.heard, lambda: f"the number is read back, not {caller.heard}")
        caller.wait("message.left")
        live.kill("scheduler")
        caller.wait_until_let_go()
    assert live.record(caller.call_id).outcome == "message"
    case = office.wait_for_case(number)
    assert (case["kind"], case["state"], case["key"], case["queue"]) == ("message", "open", True, "service")
    until(lambda: bool(office.letters(case["id"])) and bool(office.posted(case["id"])), "both are told", seconds=120)
    (news,) = office.posted(case["id"])
    assert (news["event"], news["number"]) == ("case.opened", "136****0012")
    assert "大客户" in office.letters(case["id"])[0]
    refused = ivr(live.environment, "cases", "close", str(case["id"]), " ", "--state", str(live.settings.state_dir))
    assert refused.returncode == 1 and "outcome" in refused.stderr
    operator(live, "cases", "take", str(case["id"]), "--by", "1001")
    live.kill("ingest")
    operator(live, "cases", "close", str(case["id"]), "已回电，约好周三", "--by", "1001")
    listen(6.0)  # several more looks of the scheduler
    (after,) = office.cases(number)
    assert (after["state"], after["owner"], after["outcome"]) == ("closed", "1001", "已回电，约好周三")
    assert len(office.posted(case["id"])) == len(office.letters(case["id"])) == 1
    # The journal alone makes the same of it.
    store = open_store(live.settings.store_url)
    with store.write() as session:
        session.delete(session.get_one(Case, case["id"]))
    store.close()
    again = office.wait_for_case(number)
    assert (again["state"], again["owner"], again["outcome"]) == ("closed", "1001", "已回电，约好周三")


def rated(caller: OnTheLine) -> bool:
    """Press 1 until it counts: when the question begins, the journal does not say before it is over."""
    caller.press("1")
    listen(1.0)
    return bool(caller.all("rating.given"))


@pytest.mark.standards("S26")
def test_s26_low_rating_becomes_a_case_for_a_person(office: Office) -> None:
    live, number = office.live, "13600000026"
    with live.agent_phone() as agent, on_the_line(live, number) as caller:
        caller.wait("menu.entered")
        caller.press("0")
        agent.wait_for("CALL_INCOMING", seconds=90)
        agent.answer()
        caller.wait("BRIDGE_ENTER", count=2)
        listen(2.0)
        agent.hang_up()
        until(lambda: rated(caller), "the caller is asked and rates")
        caller.wait_until_let_go()
    case = office.wait_for_case(number)
    assert (case["kind"], case["matter"], case["key"]) == ("low_rating", "1", False)
    until(lambda: bool(office.letters(case["id"])), "the letter", seconds=120)
    assert "低分评价" in office.letters(case["id"])[0]
