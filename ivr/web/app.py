"""The web application: `create_app` wires pages, sessions, headers and errors together."""

import datetime as dt
import logging
from collections.abc import Callable

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import text
from starlette.middleware.sessions import SessionMiddleware

from ivr.accounts.passwords import verify_password
from ivr.accounts.users import Role, ensure_first_user
from ivr.instance import Instance
from ivr.settings import Settings
from ivr.store.session import StoreUnavailable, open_store
from ivr.tables.read import MAX_BYTES
from ivr.telephony.control import Control
from ivr.throttle import Throttle
from ivr.web import (
    account,
    api,
    callbacks,
    calls,
    campaigns,
    case,
    cases,
    contacts,
    customers,
    desk,
    do_not_call,
    errors,
    exports,
    live,
    media,
    menu,
    notice,
    oversight,
    survey_results,
    visits,
    visits_api,
)
from ivr.web.auth import SESSION_HOURS, Require
from ivr.web.context import HERE, Web, utc_now, web_of
from ivr.web.guard import MAX_FORM, BodyLimit, Guard, SecurityHeaders

log = logging.getLogger("ivr.web")

COOKIE = "three_rings"
UPLOADS = ("/customers/import", "/visits/upload")
ROUTERS = (
    account.router,
    callbacks.router,
    calls.router,
    case.router,
    cases.router,
    exports.router,
    campaigns.router,
    contacts.router,
    do_not_call.router,
    customers.router,
    survey_results.router,
    desk.router,
    live.router,
    media.router,
    oversight.router,
    menu.router,
    notice.router,
    api.router,
    visits.router,
    visits_api.router,
)


def create_app(
    settings: Settings,
    instance: Instance | None = None,
    now: Callable[[], dt.datetime] = utc_now,
    throttles: tuple[Throttle, Throttle] | None = None,
    control: Control | None = None,
) -> FastAPI:
    """The pages of one instance; starts with the database absent too and says so on a page until it is there.

    `control` carries out what the desk and live pages ask of the telephone system; None is Asterisk by AMI.

    Raises InstanceError when the state folder holds no instance, StoreUnavailable for a bad database URL.
    """
    instance = instance or Instance.load(settings.paths)
    app = FastAPI(title="Three Rings", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.web = Web(settings, instance, open_store(settings.store_url), now, throttles, control)
    for router in ROUTERS:
        app.include_router(router)
    app.add_api_route("/", _home, methods=["GET"], dependencies=[Depends(Require(Role.AGENT))])
    app.add_api_route("/healthz", _health, methods=["GET"])
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    errors.install(app)
    app.add_middleware(BodyLimit, uploads=dict.fromkeys(UPLOADS, MAX_BYTES + MAX_FORM))
    app.add_middleware(Guard)
    app.add_middleware(
        SessionMiddleware,
        secret_key=instance.web_secret,
        # Cookies know no ports: two instances on one machine must not overwrite each other's session.
        session_cookie=f"{COOKIE}_{instance.name}",
        max_age=SESSION_HOURS * 3600,
        same_site="lax",
        https_only=bool(settings.web_proxies),
    )
    app.add_middleware(SecurityHeaders)
    verify_password(None, "")  # the dummy hash is made now, not within the first wrong login
    _first_user(app.state.web)
    return app


def serve(settings: Settings) -> None:
    """Run the pages until stopped, on the instance's host and port (the process `ivr web`)."""
    instance = Instance.load(settings.paths)
    app = create_app(settings, instance)
    uvicorn.Server(server_config(app, settings, instance.web_host, instance.web)).run()


def server_config(app: FastAPI, settings: Settings, host: str, port: int) -> uvicorn.Config:
    """How the pages are served.

    Without uvicorn's access log: its lines would hold callers' numbers from the address bar. Proxy headers count from
    named proxies alone: anybody could write them, and log-ins are throttled by address.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.web_proxies),
        forwarded_allow_ips=settings.web_proxies,
        log_level="warning",
    )


def _first_user(web: Web) -> None:
    try:
        ensure_first_user(web.store, web.instance)
    except StoreUnavailable as error:
        log.warning("first login not made yet: %s", error.message)


def _home() -> RedirectResponse:
    return RedirectResponse("/calls", 303)


def _health(request: Request) -> JSONResponse:
    """Whether pages can be served: 200 with the database there, 503 without."""
    try:
        with web_of(request).store.read() as session:
            session.execute(text("SELECT 1 FROM call LIMIT 1"))
    except StoreUnavailable:
        return JSONResponse({"status": "degraded", "database": False}, 503)
    return JSONResponse({"status": "ok", "database": True})
