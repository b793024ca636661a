"""Campaigns: started, paused, counted; and the emergency stop that ends everything outbound."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from ivr.calls.journal import Journal
from ivr.cli.campaigns import campaigns_app
from ivr.hotline import Hotline, load_hotline
from ivr.settings import ROOT, Settings, StatePaths
from ivr.store.customers import Customer, Visit
from ivr.store.migrate import migrate
from ivr.store.session import Store
from ivr.store.surveys import Campaign, Contact, ContactAttempt
from ivr.surveys import campaigns
from ivr.surveys.campaigns import NoSuchSurvey, NothingToRing
from ivr.surveys.funnel import STAGES
from ivr.surveys.ids import attempt_call_id, contact_id
from tests.stores import engine_url, store

__all__ = ["engine_url", "store"]

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SURVEY = "after_service"


@pytest.fixture(scope="module")
def hotline() -> Hotline:
    return load_hotline(ROOT / "hotline.yaml")


@pytest.fixture
def journal(paths: StatePaths) -> Journal:
    return Journal(paths.journal / "flow.jsonl", now=lambda: NOON)


def told(journal: Journal) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.path.read_text().splitlines()]


def test_nobody_is_rung_before_a_supervisor_starts_the_campaign_and_nobody_more_once_it_is_paused(
    store: Store, journal: Journal, hotline: Hotline
) -> None:
    def running() -> list[str]:
        with store.read() as session:
            return campaigns.running(session, hotline)

    with store.read() as session:
        assert campaigns.state_of(session, SURVEY) == "planned"
    assert running() == []
    campaigns.start(store, journal, hotline, SURVEY, by="boss")
    campaigns.start(store, journal, hotline, SURVEY, by="somebody else")
    assert running() == [SURVEY]
    campaigns.pause(store, journal, hotline, SURVEY, by="boss")
    assert running() == []
    assert [(one["event"], one["state"], one["by"]) for one in told(journal)] == [
        ("campaign.changed", "running", "boss"),
        ("campaign.changed", "paused", "boss"),
    ]


def test_a_survey_that_is_gone_from_the_business_file_is_not_being_rung(
    store: Store, journal: Journal, hotline: Hotline
) -> None:
    with store.write() as session:
        session.add(Campaign(survey="of_last_year", state="running", changed_at=NOON, by="boss"))
    with store.read() as session:
        assert campaigns.running(session, hotline) == []
    with pytest.raises(NoSuchSurvey, match=SURVEY):
        campaigns.start(store, journal, hotline, "of_last_year", by="boss")


def test_without_a_trunk_no_campaign_starts(store: Store, journal: Journal, hotline: Hotline) -> None:
    mute = hotline.model_copy(update={"outbound": hotline.outbound.model_copy(update={"trunk": None})})
    with pytest.raises(NothingToRing, match=r"outbound\.trunk"):
        campaigns.start(store, journal, mute, SURVEY, by="boss")


def test_the_funnel_counts_every_contact_once_and_its_states_add_up(store: Store, hotline: Hotline) -> None:
    rows: list[tuple[str, dict[str, Any], bool]] = [
        ("completed", {"reached_at": NOON}, True),
        ("declined", {"reached_at": NOON}, True),
        ("planned", {"reason": "pause_busy"}, True),
        ("planned", {"reason": "not_due", "due_at": NOON + timedelta(hours=1)}, False),
        ("planned", {"reason": "per_day"}, False),
    ]
    with store.write() as session:
        session.add(Customer(id=1, name="王", updated_at=NOON))
        session.flush()
        for count, (state, facts, dialled) in enumerate(rows, start=1):
            session.add(Visit(id=count, external_id=f"V{count}", customer_id=1, kind="保养", at=NOON))
            session.flush()
            known: dict[str, Any] = {"due_at": NOON, "next_at": NOON, "expires_at": NOON, "reason": ""}
            contact = Contact(
                id=contact_id(SURVEY, f"V{count}"),
                survey=SURVEY,
                visit_id=count,
                number="13800138000",
                language="zh-CN",
                state=state,
                attempts=2 if dialled else 1,
                **(known | facts),
            )
            session.add(contact)
            session.flush()
            for attempt in (1, 2) if dialled else (1,):
                session.add(
                    ContactAttempt(
                        contact_id=contact.id,
                        attempt=attempt,
                        number=contact.number,
                        call_id=attempt_call_id(contact.id, attempt),
                        claimed_at=NOON,
                        dialled_at=NOON if dialled else None,
                    )
                )
    with store.read() as session:
        assert len(session.scalars(select(Contact)).all()) == 5
        [whole] = campaigns.overview(session, hotline, NOON)
    assert [whole.funnel.at_least(stage) for stage in STAGES] == [5, 4, 3, 2, 1]
    assert whole.funnel.states == {"completed": 1, "declined": 1, "planned": 3}
    assert whole.reasons == {"pause_busy": 1, "not_due": 1, "per_day": 1}
    assert (whole.survey, whole.state, whole.changed_at) == (SURVEY, "planned", None)


def test_the_emergency_stop_is_in_force_at_once_and_until_somebody_ends_it(paths: StatePaths, journal: Journal) -> None:
    assert campaigns.read_stop(paths) is None
    campaigns.resume_outbound(paths, journal, by="boss")
    assert not journal.path.exists(), "there was nothing to end"
    campaigns.stop_outbound(paths, journal, by="boss")
    campaigns.stop_outbound(paths, journal, by="boss")
    stop = campaigns.read_stop(paths)
    assert stop is not None and (stop.since, stop.by) == (NOON, "boss")
    campaigns.resume_outbound(paths, journal, by="chief")
    assert campaigns.read_stop(paths) is None
    assert [(one["event"], one["by"]) for one in told(journal)] == [
        ("outbound.stopped", "boss"),
        ("outbound.stopped", "boss"),
        ("outbound.goes_on", "chief"),
    ]


@pytest.mark.parametrize("text", ["", "stop!", "[]", '{"since": 1, "by": "x"}', '{"since": "2026-13-01", "by": ""}'])
def test_a_stop_file_made_by_hand_stops_everything_too(paths: StatePaths, text: str) -> None:
    paths.outbound_stopped.write_text(text)
    assert campaigns.read_stop(paths) is not None


def test_the_stop_is_in_force_even_when_the_journal_cannot_be_written(paths: StatePaths, journal: Journal) -> None:
    journal.path.mkdir()
    with pytest.raises(OSError):
        campaigns.stop_outbound(paths, journal, by="boss")
    assert campaigns.read_stop(paths) is not None


def test_an_operator_starts_pauses_and_stops(settings: Settings) -> None:
    settings.paths.create()
    migrate(settings.store_url)

    def run(*args: str) -> str:
        done = CliRunner().invoke(campaigns_app, [*args, "--state", str(settings.state_dir)])
        assert done.exit_code == 0, done.exception
        return done.output

    def campaign() -> Any:
        [found] = json.loads(run("list", "--json"))["campaigns"]
        return found

    assert (campaign()["state"], campaign()["contacts"]) == ("planned", 0)
    run("start", SURVEY, "--by", "boss")
    assert (campaign()["state"], campaign()["by"]) == ("running", "boss")
    run("pause", SURVEY)
    assert campaign()["state"] == "paused"
    run("stop", "--by", "boss")
    assert settings.paths.outbound_stopped.exists()
    assert json.loads(run("list", "--json"))["stopped"]["by"] == "boss"
    assert "by boss: `ivr campaigns go`" in run("list")
    run("go")
    assert "stopped" not in run("list") and SURVEY in run("list")
    wrong = CliRunner().invoke(campaigns_app, ["start", "nothing", "--state", str(settings.state_dir)])
    assert isinstance(wrong.exception, NoSuchSurvey)
