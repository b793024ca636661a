"""Visits taken into the tables: each whole or not at all, again and again without harm, and taken back."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from ivr.calls.flow_log import read_flow
from ivr.calls.journal import Journal
from ivr.customers.file import Entry, check, customer_by_number, keep
from ivr.customers.history import visits_of
from ivr.store.customers import Customer, Visit
from ivr.store.session import Store
from ivr.store.surveys import Contact, ContactAttempt
from ivr.surveys.ids import attempt_call_id, contact_id
from ivr.visits import keeping
from ivr.visits.intake import Sorted, read_visit, sort_out
from ivr.visits.keeping import Taken, VisitKeeper, VisitNotFound
from ivr.visits.record import Chosen, kinds_and_servers, list_visits
from tests.stores import dump, engine_url, store

__all__ = ["engine_url", "store"]

NOW = dt.datetime(2026, 11, 22, 2, 30, tzinfo=dt.UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
WANG, LI = "13800138000", "13900000001"
GIVEN: dict[str, object] = {
    "external_id": "WO-1",
    "number": WANG,
    "kind": "保养",
    "ended_at": "2026-11-21 10:00",
    "name": "王建国",
    "title": "先生",
    "by": "二号车间",
}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "flow.jsonl", lambda: NOW)


@pytest.fixture
def keeper(store: Store, journal: Journal) -> VisitKeeper:
    return VisitKeeper(store, journal, NOW, by="boss")


def visits(*given: dict[str, object]) -> Sorted:
    return sort_out((line, read_visit(GIVEN | each, line, SHANGHAI, NOW)) for line, each in enumerate(given, start=1))


def summary(done: Taken) -> tuple[int, int, int, list[str]]:
    return done.new, done.changed, done.same, [error.problem for error in done.errors]


def send(keeper: VisitKeeper, *given: dict[str, object]) -> tuple[int, int, int, list[str]]:
    return summary(keeper.take(visits(*given)))


def kept(store: Store, external_id: str = "WO-1") -> Visit:
    with store.read() as session:
        found = session.scalar(select(Visit).where(Visit.external_id == external_id))
    assert found is not None
    return found


def plan(store: Store, external_id: str = "WO-1", survey: str = "after_service", **facts: object) -> str:
    """A contact as the plan makes it."""
    visit = kept(store, external_id)
    usual: dict[str, object] = {"number": visit.number, "language": "zh-CN", "reason": "not_due"}
    usual |= {"due_at": NOW, "next_at": NOW, "expires_at": NOW + dt.timedelta(days=7)}
    contact = contact_id(survey, external_id)
    with store.write() as session:
        session.add(Contact(id=contact, survey=survey, visit_id=visit.id, **(usual | facts)))  # type: ignore[arg-type]
    return contact


def claim(store: Store, contact: str) -> None:
    """The dialler takes the contact's first attempt."""
    with store.write() as session:
        row = session.get(Contact, contact)
        assert row is not None
        row.state, row.attempts = "dialling", 1
        attempt = {"number": row.number, "call_id": attempt_call_id(contact, 1), "claimed_at": NOW}
        session.add(ContactAttempt(contact_id=contact, attempt=1, **attempt))


def contacts(store: Store) -> dict[str, str]:
    with store.read() as session:
        return {row.id: row.state for row in session.scalars(select(Contact))}


def told(journal: Journal) -> list[tuple[str, str | None, object]]:
    if not journal.path.exists():
        return []
    events, _ = read_flow(journal.path.read_bytes())
    return [(event.kind, event.call_id, event.data.get("by")) for _, event in events]


# ---- new, changed, same ----------------------------------------------------------------------------------


def test_stranger_becomes_a_customer_and_the_visit_theirs(keeper: VisitKeeper, store: Store) -> None:
    given = {"key": True, "language": "en", "consent": False, "notes": "机油"}
    assert send(keeper, given) == (1, 0, 0, [])
    with store.read() as session:
        customer = customer_by_number(session, WANG)
        assert customer is not None
        assert [visit.external_id for visit in visits_of(session, customer)] == ["WO-1"]
    assert (customer.name, customer.surname, customer.title, customer.addressed) == ("王建国", "王", "先生", "王先生")
    assert (customer.key, customer.language) == (True, "en")
    visit = kept(store)
    assert (visit.kind, visit.by, visit.number, visit.language, visit.notes) == ("保养", "二号车间", WANG, "en", "机油")
    assert (visit.at, visit.consent) == (dt.datetime(2026, 11, 21, 2, tzinfo=dt.UTC), False)


