"""What every page needs: the store, the business file, the words, and the templates."""

import datetime as dt
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ivr.hotline import Hotline, HotlineFileError, Language, load_hotline
from ivr.instance import Instance
from ivr.settings import Settings
from ivr.store.models import AccessLog
from ivr.store.session import Store
from ivr.telephony.asterisk_control import AsteriskControl
from ivr.telephony.control import Control
from ivr.throttle import Throttle
from ivr.web import formats
from ivr.web.feed import Feed
from ivr.web.i18n import LANGUAGES, Translator, known_language

log = logging.getLogger("ivr.web")

HERE = Path(__file__).parent
DEFAULT_ZONE = ZoneInfo("Asia/Shanghai")
TRACE_MINUTES = 10
"""Opening the same call again within this time is one access, not many (a player asks for many ranges)."""


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Web:
    """The state of one web process; `now` and the throttles' clock are arguments so that tests need no waiting."""

    def __init__(
        self,
        settings: Settings,
        instance: Instance,
        store: Store,
        now: Callable[[], dt.datetime] = utc_now,
        throttles: tuple[Throttle, Throttle] | None = None,
        control: Control | None = None,
    ) -> None:
        self.settings = settings
        self.instance = instance
        self.store = store
        self.now = now
        self.login_throttle, self.address_throttle = throttles or (Throttle(5, 300), Throttle(20, 300))
        self.pin_throttle = Throttle(5, 300)
        self.token_throttle = Throttle(20, 300)
        self.feed = Feed(store, now)
        self.control = control or AsteriskControl(settings)
        self.templates = _environment()
        self._hotline: Hotline | None = None
        self._hotline_read: tuple[Path, int] | None = None
        self._lock = Lock()

    def hotline(self) -> Hotline | None:
        """The business file in force, read again when it changes; the last good one when the new one is bad."""
        path = self.settings.checked_hotline_file
        with self._lock:
            try:
                stamp = (path, path.stat().st_mtime_ns)
                if stamp != self._hotline_read:
                    self._hotline_read = stamp
                    self._hotline = load_hotline(path)
            except (OSError, HotlineFileError) as error:
                log.warning("business file: %s", error)
            return self._hotline

    def zone(self) -> ZoneInfo:
        """The business's time zone: every time on a page is in it."""
        hotline = self.hotline()
        return hotline.zone if hotline else DEFAULT_ZONE

    def pin_fits(self, agent: str, pin: str) -> bool:
        """Whether it is the agent's PIN; agents come with a reload, so the instance's file is read again."""
        known = Instance.load(self.settings.paths).agent_pins.get(agent)
        return known is not None and hmac.compare_digest(known.encode(), pin.encode(errors="replace"))

    def trace(self, login: str, action: str, call_id: str | None = None, customer_id: int | None = None) -> None:
        """Write who looked at what (S24); once per TRACE_MINUTES for a call or a customer. Raises StoreUnavailable."""
        now = self.now()
        if call_id is not None or customer_id is not None:
            again = select(AccessLog.id).where(
                AccessLog.call_id == call_id if customer_id is None else AccessLog.customer_id == customer_id,
                AccessLog.user == login,
                AccessLog.action == action,
                AccessLog.at > now - dt.timedelta(minutes=TRACE_MINUTES),
            )
            with self.store.read() as session:
                if session.scalar(again.limit(1)) is not None:
                    return
        with self.store.write() as session:
            session.add(AccessLog(at=now, user=login, action=action, call_id=call_id, customer_id=customer_id))


def web_of(request: Request) -> Web:
    web = request.app.state.web
    assert isinstance(web, Web)
    return web


def language_of(request: Request) -> Language:
    """The signed-in user's language, else the one chosen before signing in, else Chinese."""
    user = getattr(request.state, "user", None)
    if user is not None:
        return known_language(user.language)
    return known_language(request.session.get("language") if "session" in request.scope else None)


def csrf_token(request: Request) -> str:
    """The session's form token, made when first needed."""
    if "session" not in request.scope:
        return ""
    token = request.session.get("csrf")
    if not isinstance(token, str):
        token = request.session["csrf"] = secrets.token_urlsafe(24)
    return token


def page(request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page in the reader's language and the business's time zone."""
    return HTMLResponse(fragment(request, template, **values), status)


def fragment(request: Request, template: str, **values: object) -> str:
    """HTML in the reader's language and the business's time zone: a page, or a part of one."""
    web = web_of(request)
    translate = Translator(language_of(request))
    hotline = web.hotline()
    names = {str(language): name for language, name in hotline.company.name.items()} if hotline else {}
    return web.templates.get_template(template).render(
        t=translate,
        lang=translate.language,
        languages=LANGUAGES,
        user=getattr(request.state, "user", None),
        csrf=csrf_token(request),
        company=names.get(translate.language) or next(iter(names.values()), ""),
        path=request.url.path,
        here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        local=formats.Local(web.zone()),
        **values,
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = formats.clock
    environment.filters["number"] = formats.number
    environment.filters["rough"] = formats.rough
    versions = {file.name: _version(file) for file in (HERE / "static").iterdir() if file.is_file()}
    environment.globals["static"] = lambda name: f"/static/{name}?v={versions[name]}"
    return environment


def _version(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]
