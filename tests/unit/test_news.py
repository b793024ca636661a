"""Telling outside: what is sent, tried again and given up, to real servers on loopback that behave badly."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from ivr.cases.desk import by_hook, by_mail
from ivr.hotline import load_hotline
from ivr.hotline.model import Email
from ivr.instance import Instance
from ivr.news import mail, webhook
from ivr.news.outbox import LEASE, Event, Item, NotSent, send_again, send_due
from ivr.news.retry import LONGEST_HOURS, WAITS_MINUTES, Failure, after
from ivr.news.words import subject_and_text
from ivr.settings import ROOT, Settings
from ivr.store.followup import CaseKind, News
from ivr.store.session import Store
from tests.outside import Mailbox, Receiver, hook_server, mail_server
from tests.stores import engine_url, store  # noqa: F401

NOW = dt.datetime(2026, 11, 22, 2, 30, tzinfo=dt.UTC)
BODY = {
    "event": "case.opened",
    "case": 12,
    "kind": "message",
    "queue": "service",
    "number": "138****8000",
    "key": True,
    "opened_at": NOW.isoformat(),
    "due_at": (NOW + dt.timedelta(hours=4)).isoformat(),
}
ITEM = Item(1, "case:12", BODY, 1)
HOTLINE = load_hotline(ROOT / "hotline.yaml")
LINK = "http://127.0.0.1:8000/cases/12"


class Clock:
    """A clock that is set forward by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        return self.now


# ---- the rule --------------------------------------------------------------------------------------------


def test_failed_attempt_is_made_again_later_and_later_and_given_up_at_last() -> None:
    waits = [after(Failure("HTTP 500"), attempts, NOW).next_at for attempts in range(1, len(WAITS_MINUTES) + 2)]
    assert waits == [*(NOW + dt.timedelta(minutes=wait) for wait in WAITS_MINUTES), None]
    assert after(Failure("HTTP 500"), 99, NOW).why == "HTTP 500 (given up after 99 attempts)"


def test_final_failure_is_not_tried_again() -> None:
    assert after(Failure("HTTP 410", final=True), 1, NOW).next_at is None


@given(st.integers(1, len(WAITS_MINUTES)), st.floats(0, 1e9))
def test_receiver_may_ask_for_more_time_but_not_for_ever(attempts: int, asked: float) -> None:
    decision = after(Failure("HTTP 429", again_after=asked), attempts, NOW)
    assert decision.next_at is not None
    wait = (decision.next_at - NOW).total_seconds()
    assert WAITS_MINUTES[attempts - 1] * 60 <= wait + 1e-3
    assert wait <= LONGEST_HOURS * 3600 and wait >= min(asked, LONGEST_HOURS * 3600) - 1e-3


# ---- the outbox ------------------------------------------------------------------------------------------


def put(store: Store, origin: str = "case:12", channel: str = "webhook", **facts: Any) -> None:  # noqa: F811
    with store.write() as session:
        session.add(News(channel=channel, origin=origin, body=BODY, **({"next_at": NOW} | facts)))


def row(store: Store, origin: str = "case:12") -> News:  # noqa: F811
    with store.read() as session:
        found = session.scalar(select(News).where(News.origin == origin))
    assert found is not None
    return found


def refuse(_item: Item) -> None:
    raise NotSent(Failure("HTTP 503"))


def test_news_that_arrives_is_sent_once(store: Store) -> None:  # noqa: F811
    put(store)
    put(store, "case:13", channel="email")
    put(store, "case:14", next_at=NOW + dt.timedelta(minutes=1))
    sent: list[str] = []
    for _ in range(2):
        send_due(store, "webhook", lambda item: sent.append(item.origin), Clock())
    assert sent == ["case:12"]
    assert (row(store).state, row(store).attempts) == ("sent", 1)
    assert row(store, "case:13").attempts == 0


def test_news_that_does_not_arrive_is_tried_by_the_rule_and_can_be_sent_again_by_hand(store: Store) -> None:  # noqa: F811
    put(store)
    clock = Clock()
    for wait in WAITS_MINUTES:
        assert send_due(store, "webhook", refuse, clock) == 0
        assert send_due(store, "webhook", lambda _: pytest.fail("not due yet"), clock) == 0
        assert (row(store).state, row(store).error) == ("waiting", "HTTP 503")
        clock.now += dt.timedelta(minutes=wait)
    send_due(store, "webhook", refuse, clock)
    assert (row(store).state, row(store).attempts) == ("failed", len(WAITS_MINUTES) + 1)
    assert send_due(store, "webhook", lambda _: None, clock) == 0
    assert send_again(store, clock()) == 1
    assert send_due(store, "webhook", lambda _: None, clock) == 1
    assert (row(store).state, row(store).error) == ("sent", None)