def test_same_again_changes_nothing_at_all(keeper: VisitKeeper, store: Store, journal: Journal) -> None:
    send(keeper, {}, {"external_id": "WO-2", "number": LI, "name": "李四", "title": None})
    before = dump(store)
    later = VisitKeeper(store, journal, NOW + dt.timedelta(hours=1), by="boss")
    assert send(later, {}, {"external_id": "WO-2", "number": LI, "name": "李四", "title": None}) == (0, 0, 2, [])
    assert send(later, {"name": None, "title": None, "by": None}) == (0, 0, 1, [])  # nothing given is nothing changed
    assert dump(store) == before
    assert told(journal) == []


def test_what_differs_is_changed_and_what_is_not_given_stays(keeper: VisitKeeper, store: Store) -> None:
    send(keeper, {"consent": False, "notes": "机油"})
    assert send(keeper, {"by": "三号车间", "ended_at": "2026-11-21 11:00"}) == (0, 1, 0, [])
    visit = kept(store)
    assert (visit.by, visit.notes, visit.consent) == ("三号车间", "机油", False)
    assert visit.at == dt.datetime(2026, 11, 21, 3, tzinfo=dt.UTC)
    assert send(keeper, {"number": LI, "name": "李四"}) == (0, 1, 0, [])
    with store.read() as session:
        assert session.get_one(Customer, kept(store).customer_id).name == "李四"


def test_customers_of_the_same_number_are_one(keeper: VisitKeeper, store: Store) -> None:
    found = send(keeper, {}, {"external_id": "WO-2", "number": "+86 138 0013 8000", "name": None, "key": True})
    assert found == (2, 0, 0, [])
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 1
        customer = customer_by_number(session, WANG)
    assert customer is not None and (customer.name, customer.key) == ("王建国", True)


def test_the_file_knows_better_than_a_visit_but_for_blanks_and_key_customers(keeper: VisitKeeper, store: Store) -> None:
    with store.write() as session:
        entry = Entry(name="王小姐", numbers=(WANG, "02155667788"), notes="老客户", blocked=True)
        keep(store, session, check(entry, agents=(), year=2026), NOW)
    assert send(keeper, {"name": "李四", "title": "先生"}) == (1, 0, 0, [])
    assert _customer(store).title == ""  # it is somebody else's
    assert send(keeper, {"name": "王建国", "title": "女士", "key": True}) == (0, 1, 0, [])
    assert send(keeper, {"title": "先生", "key": False}) == (0, 0, 1, [])
    known = _customer(store)
    assert (known.name, known.title, known.key, known.notes, known.blocked) == ("王小姐", "女士", True, "老客户", True)
    assert known.numbers == ("02155667788", WANG)


def _customer(store: Store) -> Entry:
    with store.read() as session:
        found = customer_by_number(session, WANG)
    assert found is not None
    return found


def test_number_that_has_changed_hands_leaves_the_visit_with_its_customer(keeper: VisitKeeper, store: Store) -> None:
    send(keeper, {})
    first = _customer(store)
    with store.write() as session:
        keep(store, session, Entry(id=first.id, name="王建国", surname="王", numbers=(LI,)), NOW)
        keep(store, session, Entry(name="新机主", surname="新", numbers=(WANG,)), NOW)
    assert send(keeper, {"title": None}) == (0, 0, 1, [])
    assert kept(store).customer_id == first.id


def test_good_lines_are_taken_and_bad_ones_named(keeper: VisitKeeper, store: Store) -> None:
    stranger = {"external_id": "WO-2", "number": LI, "name": None, "title": None}
    done = keeper.take(visits({}, stranger, {"kind": None}, {}, {"by": "x"}))
    assert summary(done) == (1, 0, 1, ["stranger", "missing", "twice"])
    assert [(error.line, error.field) for error in done.errors] == [(2, "name"), (3, "kind"), (5, "external_id")]
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 1


def test_stranger_without_a_name_is_known_by_a_line_before(keeper: VisitKeeper, store: Store) -> None:
    nameless = {"external_id": "WO-2", "name": None, "title": None}
    assert send(keeper, nameless, {}) == (1, 0, 0, ["stranger"])
    assert send(keeper, {}, nameless) == (1, 0, 1, [])


