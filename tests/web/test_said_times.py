"""A customer said when to call and was not understood for sure: a supervisor listens and settles it on the page."""

import datetime as dt
import itertools
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from ivr.calls.ingest import Ingestor
from ivr.cases.opening import open_cases
from ivr.hotline import load_hotline
from ivr.hotline.survey_prompts import SAID_TIME
from ivr.settings import ROOT, Settings
from ivr.store.followup import Case
from ivr.store.models import AccessLog, JournalEvent, Leg, Transcript
from ivr.store.session import Store, open_store
from ivr.store.surveys import Contact, comment_leg
from ivr.surveys.projection import apply
from tests.survey_tables import SurveyTables
from tests.web.conftest import SignIn, post
from tests.web.seed import NOW, write_wav
from tests.web.seed_surveys import recorded_call
from tests.web.test_customers import DESK, PHONE, OpenPage, open_page

__all__ = ["open_page"]

_VISITS = itertools.count()
ZONE = load_hotline(ROOT / "hotline.yaml").zone
WORDS = ("明天", "下午", "三点")


@pytest.fixture
def store(web_settings: Settings) -> Iterator[Store]:
    opened = open_store(web_settings.store_url)
    yield opened
    opened.close()


@pytest.fixture
def said(store: Store, web_settings: Settings) -> str:
    """A contact whose customer has just said 明天下午三点 in a call, as the demonstration model heard it."""
    paths = web_settings.paths
    with store.write() as session:
        tables = SurveyTables(session, NOW)
        visit = tables.visit(name=f"said-{next(_VISITS)}")
        contact = tables.contact("planned", visit, expires_at=NOW + dt.timedelta(days=5), reason="time_said")
        attempt = tables.attempt(contact, "later", at=NOW - dt.timedelta(hours=1), answered_at=NOW)
        contact.time_said_in = call_id = attempt.call_id
        recorded_call(tables, paths, attempt, NOW)
        leg, relative = comment_leg(call_id, SAID_TIME), f"surveys/{call_id}-comment-later.wav"
        write_wav(paths.recordings / relative, 3.0, [(0.5, 2.5)])
        session.add(Leg(id=leg, call_id=call_id, role="comment", recording=relative, seconds=3.0))
        heard = [{"word": word, "start": n, "end": n + 0.5, "confidence": 0.9} for n, word in enumerate(WORDS)]
        session.add(Transcript(leg_id=leg, state="done", model="demo-zh", demonstration=True, words=heard))
        at = NOW - dt.timedelta(minutes=59)
        ended = {"result": "later", "recording": relative, "seconds": 3.0}
        event = {"source": "flow", "position": f"said:{call_id}", "call_id": call_id, "kind": "survey.ended"}
        session.add(JournalEvent(**event, channel_id=None, at=at, data=ended))
        return contact.id


def tomorrow_at(hour: int) -> str:
    """What a browser sends of its field for a date and time."""
    return f"{(NOW.astimezone(ZONE) + dt.timedelta(days=1)).date()}T{hour:02}:00"


def settled(store: Store, settings: Settings, contact: str) -> dt.datetime | None:
    Ingestor(settings.paths, store, lambda: NOW, followers=[apply]).once()
    with store.read() as session:
        return session.get_one(Contact, contact).agreed_at


@pytest.mark.standards("S26")
def test_a_supervisor_listens_and_settles_the_time(
    sign_in: SignIn, store: Store, web_settings: Settings, said: str
) -> None:
    boss = sign_in("boss")
    page = boss.get(f"/contacts/{said}").text
    assert "明天下午三点" in page and "客户说了时间，还没有听准" in page
    assert f'value="{tomorrow_at(15)}"' in page, "what was probably meant is there already"
    sound = boss.get(f"/contacts/{said}/time/audio", headers={"Range": "bytes=0-3"})
    assert (sound.status_code, sound.content) == (206, b"RIFF")
    answer = post(boss, f"/contacts/{said}/time", {"at": tomorrow_at(16)})
    assert answer.headers["location"] == f"/contacts/{said}?said=contact_time_set"
    moment = settled(store, web_settings, said)
    assert moment and moment.astimezone(ZONE).strftime("%H:%M") == "16:00"
    page = boss.get(f"/contacts/{said}").text
    assert "客户说了希望回访的时间" in page and "16:00 回访（boss）" in page
    with store.read() as session:
        traced = set(session.scalars(select(AccessLog.action).where(AccessLog.user == "boss")))
    assert {"listen.comment", "contact.time"} <= traced


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("", "请填写日期和时间"),
        ("morgen", "请填写日期和时间"),
        ("2026-13-45T99:00", "请填写日期和时间"),
        ("2020-01-01T10:00", "已经过去"),
        ("9999-12-31T23:59", "太远"),
        (tomorrow_at(23), "不允许拨打"),
    ],
)
def test_a_moment_that_cannot_be_is_refused_with_its_reason(sign_in: SignIn, said: str, at: str, words: str) -> None:
    answer = post(sign_in("boss"), f"/contacts/{said}/time", {"at": at})
    assert answer.status_code == 400 and words in answer.text


@pytest.mark.standards("S24")
def test_who_may_settle_a_time_and_who_may_listen(sign_in: SignIn, store: Store, said: str) -> None:
    assert sign_in("qa").get(f"/contacts/{said}/time/audio").status_code == 200
    assert post(sign_in("qa"), f"/contacts/{said}/time", {"at": tomorrow_at(16)}).status_code == 403
    assert sign_in("1001").get(f"/contacts/{said}/time/audio").status_code == 403
    assert sign_in("boss").post(f"/contacts/{said}/time", data={"at": tomorrow_at(16)}).status_code in (400, 403)
    with store.read() as session:
        assert session.get_one(Contact, said).agreed_at is None


def test_who_said_no_time_has_none_settled(sign_in: SignIn, store: Store, said: str) -> None:
    with store.write() as session:
        session.get_one(Contact, said).time_said_in = None
    answer = post(sign_in("boss"), f"/contacts/{said}/time", {"at": tomorrow_at(16)})
    assert answer.status_code == 409
    assert sign_in("boss").get(f"/contacts/{said}/time/audio").status_code == 404


@pytest.mark.web
def test_the_case_leads_to_the_sound_and_the_time_at_every_width(
    open_page: OpenPage, store: Store, web_settings: Settings, said: str
) -> None:
    open_cases(store, load_hotline(web_settings.hotline_file), NOW)
    with store.read() as session:
        case = session.scalars(select(Case).where(Case.contact_id == said)).one()
    assert (case.kind, case.matter) == ("survey_time", "明天下午三点？")
    for size in (DESK, PHONE):
        page = open_page("boss", size)
        page.goto(f"/cases/{case.id}")
        page.get_by_role("link", name="听录音，定时间").click()
        assert page.input_value("#at") == tomorrow_at(15)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