def test_sender_that_is_killed_loses_nothing_and_two_senders_do_not_send_at_once(store: Store) -> None:  # noqa: F811
    put(store)
    clock = Clock()

    class Killed(BaseException):
        pass

    def dies(_item: Item) -> None:
        assert send_due(store, "webhook", lambda _: pytest.fail("claimed by another"), clock) == 0
        raise Killed

    with pytest.raises(Killed):
        send_due(store, "webhook", dies, clock)
    assert send_due(store, "webhook", lambda _: None, clock) == 0
    clock.now += LEASE
    assert send_due(store, "webhook", lambda _: None, clock) == 1


def test_sender_stops_when_the_scheduler_does(store: Store) -> None:  # noqa: F811
    put(store)
    stop = threading.Event()
    stop.set()
    assert send_due(store, "webhook", lambda _: None, Clock(), stop) == 0


# ---- the web hook ----------------------------------------------------------------------------------------


@pytest.fixture
def receiver() -> Iterator[tuple[str, type[Receiver]]]:
    with hook_server() as found:
        yield found


def test_s21_web_hook_gets_the_news_signed_so_that_it_knows_who_speaks(receiver: tuple[str, type[Receiver]]) -> None:
    url, kind = receiver
    webhook.post(url, "our secret", ITEM, lambda: NOW, LINK)
    ((headers, body),) = kind.got
    assert json.loads(body) == {**BODY, "link": LINK}
    # What a receiver does, by the Standard Webhooks specification.
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    proof = base64.b64encode(hmac.new(b"our secret", signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{proof}"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    webhook.post(url, "our secret", ITEM, lambda: NOW + LEASE, LINK)
    assert kind.got[1][0]["webhook-id"] == headers["webhook-id"]


def test_signature_is_that_of_the_specifications_example() -> None:
    # standardwebhooks.com, "Verifying signatures", and its reference libraries' test vector.
    body = b'{"test": 2432232314}'
    made = webhook.sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("status", "headers", "final", "wait"),
    [
        (500, {}, False, None),
        (404, {}, False, None),
        (410, {}, True, None),
        (429, {"Retry-After": "120"}, False, 120.0),
        (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, False, None),
        (302, {"Location": "http://127.0.0.1:9/"}, False, None),
    ],
)
def test_answer_of_a_web_hook_decides_what_follows(
    receiver: tuple[str, type[Receiver]], status: int, headers: dict[str, str], final: bool, wait: float | None
) -> None:
    url, kind = receiver
    kind.answer = (status, headers)
    with pytest.raises(NotSent) as told:
        webhook.post(url, "s", ITEM, lambda: NOW, LINK)
    assert told.value.failure == Failure(f"HTTP {status}", final, wait)
    assert len(kind.got) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "http://[", "http://nobody.invalid/"])
def test_web_hook_that_is_not_there_is_a_failure_like_any_other(url: str) -> None:
    with pytest.raises(NotSent):
        webhook.post(url, "s", ITEM, lambda: NOW, LINK)


def test_without_a_secret_nothing_is_sent(receiver: tuple[str, type[Receiver]]) -> None:
    url, kind = receiver
    with pytest.raises(NotSent, match="IVR_WEBHOOK_SECRET"):
        webhook.post(url, "", ITEM, lambda: NOW, LINK)
    assert kind.got == []


# ---- e-mail ----------------------------------------------------------------------------------------------


@pytest.fixture
def mailbox() -> Iterator[tuple[Email, Mailbox]]:
    with mail_server() as (port, box):
        to = ["a@example.com", "b@example.com"]
        yield Email(host="127.0.0.1", port=port, sender="hotline@example.com", to=to), box


def letter(email: Email, body: dict[str, Any] | None = None):  # type: ignore[no-untyped-def]
    item = Item(1, "case:12", body or BODY, 1)
    return mail.compose(email, item, load_hotline(ROOT / "hotline.yaml"), "abc123", NOW, LINK)


def test_s21_letter_tells_what_and_by_when_and_nothing_of_the_caller(mailbox: tuple[Email, Mailbox]) -> None:
    email, box = mailbox
    assert mail.deliver(email, letter(email)) is None
    (got,) = box.letters
    assert got["Subject"] == "新的跟进事项 #12: 客户留言 · 大客户 · 客户服务"
    assert got["Message-ID"] == "<case.12.abc123@three-rings.invalid>"
    assert (got["From"], got["To"]) == ("hotline@example.com", "a@example.com, b@example.com")
    text = got.get_content()  # type: ignore[attr-defined]
    assert "138****8000" in text and "2026-11-22 14:30" in text and LINK in text


