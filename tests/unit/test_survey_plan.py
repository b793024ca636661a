"""From visits to contacts: everybody is planned once, and whoever must not be rung has the reason written down."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from ivr.hotline import Hotline, load_hotline
from ivr.settings import ROOT, StatePaths
from ivr.store.customers import CustomerNumber, Visit
from ivr.store.session import Store, open_store
from ivr.store.surveys import Contact
from ivr.surveys import campaigns, do_not_call
from ivr.surveys.facts import FactFinder
from ivr.surveys.ids import contact_id
from ivr.surveys.plan import Planner, plan
from tests.stores import engine_url, store
from tests.survey_world import SURVEY, World

__all__ = ["engine_url", "store"]

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
"""10:00 in Shanghai."""
ANNA, BEN, LANDLINE = "13800138000", "13800138009", "02155667788"


@pytest.fixture(scope="module")
def hotline() -> Hotline:
    return load_hotline(ROOT / "hotline.yaml")


@pytest.fixture
def world(paths: StatePaths, store: Store, hotline: Hotline) -> World:
    return World(paths, store, hotline, NOW)


def planned(world: World) -> int:
    return plan(world.store, FactFinder(world.hotline), world.now)


def visit(world: World, name: str, **values: Any) -> None:
    with world.store.write() as session:
        row = session.scalars(select(Visit).where(Visit.external_id == name)).one()
        for key, value in values.items():
            setattr(row, key, value)


def contacts(world: World) -> int:
    with world.store.read() as session:
        return session.scalar(select(func.count()).select_from(Contact)) or 0


def test_a_visit_becomes_a_contact_due_hours_later_and_for_some_days_and_only_once(world: World) -> None:
    anna = world.visit("V1", ANNA, due=NOW + timedelta(hours=3), key=True, language="en")
    assert planned(world) == 1
    assert planned(world) == 0
    found = world.contact(anna)
    assert (found.survey, found.number, found.state, found.reason) == (SURVEY, ANNA, "planned", "not_due")
    assert (found.key, found.language, found.attempts) == (True, "en", 0)
    assert found.due_at == found.next_at == NOW + timedelta(hours=3)
    assert found.expires_at == found.due_at + timedelta(days=7)
    assert anna == contact_id(SURVEY, "V1")


def test_only_visits_of_the_surveys_kinds_with_consent_and_not_too_long_ago_are_asked_about(world: World) -> None:
    world.visit("V1", ANNA, kind="洗车")
    world.visit("V2", ANNA)
    visit(world, "V2", consent=False)
    world.visit("V3", ANNA, due=NOW - timedelta(days=7))
    assert planned(world) == 0
    world.change("survey", visits=[])
    assert planned(world) == 1, "a survey without kinds asks about every visit"


@pytest.mark.parametrize(
    ("own", "numbers", "dialled"),
    [
        (f"+86{BEN}", (ANNA,), BEN),
        (None, (LANDLINE, ANNA), LANDLINE),
        ("0014155550100", (ANNA,), ANNA),
        ("4008001001", ("12345",), "4008001001"),
    ],
)
def test_the_visits_own_number_is_dialled_else_the_customers_first_that_can_be(
    world: World, own: str | None, numbers: tuple[str, ...], dialled: str
) -> None:
    one = world.visit("V1", numbers[0], numbers=numbers)
    visit(world, "V1", number=own)
    planned(world)
    assert world.contact(one).number == dialled


def test_a_customer_without_a_number_at_all_is_planned_and_given_up_for_that(world: World) -> None:
    one = world.visit("V1", ANNA)
    visit(world, "V1", number=None)
    with world.store.write() as session:
        for row in session.scalars(select(CustomerNumber)):
            session.delete(row)
    planned(world)
    assert (world.contact(one).number, world.contact(one).reason) == ("", "number_unusable")
    world.ticks(3)
    assert world.contact(one).state == "planned", "nobody looks before the campaign runs"
    world.start()
    world.ticks(3)
    assert world.contact(one).state == "gave_up"


def test_whoever_must_not_be_rung_is_planned_with_the_reason(world: World) -> None:
    blocked = world.visit("V1", ANNA, blocked=True)
    listed = world.visit("V2", BEN)
    do_not_call.add(world.store, world.journal, BEN, reason="page", by="boss")
    planned(world)
    assert (world.contact(blocked).reason, world.contact(listed).reason) == ("blocked", "do_not_call")


def test_whoever_was_asked_lately_is_planned_for_later_with_the_reason(world: World) -> None:
    world.change("survey", again_days=3)
    world.visit("V1", ANNA)
    world.start()
    world.tick()
    world.wait(60)
    second = world.visit("V2", ANNA)
    planned(world)
    found = world.contact(second)
    assert found.reason == "asked_lately"
    assert timedelta(days=2, hours=23) < found.next_at - NOW < timedelta(days=3, hours=1)


def test_a_visit_that_comes_in_later_is_planned_at_the_next_look(world: World) -> None:
    planner = Planner(world.store, lambda: world.hotline, lambda: world.now)
    for count in range(3):
        world.visit(f"V{count}", ANNA)
        assert planner.look() == 1
    assert contacts(world) == 3


def test_a_database_that_is_away_is_waited_for(
    world: World, hotline: Hotline, caplog: pytest.LogCaptureFixture
) -> None:
    planner = Planner(open_store("sqlite:////nowhere/ivr.db"), lambda: hotline, lambda: world.now)
    assert planner.look() == planner.look() == 0
    assert caplog.text.count("Planning waits") == 1


def test_many_visits_are_planned_in_portions_and_all_of_them(world: World) -> None:
    first = world.visit("V0", ANNA)
    with world.store.write() as session:
        of = session.scalars(select(Visit.customer_id)).one()
        at = NOW - timedelta(hours=20)
        session.add_all(Visit(external_id=f"V{count}", customer_id=of, kind="保养", at=at) for count in range(1, 1201))
    assert planned(world) == 1201
    assert contacts(world) == 1201
    assert world.contact(first).number == ANNA


def test_the_page_can_say_why_a_contact_is_rung_now_or_why_not(world: World) -> None:
    anna = world.visit("V1", ANNA)
    planned(world)

    def why(*, stopped: bool = False) -> str:
        with world.store.read() as session:
            row = session.get(Contact, anna)
            assert row is not None
            return FactFinder(world.hotline).why(session, row, world.now, stopped=stopped).reason

    assert why() == "not_started"
    world.start()
    assert (why(), why(stopped=True)) == ("due", "stopped")
    campaigns.pause(world.store, world.journal, world.hotline, SURVEY, by="boss")
    assert why() == "paused"
    world.start()
    kept = world.hotline
    world.change("outbound", trunk=None)
    assert why() == "no_trunk"
    world.hotline = kept.model_copy(update={"surveys": {}})
    assert why() == "survey_gone"
    world.hotline = kept
    world.tick()
    assert why() == "being_rung"
    world.wait(60)
    assert why() == "over"
