"""Customers behind the carrier who have had a visit, their phones, and what the tables know of them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.demo.callbacks.phones import CustomerPhones
from ivr.demo.rtp import RtpLine
from ivr.store.customers import Customer, Visit
from ivr.store.session import open_store
from ivr.store.surveys import Answer, Contact, ContactAttempt
from ivr.surveys.ids import attempt_call_id, contact_id
from ivr.surveys.line import Order
from ivr.telephony.asterisk_control import AsteriskControl
from ivr.telephony.survey_line import AsteriskLine
from tests.live.conftest import Running, listen, until

SURVEY, SURNAME = "after_service", "surname_wang2_male"


class Customers:
    """The customers' phones behind the carrier, their sound, and contacts about their visits."""

    def __init__(self, live: Running, phones: CustomerPhones | None) -> None:
        self.live, self.phones = live, phones
        self.asterisk = AsteriskLine(live.settings, AsteriskControl(live.settings))

    def visited(self, number: str) -> str:
        """A customer with this number has had a visit; the id of their contact."""
        visit = f"visit-{number}"
        contact = contact_id(SURVEY, visit)
        now = datetime.now(UTC)
        store = open_store(self.live.settings.store_url)
        with store.write() as session:
            customer = Customer(name="王小明", surname="王", title="先生", updated_at=now)
            session.add(customer)
            session.flush()
            row = Visit(external_id=visit, customer_id=customer.id, kind="保养", at=now)
            session.add(row)
            session.flush()
            own = {"survey": SURVEY, "visit_id": row.id, "number": number, "language": "zh-CN"}
            session.add(Contact(id=contact, **own, due_at=now, next_at=now, expires_at=now + timedelta(days=7)))
        store.close()
        return contact

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with closing(open_store(self.live.settings.store_url)) as store, store.read() as session:
            yield session

    def ring(self, contact: str, attempt: int = 1, **order: object) -> str:
        """Have the contact rung, as the dialler would; the call's id."""
        number = self.contact(contact).number
        known = {"customer": "王先生", "surname": SURNAME, "visit_kind": "保养", **order}
        self.asterisk.ring(Order(contact, attempt, number, SURVEY, "zh-CN", **known))  # type: ignore[arg-type]
        return attempt_call_id(contact, attempt)

    def contact(self, contact: str) -> Contact:
        with self.reading() as session:
            return session.get_one(Contact, contact)

    def attempts(self, contact: str) -> list[str | None]:
        chosen = select(ContactAttempt).where(ContactAttempt.contact_id == contact)
        with self.reading() as session:
            return [row.result for row in session.scalars(chosen.order_by(ContactAttempt.attempt))]

    def answers(self, contact: str) -> dict[str, str]:
        chosen = select(Answer).where(Answer.contact_id == contact)
        with self.reading() as session:
            return {row.question: row.value for row in session.scalars(chosen)}

    def wait_for(self, contact: str, *results: str) -> Contact:
        """The contact, once its attempts have ended so."""
        until(
            lambda: self.attempts(contact) == list(results),
            lambda: (
                f"attempts end {results}: {self.attempts(contact)} {self.phones.notices()} {self.phones.run.errors()}"
            ),
        )
        return self.contact(contact)

    def noticed(self, what: str, number: str) -> int:
        """How often this customer noticed something: rings, answered, is-released, gave-up, hung-up."""
        return self.phones.noticed(what, number)

    def wait_noticed(self, what: str, number: str) -> None:
        until(lambda: self.noticed(what, number) > 0, lambda: f"{number} {what}: {self.phones.notices()}")

    def pick_up(self, number: str, times: int = 1) -> RtpLine:
        """The phone rings and is answered, for the so-manieth time; the customer's end of the sound."""
        until(lambda: self.noticed("answered", number) == times, lambda: f"{number}: {self.phones.notices()}")
        return self.phones.speak(number)

    def say_hello(self, number: str, times: int = 1) -> RtpLine:
        """Pick up, and say 喂."""
        line = self.pick_up(number, times)
        listen(0.3)
        line.hum(0.4)
        return line