def test_letter_about_a_queue_that_is_gone_is_sent_all_the_same(mailbox: tuple[Email, Mailbox]) -> None:
    email, box = mailbox
    mail.deliver(email, letter(email, {**BODY, "queue": None, "key": False, "event": "case.overdue"}))
    assert box.letters[0]["Subject"] == "跟进事项已超时 #12: 客户留言"


def test_letter_about_a_case_not_put_right_in_time_names_the_department_and_both_deadlines() -> None:
    late = {"event": "case.escalated", "kind": "survey_low", "queue": None, "department": "workshop"}
    late |= {"resolve_by": (NOW + dt.timedelta(days=3)).isoformat()}
    subject, text = subject_and_text({**BODY, **late}, HOTLINE, LINK)
    assert subject == "跟进事项逾期未办结 #12: 回访低分 · 大客户 · 维修车间"
    assert "2026-11-22 14:30 前联系客户，2026-11-25 10:30 前办结" in text and LINK in text


@pytest.mark.parametrize("kind", get_args(CaseKind))
@pytest.mark.parametrize("event", get_args(Event))
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_there_are_words_for_every_news_of_every_kind_of_case(kind: str, event: str, language: str) -> None:
    number = HOTLINE.hotline.model_copy(update={"languages": [language]})
    business = HOTLINE.model_copy(update={"hotline": number})
    subject, text = subject_and_text({**BODY, "event": f"case.{event}", "kind": kind}, business, LINK)
    assert "#12" in subject and "{" not in text


def test_letter_that_some_receivers_get_has_arrived(mailbox: tuple[Email, Mailbox]) -> None:
    email, box = mailbox
    box.refused = {"b@example.com": "550 unknown"}
    assert mail.deliver(email, letter(email)) == "1 of 2 receivers were refused"
    assert len(box.letters) == 1


@pytest.mark.parametrize(("code", "final"), [("550 unknown", True), ("450 later", False)], ids=["unknown", "later"])
def test_letter_that_no_receiver_gets_is_tried_again_only_when_that_may_help(
    mailbox: tuple[Email, Mailbox], code: str, final: bool
) -> None:
    email, box = mailbox
    box.refused = dict.fromkeys(email.to, code)
    with pytest.raises(NotSent) as told:
        mail.deliver(email, letter(email))
    assert told.value.failure == Failure("no receiver was accepted", final)


@pytest.mark.parametrize(("answer", "final"), [("451 busy", False), ("554 spam", True)])
def test_server_that_refuses_a_letter_is_understood(mailbox: tuple[Email, Mailbox], answer: str, final: bool) -> None:
    email, box = mailbox
    box.answer = answer
    with pytest.raises(NotSent) as told:
        mail.deliver(email, letter(email))
    assert told.value.failure == Failure(f"SMTP {answer[:3]}", final)


def test_mail_server_that_is_not_there_is_a_failure_like_any_other() -> None:
    email = Email(host="127.0.0.1", port=9, sender="a@example.com", to=["b@example.com"])
    with pytest.raises(NotSent):
        mail.deliver(email, letter(email))


def test_password_goes_to_no_server_elsewhere_in_the_clear(
    mailbox: tuple[Email, Mailbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    email, box = mailbox
    monkeypatch.setattr(mail, "_is_loopback", lambda _host: False)  # as if the server stood elsewhere
    with pytest.raises(NotSent, match="no encryption"):
        mail.deliver(email, letter(email), "user", "password")
    assert box.letters == []


def test_addresses_that_make_no_letter_are_given_up_with_what_to_look_at(settings: Settings) -> None:
    settings.paths.create()
    instance = Instance.create(settings.paths, ["1001"])
    known = load_hotline(ROOT / "hotline.yaml")
    bad = Email(host="127.0.0.1", sender="a@example.com\nBcc: x@example.com", to=["b@example.com"])
    business = known.model_copy(update={"notify": known.notify.model_copy(update={"email": bad})})
    with pytest.raises(NotSent, match=r"notify\.email"):
        by_mail(business, instance, lambda: NOW)(ITEM)
    with pytest.raises(NotSent, match="no e-mail is wanted"):
        by_mail(known, instance, lambda: NOW)(ITEM)
    with pytest.raises(NotSent, match="no web hook is wanted"):
        by_hook(known, instance, lambda: NOW)(ITEM)