def test_surname_alone_is_a_name(keeper: VisitKeeper, store: Store) -> None:
    assert send(keeper, {"name": None, "surname": "欧阳"}) == (1, 0, 0, [])
    with store.read() as session:
        assert _customer(store).addressed == "欧阳先生"
        assert [line.name for line in list_visits(session, Chosen()).items] == ["欧阳"]


# ---- whole or not at all ---------------------------------------------------------------------------------


def test_preview_says_what_will_happen_and_keeps_nothing(
    keeper: VisitKeeper, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "PER_TRANSACTION", 2)
    send(keeper, {}, {"external_id": "WO-2", "number": LI, "name": "李四"})
    sent = visits(
        {"key": True},
        {"external_id": "WO-2", "number": LI, "name": "李四", "kind": "维修"},
        {"external_id": "WO-3", "number": "13900000003", "name": "赵六"},
        {"external_id": "WO-4", "number": "13900000004", "name": None},
        {"external_id": "WO-5", "number": "13900000003", "name": None},
        {"external_id": "WO-6", "number": "abc"},
        {"key": True},
    )
    before = dump(store)
    foretold = keeper.preview(sent)
    assert summary(foretold) == (2, 2, 1, ["stranger", "number"])
    assert dump(store) == before
    assert keeper.take(sent) == foretold


def test_trouble_in_the_middle_leaves_whole_transactions_and_the_same_again_goes_on(
    keeper: VisitKeeper, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "PER_TRANSACTION", 2)
    add_new: Callable[..., list[int]] = keeping.add_new
    sent = visits(*({"external_id": f"WO-{n}", "number": f"1390000{n:04}", "name": f"王{n}"} for n in range(5)))
    calls: Iterator[bool] = iter([True, False])

    def power_cut(*arguments: object) -> list[int]:
        if next(calls):
            return add_new(*arguments)
        raise OSError("the lights went out")

    monkeypatch.setattr(keeping, "add_new", power_cut)
    with pytest.raises(OSError, match="lights"):
        keeper.take(sent)
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(Visit)) == 2
        assert session.scalar(select(func.count()).select_from(Customer)) == 2
    monkeypatch.setattr(keeping, "add_new", add_new)
    assert summary(keeper.take(sent)) == (3, 0, 2, [])


def test_the_same_visits_sent_at_once_by_many_are_taken_once(store: Store, journal: Journal) -> None:
    sent = visits(*({"external_id": f"WO-{n}", "number": f"1390000{n % 7:04}", "name": "王"} for n in range(30)))
    start, done = threading.Barrier(4), []

    def take() -> None:
        start.wait()
        done.append(summary(VisitKeeper(store, journal, NOW, by="x").take(sent)))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [(0, 0, 30, [])] * 3 + [(30, 0, 0, [])]
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 7


# ---- once the customer has been rung ---------------------------------------------------------------------


def test_planned_contact_of_a_changed_visit_is_planned_anew(keeper: VisitKeeper, store: Store) -> None:
    send(keeper, {})
    plan(store)
    assert send(keeper, {}) == (0, 0, 1, [])
    assert len(contacts(store)) == 1
    assert send(keeper, {"by": "三号车间"}) == (0, 1, 0, [])
    assert contacts(store) == {}
    plan(store)
    assert send(keeper, {"by": "三号车间", "key": True}) == (0, 1, 0, [])
    assert contacts(store) == {}  # a key customer's is another plan


@pytest.mark.parametrize("state", ["dialling", "completed", "gave_up", "cancelled"])
def test_visit_that_was_asked_about_stays_as_it_was(keeper: VisitKeeper, store: Store, state: str) -> None:
    send(keeper, {})
    plan(store, state=state)
    found = keeper.take(visits({"by": "三号车间", "number": LI, "name": "李四"}))
    assert summary(found) == (0, 0, 0, ["begun"])
    assert "(by, number)" in found.errors[0].message
    assert kept(store).by == "二号车间"
    with store.read() as session:
        assert customer_by_number(session, LI) is None
    assert send(keeper, {}) == (0, 0, 1, [])
    assert len(contacts(store)) == 1


def test_attempt_that_is_claimed_is_never_forgotten(keeper: VisitKeeper, store: Store) -> None:
    send(keeper, {})
    contact = plan(store)
    claim(store, contact)
    with store.write() as session:  # the journal has not told yet that it goes on
        session.get_one(Contact, contact).state = "planned"
    assert send(keeper, {"by": "三号车间"}) == (0, 0, 0, ["begun"])
    assert contacts(store) == {contact: "planned"}


