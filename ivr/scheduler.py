"""The one process with a clock of its own: what has to happen by itself, at its time."""

import logging
import os
import threading
from collections.abc import Callable

from apscheduler.schedulers.background import BackgroundScheduler

from ivr.calls.journal import Journal
from ivr.cases.desk import CaseDesk
from ivr.customers.book import BookKeeper
from ivr.errors import IvrError
from ivr.hotline import HotlineInForce
from ivr.service import reload
from ivr.settings import Settings
from ivr.store.session import open_store
from ivr.surveys.plan import Planner
from ivr.surveys.said_times import TimeListener
from ivr.surveys.surnames import SurnameKeeper
from ivr.telephony.asterisk_log import LogMask
from ivr.telephony.callback_line import open_dialler
from ivr.telephony.survey_line import open_survey_dialler
from ivr.visits.uploads import sweep

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2
_PLAN_SECONDS = 5
_DIALLER_SECONDS = 1
_NAMES_SECONDS = 20
_SWEEP_SECONDS = 60


class HotlineWatch:
    """Notices a changed business file and puts it in force if it is good; says once why it is not."""

    def __init__(self, settings: Settings, put_in_force: Callable[[Settings], list[str]] = reload) -> None:
        self._settings = settings
        self._put_in_force = put_in_force
        self._seen = self._text(in_force=True)

    def look(self) -> bool:
        """Look once; True when a change was put in force."""
        text = self._text()
        if text is None or text == self._seen:
            return False
        self._seen = text
        try:
            warnings = self._put_in_force(self._settings)
        except IvrError as error:
            log.error("The business file was not put in force: %s", error)
            return False
        log.info("The business file was put in force.")
        for warning in warnings:
            log.warning("%s", warning)
        return True

    def _text(self, in_force: bool = False) -> bytes | None:
        path = self._settings.paths.hotline_in_force if in_force else self._settings.hotline_file
        try:
            return path.read_bytes()
        except OSError:
            return None


def run(settings: Settings, stop: threading.Event) -> None:
    """Run until `stop`; the one scheduler of the instance."""
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults={"misfire_grace_time": 60, "coalesce": True})
    watch = HotlineWatch(settings)
    scheduler.add_job(watch.look, "interval", seconds=_LOOK_SECONDS, id="business file", max_instances=1)
    book = BookKeeper(settings)
    scheduler.add_job(book.look, "interval", seconds=_LOOK_SECONDS, id="callers' book", max_instances=1)
    cases = CaseDesk(settings, stop=stop)
    for name, look in {"cases": cases.look, "e-mail": cases.send_mail, "web hook": cases.post}.items():
        scheduler.add_job(look, "interval", seconds=_LOOK_SECONDS, id=name, max_instances=1)
    mask = LogMask(settings.paths.log / "asterisk.log")
    scheduler.add_job(mask.look, "interval", seconds=_LOOK_SECONDS, id="Asterisk's log", max_instances=1)
    uploads = settings.paths.uploads
    scheduler.add_job(sweep, "interval", args=[uploads], seconds=_SWEEP_SECONDS, id="uploads", max_instances=1)
    names = SurnameKeeper(settings)
    scheduler.add_job(names.look, "interval", seconds=_NAMES_SECONDS, id="surnames", max_instances=1)
    planner = Planner(open_store(settings.store_url), HotlineInForce(settings))
    scheduler.add_job(planner.look, "interval", seconds=_PLAN_SECONDS, id="plan", max_instances=1)
    journal = Journal(settings.paths.journal / "flow.jsonl")
    times = TimeListener(open_store(settings.store_url), HotlineInForce(settings), journal)
    scheduler.add_job(times.look, "interval", seconds=_LOOK_SECONDS, id="said times", max_instances=1)
    dialler = open_dialler(settings)
    scheduler.add_job(dialler.tick, "interval", seconds=_DIALLER_SECONDS, id="callbacks", max_instances=9)
    surveys = open_survey_dialler(settings, names)
    scheduler.add_job(surveys.tick, "interval", seconds=_DIALLER_SECONDS, id="surveys", max_instances=9)
    scheduler.start()
    log.info("Scheduler %d is up.", os.getpid())
    stop.wait()
    scheduler.shutdown(wait=True)
