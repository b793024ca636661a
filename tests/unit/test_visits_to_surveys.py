"""From a visit that is sent to a customer who is rung: once, about what the visit is now, unless it is taken back."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from ivr.hotline import Hotline, load_hotline
from ivr.settings import ROOT, StatePaths
from ivr.store.session import Store
from ivr.store.surveys import Contact
from ivr.surveys.claims import claim
from ivr.surveys.facts import FactFinder
from ivr.surveys.ids import contact_id
from ivr.surveys.line import Order
from ivr.surveys.plan import plan
from ivr.visits.intake import read_visit, sort_out
from ivr.visits.keeping import VisitKeeper
from tests.stores import engine_url, store
from tests.survey_world import SURVEY, World

__all__ = ["engine_url", "store"]

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
"""10:00 in Shanghai."""
ANNA, BEN = "13800138000", "13800138009"
CONTACT = contact_id(SURVEY, "V1")


@pytest.fixture(scope="module")
def hotline() -> Hotline:
    return load_hotline(ROOT / "hotline.yaml")


@pytest.fixture
def world(paths: StatePaths, store: Store, hotline: Hotline) -> World:
    return World(paths, store, hotline, NOW)


def keeper(world: World) -> VisitKeeper:
    return VisitKeeper(world.store, world.journal, world.now, by="api:workshop")


def send(world: World, **more: object) -> None:
    given: dict[str, object] = {"external_id": "V1", "number": ANNA, "name": "王建国", "kind": "保养"}
    given |= {"ended_at": "2026-03-01 10:00"} | more
    done = keeper(world).take(sort_out([(1, read_visit(given, 1, world.hotline.zone, world.now))]))
    assert done.errors == []


def planned(world: World) -> None:
    plan(world.store, FactFinder(world.hotline), world.now)


def states(world: World) -> dict[str, str]:
    with world.store.read() as session:
        return {row.number: row.state for row in session.scalars(select(Contact))}


def test_visit_that_is_sent_is_asked_about_once_however_often_it_is_sent(world: World) -> None:
    send(world)
    world.start()
    for _ in range(3):
        send(world)
        planned(world)
        world.wait(60)
    assert [rung.number for rung in world.rung] == [ANNA]
    assert world.contact(CONTACT).state == "completed"


def test_visit_that_is_corrected_in_time_is_asked_about_as_it_is_now(world: World) -> None:
    send(world)
    planned(world)
    send(world, number=BEN, name="李四", language="en", key=True)
    assert states(world) == {}
    world.start()
    world.wait(60)
    assert [(rung.number, rung.contact) for rung in world.rung] == [(BEN, CONTACT)]
    assert (world.contact(CONTACT).language, world.contact(CONTACT).key) == ("en", True)


def test_visit_that_is_of_another_kind_now_is_not_asked_about(world: World) -> None:
    send(world)
    planned(world)
    send(world, kind="洗车")
    world.start()
    world.ticks(5)
    assert states(world) == {} and world.rung == []


def test_visit_that_was_withdrawn_before_it_was_planned_makes_no_contact(world: World) -> None:
    send(world)
    keeper(world).withdraw("V1")
    world.start()
    world.ticks(5)
    assert states(world) == {} and world.rung == []


def test_withdrawn_visit_ends_its_contact_and_nobody_is_rung(world: World) -> None:
    send(world)
    planned(world)
    assert keeper(world).withdraw("V1") == 1
    world.start()
    world.ticks(5)
    assert world.contact(CONTACT).state == "cancelled" and world.rung == []


def test_consent_that_is_taken_back_ends_the_contact_and_nobody_is_rung(world: World) -> None:
    send(world)
    planned(world)
    send(world, consent=False)
    world.start()
    world.ticks(5)
    assert world.contact(CONTACT).state == "cancelled" and world.rung == []


@pytest.mark.parametrize("withdrawn", [True, False], ids=["withdrawn", "no consent"])
def test_nobody_is_rung_while_the_journals_word_is_still_on_its_way(world: World, withdrawn: bool) -> None:
    send(world)
    world.start()
    if withdrawn:
        keeper(world).withdraw("V1")
    else:
        send(world, consent=False)
    assert world.contact(CONTACT).state == "planned"
    with world.store.read() as session:
        (known,) = FactFinder(world.hotline).know(session, [session.get_one(Contact, CONTACT)], world.now)
    decision = known.decide()
    assert (decision.step, decision.reason) == ("give_up", "withdrawn" if withdrawn else "no_consent")
    assert not claim(world.store, Order(CONTACT, 1, ANNA, SURVEY, "zh-CN"), "due", world.now)


def test_call_that_is_under_way_when_a_visit_is_withdrawn_is_the_last(world: World) -> None:
    send(world)
    world.fates[ANNA] = ["broken_off", "completed"]
    world.start()
    world.tick()
    assert keeper(world).withdraw("V1") == 1
    for _ in range(3):
        world.wait(3600)
    assert len(world.rung) == 1
    assert world.contact(CONTACT).state == "cancelled"