def test_consent_that_is_taken_back_ends_the_contact_whatever_else_is_too_late(
    keeper: VisitKeeper, store: Store, journal: Journal
) -> None:
    send(keeper, {})
    contact = plan(store)
    claim(store, contact)
    assert send(keeper, {"consent": False, "by": "三号车间"}) == (0, 1, 0, ["begun"])
    assert (kept(store).consent, kept(store).by) == (False, "二号车间")
    assert told(journal) == [("contact.cancelled", contact, "boss")]
    assert send(keeper, {"consent": True}) == (0, 0, 0, ["begun"])
    assert kept(store).consent is False


def test_consent_may_change_until_then(keeper: VisitKeeper, store: Store, journal: Journal) -> None:
    send(keeper, {})
    assert send(keeper, {"consent": False}) == (0, 1, 0, [])
    assert send(keeper, {"consent": True}) == (0, 1, 0, [])
    assert kept(store).consent and told(journal) == []


# ---- withdrawn -------------------------------------------------------------------------------------------


def test_withdrawn_visit_ends_its_open_contacts_and_stays_withdrawn(
    keeper: VisitKeeper, store: Store, journal: Journal
) -> None:
    send(keeper, {}, {"external_id": "WO-2"})
    one, two = plan(store), plan(store, survey="other")
    plan(store, survey="over", state="completed")
    plan(store, "WO-2")
    assert keeper.withdraw("WO-1") == 2
    assert sorted(told(journal)) == sorted(("contact.cancelled", each, "boss") for each in (one, two))
    assert kept(store).withdrawn_at == NOW
    assert send(keeper, {}) == (0, 0, 0, ["withdrawn"])
    later = VisitKeeper(store, journal, NOW + dt.timedelta(hours=1), by="boss")
    assert later.withdraw("WO-1") == 2  # the journal may have been told in vain before: again does no harm
    assert kept(store).withdrawn_at == NOW
    with store.read() as session:
        assert [visit.external_id for visit in visits_of(session, _customer(store))] == ["WO-2"]


def test_withdrawing_what_never_was_is_told(keeper: VisitKeeper) -> None:
    with pytest.raises(VisitNotFound, match="no visit"):
        keeper.withdraw("WO-9")


def test_visit_is_not_withdrawn_where_the_journal_cannot_be_written(store: Store, tmp_path: Path) -> None:
    away = Journal(tmp_path / "away" / "flow.jsonl", lambda: NOW)
    keeper = VisitKeeper(store, away, NOW, by="boss")
    send(keeper, {})
    plan(store)
    with pytest.raises(FileNotFoundError):
        keeper.withdraw("WO-1")
    assert kept(store).withdrawn_at is None


# ---- finding them again ----------------------------------------------------------------------------------


def test_visits_are_found_by_kind_server_day_and_words(keeper: VisitKeeper, store: Store) -> None:
    send(
        keeper,
        {},
        {"external_id": "WO-2", "number": LI, "name": "李四", "kind": "维修", "by": None, "ended_at": "2026-11-20"},
        {"external_id": "100%", "number": "02155667788", "name": "赵六", "ended_at": "2026-11-19 9:00"},
    )

    def found(**chosen: object) -> list[str]:
        with store.read() as session:
            lines = list_visits(session, Chosen(**chosen)).items  # type: ignore[arg-type]
        return [line.visit.external_id for line in lines]

    assert found() == ["WO-1", "WO-2", "100%"]
    assert found(kind="保养") == ["WO-1", "100%"]
    assert found(by="二号车间", since=dt.datetime(2026, 11, 20, tzinfo=dt.UTC)) == ["WO-1"]
    assert found(until=dt.datetime(2026, 11, 20, tzinfo=dt.UTC)) == ["100%"]
    assert found(text="wo-") == found(text="WO-") == ["WO-1", "WO-2"]
    assert found(text="王") == found(text="138-0013") == ["WO-1"]
    assert found(text="%") == ["100%"]
    assert found(text="\x00\udc80") == []
    with store.read() as session:
        assert kinds_and_servers(session) == (["保养", "维修"], ["二号车间"])
        assert list_visits(session, Chosen(), page=9).items == []
