"""Who gets in, who sees what, and what of it leaves a trace."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import select

from ivr.accounts.passwords import MIN_LENGTH
from ivr.accounts.users import Role, ensure_first_user
from ivr.instance import Instance
from ivr.settings import ROOT, Settings
from ivr.store.models import AccessLog, User
from ivr.store.session import open_store
from ivr.store.tables import Base
from ivr.throttle import Throttle
from ivr.web.app import ROUTERS, create_app
from ivr.web.auth import LONGEST_SESSION, Require, safe_next
from ivr.web.tokens import RequireToken
from tests.web.conftest import SignIn, form_token, fresh_client, post, served
from tests.web.seed import FULL, NOW, OTHER_AGENTS, PASSWORD, USERS

OPEN_TO_ALL = {"/login", "/healthz"}
EXAMPLES = {"call_id": FULL, "role": "caller", "language": "zh-CN", "prompt_id": "greeting"}
EXAMPLES |= {"survey": "after_service", "contact_id": "0" * 20, "question": "overall", "form": "csv"}
EXAMPLES |= {"callback_id": "x", "case_id": "1", "customer_id": "1", "name": "pause", "external_id": "V/1"}
BY_ROLE = {Role.named(role): login for login, role in USERS.items() if login != "1002"}


def _all_routes() -> list[APIRoute]:
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def _routes() -> list[APIRoute]:
    """Those for people: they ask for a role."""
    return [route for route in _all_routes() if not _token_guards(route)]


def _token_routes() -> list[APIRoute]:
    """Those for programs: they ask for a token."""
    return [route for route in _all_routes() if _token_guards(route)]


def _token_guards(route: APIRoute) -> list[RequireToken]:
    return [need.call for need in _needs(route.dependant) if isinstance(need.call, RequireToken)]


def _guards(route: APIRoute) -> list[Require]:
    """The roles a route asks for, also where what it asks for asks for them."""
    return [need.call for need in _needs(route.dependant) if isinstance(need.call, Require)]


def _needs(dependant: Dependant) -> Iterator[Dependant]:
    for need in dependant.dependencies:
        yield need
        yield from _needs(need)


def _example(path: str) -> str:
    return re.sub(r"{(\w+)(?::path)?}", lambda match: EXAMPLES[match[1]], path)


def test_no_page_or_api_is_outside_the_routes_that_are_checked_here(app: FastAPI) -> None:
    served = set(get_openapi(title="", version="", routes=app.routes)["paths"])
    assert served == {route.path.replace(":path", "") for route in _all_routes()} | {"/", "/healthz"}


@pytest.mark.parametrize("route", _routes(), ids=lambda route: f"{'-'.join(sorted(route.methods or ()))} {route.path}")
def test_every_page_has_a_role_and_refuses_strangers_and_lower_roles(
    route: APIRoute, anonymous: TestClient, sign_in: SignIn
) -> None:
    if route.path in OPEN_TO_ALL:
        assert not _guards(route)
        return
    (guard,) = _guards(route)
    for method in route.methods or ():
        # With a good token, so that it is the missing role that refuses.
        form = {"csrf": form_token(anonymous)} if method == "POST" else None
        refused = anonymous.request(method, _example(route.path), data=form)
        assert refused.status_code in (303, 401)
        assert "location" not in refused.headers or refused.headers["location"].startswith("/login")
        for role, login in BY_ROLE.items():
            if role < guard.role:
                assert sign_in(login).request(method, _example(route.path)).status_code == 403


@pytest.mark.parametrize("route", [r for r in _routes() if "POST" in (r.methods or ())], ids=lambda route: route.path)
def test_every_form_without_the_sessions_token_is_refused(route: APIRoute, sign_in: SignIn) -> None:
    client = sign_in("root")
    assert client.post(route.path).status_code == 403
    assert client.post(route.path, data={"csrf": "x" * 32}).status_code == 403
    assert client.get("/calls").status_code == 200  # still signed in: nothing was done


@pytest.mark.parametrize("route", _token_routes(), ids=lambda route: f"{'-'.join(route.methods or ())} {route.path}")
def test_programs_routes_ask_for_a_token_and_no_session_opens_them(route: APIRoute, sign_in: SignIn) -> None:
    assert len(_token_guards(route)) == 1 and not _guards(route)
    assert route.path.startswith("/api/visits")
    for method in route.methods or ():
        root = sign_in("root")
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp4"}):
            refused = root.request(method, _example(route.path), json={}, headers=headers)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


def test_stranger_is_led_to_the_login_and_then_to_the_page_they_wanted(app: FastAPI) -> None:
    client = TestClient(app, follow_redirects=False)
    wanted = f"/calls/{FULL}"
    led = client.get(wanted).headers["location"]
    assert led.startswith("/login?next=")
    assert f'value="{wanted}"' in client.get(led).text
    answer = post(client, "/login", {"login": "qa", "password": PASSWORD, "next": wanted})
    assert answer.headers["location"] == wanted


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/a\\b", "\t//evil.example", "/x\r\ny", "", "x"],
)
def test_login_never_leads_to_another_site(target: str) -> None:
    assert safe_next(target) == "/calls"


def test_wrong_password_and_unknown_login_look_the_same(app: FastAPI) -> None:
    client = TestClient(app)
    known = post(client, "/login", {"login": "boss", "password": "wrong"})
    unknown = post(client, "/login", {"login": "nobody", "password": "wrong"})
    assert known.status_code == unknown.status_code == 401
    blank = re.compile(r'value="[^"]*"|autofocus')
    assert blank.sub("", known.text) == blank.sub("", unknown.text)


def test_guessing_is_stopped_for_the_login_and_for_the_address(web_settings: Settings) -> None:
    time = [0.0]
    throttles = (Throttle(3, 300, lambda: time[0]), Throttle(5, 300, lambda: time[0]))
    client = TestClient(create_app(web_settings, now=lambda: NOW, throttles=throttles), follow_redirects=False)

    def attempt(login: str, password: str = "guess") -> int:
        return int(post(client, "/login", {"login": login, "password": password}).status_code)

    assert [attempt("root") for _ in range(3)] == [401] * 3
    assert attempt("root", PASSWORD) == 429  # even the right password waits
    assert attempt("boss") == 401
    assert attempt("qa", PASSWORD) == 429  # five wrong ones from this address
    time[0] = 301.0
    assert attempt("qa", PASSWORD) == 303


def test_right_password_takes_its_own_attempt_back() -> None:
    throttle = Throttle(2, 60, lambda: 0.0)
    for _ in range(10):
        assert throttle.attempt("x") == 0
        throttle.forgive("x")
    assert [throttle.attempt("x") > 0 for _ in range(3)] == [False, False, True]


def test_throttle_does_not_grow_without_bound_under_made_up_logins() -> None:
    throttle = Throttle(5, 60, lambda: 0.0)
    for number in range(25_000):
        throttle.attempt(f"made up {number}")
    assert len(throttle._attempts) <= 10_000


def test_first_login_is_made_once_and_must_change_its_password(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state", hotline_file=ROOT / "hotline.yaml")
    settings.paths.create()
    instance = Instance.create(settings.paths, ["1001"])
    store = open_store(settings.store_url)
    Base.metadata.create_all(store.engine)
    app = create_app(settings)
    assert not ensure_first_user(store, instance)
    client = TestClient(app, follow_redirects=False)
    first = {"login": "admin", "password": instance.first_login_password}
    assert post(client, "/login", first).headers["location"] == "/account/password"
    assert client.get("/calls").headers["location"] == "/account/password"
    assert client.get("/api/calls").status_code == 403

    def change(new: str, repeat: str | None = None) -> int:
        page = client.get("/account/password").text
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        assert token
        fields = {"csrf": token[1], "current": instance.first_login_password, "new": new, "repeat": repeat or new}
        return int(client.post("/account/password", data=fields).status_code)

    assert change("short") == 400
    assert change(instance.first_login_password) == 400
    assert change("x" * MIN_LENGTH, "y" * MIN_LENGTH) == 400
    assert change("an own pass phrase") == 303
    assert client.get("/calls").status_code == 200
    assert post(TestClient(app), "/login", first).status_code == 401
    with store.read() as session:
        assert [user.login for user in session.scalars(select(User))] == ["admin"]
    store.close()


def test_changed_password_and_logout_end_sessions(app: FastAPI) -> None:
    here, elsewhere = fresh_client(app, "1002"), fresh_client(app, "1002")
    new = "another pass phrase"
    token = form_token(here, "/account/password")
    fields = {"csrf": token, "current": PASSWORD, "new": new, "repeat": new}
    assert here.post("/account/password", data=fields).status_code == 303
    assert here.get("/calls").status_code == 200
    assert elsewhere.get("/calls").status_code == 303
    here.post("/logout", data={"csrf": form_token(here, "/calls")})
    assert here.get("/calls").headers["location"] == "/login"


def test_cookie_kept_from_a_session_that_was_logged_out_of_is_a_strangers(app: FastAPI) -> None:
    here, elsewhere = fresh_client(app, "1001"), fresh_client(app, "1001")
    kept = TestClient(app, follow_redirects=False, cookies=dict(here.cookies))
    assert kept.get("/calls").status_code == 200
    token = form_token(here, "/calls")
    here.post("/logout", data={"csrf": token})
    refused = kept.get("/calls")
    assert refused.headers["location"] == "/login"
    assert "=null;" in refused.headers["set-cookie"], "it is taken away, not signed anew"
    assert elsewhere.get("/calls").status_code == 200, "another session of theirs goes on"


def test_session_that_is_used_all_the_time_ends_all_the_same(web_settings: Settings) -> None:
    clock = [NOW]
    client = fresh_client(create_app(web_settings, now=lambda: clock[0]), "qa")
    pages = []
    for _ in range(20):
        clock[0] += dt.timedelta(hours=11)
        pages.append(client.get("/calls").status_code)
    used = LONGEST_SESSION // dt.timedelta(hours=11)
    assert pages == [200] * used + [303] * (20 - used)


def test_forged_cookie_is_a_stranger(app: FastAPI, sign_in: SignIn) -> None:
    (name,) = sign_in("root").cookies.keys()
    client = TestClient(app, follow_redirects=False, cookies={name: "eyJ1c2VyIjogMX0=.x.y"})
    assert client.get("/calls").status_code == 303


def test_session_cookie_is_out_of_reach_of_scripts_and_other_sites(app: FastAPI) -> None:
    client = TestClient(app, follow_redirects=False)
    cookie = client.get("/login").headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "max-age=43200" in cookie


def test_agent_sees_own_calls_only(sign_in: SignIn) -> None:
    agent = sign_in("1001")
    listed = agent.get("/api/calls", params={"agent": "1002"}).json()
    assert {call["agent"] for call in listed} == {"1001"}
    assert OTHER_AGENTS not in agent.get("/calls?agent=1002").text
    assert agent.get(f"/calls/{FULL}").status_code == 200
    for path in (f"/calls/{OTHER_AGENTS}", f"/api/calls/{OTHER_AGENTS}", f"/calls/{OTHER_AGENTS}/audio/caller"):
        assert agent.get(path).status_code == 404
    assert sign_in("qa").get(f"/calls/{OTHER_AGENTS}").status_code == 200


def test_listening_leaves_one_trace_and_a_call_that_is_not_heard_none(app: FastAPI, web_settings: Settings) -> None:
    client = fresh_client(app, "boss")
    store = open_store(web_settings.store_url)

    def traces() -> list[tuple[str, str | None]]:
        with store.read() as session:
            rows = session.scalars(select(AccessLog).where(AccessLog.user == "boss").order_by(AccessLog.id))
            return [(row.action, row.call_id) for row in rows if row.action != "login"]

    client.get("/calls")
    assert traces() == []
    client.get(f"/calls/{FULL}")
    client.get(f"/calls/{FULL}/peaks/caller.json")
    assert traces() == [("open", FULL)]
    for start in (0, 1000, 2000):
        client.get(f"/calls/{FULL}/audio/agent", headers={"Range": f"bytes={start}-{start + 99}"})
    assert traces() == [("open", FULL), ("listen.agent", FULL)]
    store.close()
    page = fresh_client(app, "root").get("/access").text
    assert "收听坐席一侧" in page and FULL in page


def test_login_that_is_no_account_is_not_written_down(app: FastAPI, sign_in: SignIn) -> None:
    post(TestClient(app), "/login", {"login": "my secret password", "password": "x"})
    assert "my secret password" not in sign_in("root").get("/access").text


@pytest.mark.parametrize(("proxies", "locked_out"), [("127.0.0.0/8", False), ("", True)])
def test_behind_a_named_proxy_one_readers_guesses_lock_nobody_else_out(
    web_settings: Settings, proxies: str, locked_out: bool
) -> None:
    """And without one, what somebody writes about their address is not believed."""
    settings = web_settings.model_copy(update={"web_proxies": proxies})
    app = create_app(settings, now=lambda: NOW, throttles=(Throttle(9, 300), Throttle(3, 300)))
    with served(app, settings) as site:

        def attempt(reader: str, login: str, password: str) -> int:
            with httpx.Client(base_url=site, headers={"X-Forwarded-For": reader, "X-Forwarded-Proto": "https"}) as one:
                page = one.get("/login")
                token = re.search(r'name="csrf" value="([^"]+)"', page.text)
                assert token is not None
                assert ("secure" in page.headers["set-cookie"].lower()) == bool(proxies)
                cookie = page.headers["set-cookie"].partition(";")[0]
                form = {"csrf": token.group(1), "login": login, "password": password}
                return one.post("/login", data=form, headers={"Cookie": cookie}).status_code

        assert [attempt("192.0.2.7", f"guess-{n}", "guess") for n in range(4)] == [401] * 3 + [429]
        assert attempt("192.0.2.8", "boss", PASSWORD) == (429 if locked_out else 303)
