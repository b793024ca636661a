"""A business at work for the desk and live pages: a customer with a file, agents, and a telephone system that acts."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from playwright.sync_api import Browser, Page
from sqlalchemy import update

from ivr.calls.outcome import OFFERED
from ivr.hotline import load_hotline
from ivr.settings import Settings
from ivr.store.customers import Customer, CustomerNumber, Visit
from ivr.store.followup import Case, Rating, WrapUpNote
from ivr.store.models import Call, User
from ivr.store.session import Store, open_store
from ivr.web.app import create_app
from tests.web.fake_control import FakeControl
from tests.web.looks import DESK, Scheme
from tests.web.seed import CALLER, FULL, NOW, PASSWORD

LIVE_CALL = "ivr-test-1763778600.77"
STRANGERS_CALL = "ivr-test-1763778600.78"
STRANGER = "13911112222"


class World:
    """The application, its store, and the telephone system behind it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.hotline = load_hotline(settings.hotline_file)
        self.store: Store = open_store(settings.store_url)
        _fill(self.store)
        self.control = FakeControl(self.store, self.hotline, lambda: NOW)
        self.app: FastAPI = create_app(settings, now=lambda: NOW, control=self.control)

    def begin_again(self) -> None:
        """Everybody free, nobody waiting."""
        self.control.forget()
        for agent in ("1001", "1002", "1003"):
            self.control.log_in(agent)

    def note(self, call_id: str, agent: str = "1001") -> WrapUpNote | None:
        with self.store.read() as session:
            return session.get(WrapUpNote, (call_id, agent))

    def flow_journal(self) -> str:
        path = self.settings.paths.journal / "flow.jsonl"
        return path.read_text("utf-8") if path.exists() else ""


def _fill(store: Store) -> None:
    with store.write() as session:
        session.execute(update(User).where(User.login == "boss").values(work_number="1003", name="陈思远"))
        session.execute(update(Call).where(Call.outcome.in_(OFFERED)).values(offered=True))
        session.add(_customer())
        session.flush()
        session.add(CustomerNumber(number=CALLER, customer_id=7))
        session.add(
            Visit(
                external_id="v1",
                customer_id=7,
                kind="保养",
                at=dt.datetime(2026, 11, 2, 2, tzinfo=dt.UTC),
                by="浦东店",
                notes="更换机油机滤",
            )
        )
        session.add(_case())
        session.add(
            WrapUpNote(call_id=FULL, agent="1001", disposition="to_follow", text="等配件到店后回电。", written_at=NOW)
        )
        session.add(Rating(call_id=FULL, score=4, agent="1001", given_at=NOW))
        for call_id, caller in ((LIVE_CALL, CALLER), (STRANGERS_CALL, STRANGER)):
            session.add(_running(call_id, caller))


def _customer() -> Customer:
    return Customer(
        id=7, name="王芳", surname="王", title="女士", key=True, agent="1001", notes="偏好上午来电", updated_at=NOW
    )


def _case() -> Case:
    return Case(
        kind="complaint",
        origin="call:x",
        customer_id=7,
        number=CALLER,
        matter="空调异响，已第二次返修",
        opened_at=NOW - dt.timedelta(days=1),
        due_at=NOW + dt.timedelta(hours=3),
        state="open",
    )


def _running(call_id: str, caller: str) -> Call:
    return Call(
        id=call_id,
        direction="inbound",
        caller=caller,
        language="zh-CN",
        started_at=NOW - dt.timedelta(minutes=1),
        queue="booking",
        wait_seconds=12.0,
        menu_path=["main:1", "booking:1"],
        offered=True,
    )


@contextmanager
def pages(browser: Browser, site: str) -> Iterator["Pages"]:
    """Opens pages signed in as somebody; at the end no console may have held an error."""
    opened = Pages(browser, site)
    try:
        yield opened
    finally:
        opened.close()
    assert opened.problems == []


class Pages:
    def __init__(self, browser: Browser, site: str) -> None:
        self._browser, self._site = browser, site
        self._contexts: list[object] = []
        self.problems: list[str] = []

    def __call__(
        self,
        login: str,
        path: str,
        size: tuple[int, int] = DESK,
        language: str = "zh-CN",
        scheme: Scheme = "light",
    ) -> Page:
        context = self._browser.new_context(
            base_url=self._site, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
        )
        self._contexts.append(context)
        context.clock.set_system_time(NOW)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda said: self.problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.goto(f"/login?language={language}&next={path}")
        page.locator("[name=login]").fill(login)
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("form button.primary").click()
        page.wait_for_url(f"**{path}")
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()  # type: ignore[attr-defined]
