"""A carrier that says nothing at all: no customer's phone has rung, and it counts as nobody's (S26)."""

import socket
from collections.abc import Iterator

import pytest

from ivr.store.surveys import ContactAttempt
from tests.live.conftest import Running, hotline_up, sample_business, until
from tests.live.customers import Customers
from tests.live.test_surveys import noon_somewhere


@pytest.fixture(scope="module")
def live() -> Iterator[Running]:
    business = sample_business()
    business["hotline"]["timezone"] = noon_somewhere()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        business["trunks"]["sample"]["port"] = silent.getsockname()[1]
        business["outbound"] |= {"ring_seconds": 10}
        with hotline_up(business) as running:
            yield running


@pytest.mark.standards("S26")
def test_s26_a_silent_carrier_is_our_fault_and_no_customer_who_did_not_answer(live: Running) -> None:
    customers = Customers(live, None)
    contact = customers.visited("13800000001")
    call_id = customers.ring(contact)
    until(lambda: customers.attempts(contact) == ["failed"], lambda: f"{customers.attempts(contact)}", seconds=60)
    with customers.reading() as session:
        attempt = session.get_one(ContactAttempt, (contact, 1))
    assert (attempt.call_id, attempt.answered_at) == (call_id, None)
