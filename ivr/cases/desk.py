"""What the one scheduler does about cases: opens them, reminds of their deadlines, escalates, tells outside."""

import datetime as dt
import logging
import threading
from collections.abc import Callable

from ivr.calls.journal import Journal
from ivr.cases.deadlines import remind
from ivr.cases.opening import open_cases
from ivr.cases.surveyed import CommentReader, keep_matters
from ivr.errors import IvrError
from ivr.hotline import Hotline, HotlineInForce
from ivr.instance import Instance
from ivr.news import mail, webhook
from ivr.news.outbox import Channel, Item, NotSent, Sender, send_due
from ivr.news.retry import Failure
from ivr.news.secrets import NewsSecrets
from ivr.settings import Settings
from ivr.store.session import Store, open_store

log = logging.getLogger(__name__)

SURVEYS_EVERY = dt.timedelta(seconds=10)


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class CaseDesk:
    """Looks every few seconds; what is in trouble (database, disk, business file) is said once and tried again."""

    def __init__(
        self,
        settings: Settings,
        store: Store | None = None,
        now: Callable[[], dt.datetime] = utc_now,
        stop: threading.Event | None = None,
    ) -> None:
        self._settings = settings
        self._store = store or open_store(settings.store_url)
        self._hotline = HotlineInForce(settings)
        self._now, self._stop = now, stop
        self._comments = CommentReader()
        self._surveyed_at: dt.datetime | None = None
        self._journal = Journal(settings.paths.journal / "flow.jsonl", now)
        self._complained: set[str] = set()

    def look(self) -> None:
        """Open what lacks a case, and see to the deadlines of those there are."""
        self._carefully("Opening cases", self._open)

    def send_mail(self) -> None:
        self._carefully("Sending e-mail", lambda: self._send("email"))

    def post(self) -> None:
        self._carefully("Calling the web hook", lambda: self._send("webhook"))

    def _open(self) -> None:
        hotline = self._hotline()
        surveys = self._surveys_due()
        open_cases(self._store, hotline, self._now(), self._comments, surveys=surveys)
        if surveys:
            keep_matters(self._store, hotline)
        remind(self._store, self._journal, hotline, self._now())

    def _surveys_due(self) -> bool:
        """Whether it is time again to look through all answers."""
        due = self._surveyed_at is None or self._now() - self._surveyed_at >= SURVEYS_EVERY
        if due:
            self._surveyed_at = self._now()
        return due

    def _send(self, channel: Channel) -> None:
        hotline = self._hotline()
        instance = Instance.load(self._settings.paths)
        sender = by_mail(hotline, instance, self._now) if channel == "email" else by_hook(hotline, instance, self._now)
        send_due(self._store, channel, sender, self._now, self._stop)

    def _carefully(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except (IvrError, OSError) as error:
            if what not in self._complained:
                log.error("%s waits: %s", what, error.message if isinstance(error, IvrError) else error.strerror)
            self._complained.add(what)
        else:
            self._complained.discard(what)


def by_mail(hotline: Hotline, instance: Instance, now: Callable[[], dt.datetime]) -> Sender:
    """Sends news as the business file in force says."""
    secrets = NewsSecrets()

    def send(item: Item) -> str | None:
        email = hotline.notify.email
        if email is None:
            raise NotSent(Failure("no e-mail is wanted any more", final=True))
        try:
            letter = mail.compose(email, item, hotline, instance.name, now(), link(instance, item))
        except (ValueError, KeyError) as error:
            raise NotSent(Failure("the addresses make no letter: see notify.email", final=True)) from error
        return mail.deliver(email, letter, secrets.smtp_user, secrets.smtp_password.get_secret_value())

    return send


def by_hook(hotline: Hotline, instance: Instance, now: Callable[[], dt.datetime]) -> Sender:
    """Calls the web hook that the business file in force names."""
    secret = NewsSecrets().webhook_secret.get_secret_value()

    def send(item: Item) -> str | None:
        if hotline.notify.webhook is None:
            raise NotSent(Failure("no web hook is wanted any more", final=True))
        return webhook.post(hotline.notify.webhook, secret, item, now, link(instance, item))

    return send


def link(instance: Instance, item: Item) -> str:
    """Where the page about it is."""
    return f"http://{instance.web_host}:{instance.web}/cases/{item.body['case']}"
