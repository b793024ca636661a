"""Visits sent by other programs: by token, again and again without harm, each one's outcome told."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from ivr.accounts.tokens import TokenError, make_token, revoke_token
from ivr.calls.flow_log import read_flow
from ivr.settings import Settings
from ivr.store.customers import Visit
from ivr.store.models import AccessLog, ApiToken
from ivr.store.session import Store, open_store
from ivr.store.surveys import Contact
from ivr.surveys.ids import contact_id
from ivr.throttle import Throttle
from ivr.web.app import create_app
from ivr.web.guard import MAX_FORM
from tests.web.conftest import SignIn
from tests.web.seed import NOW

VISIT: dict[str, Any] = {
    "external_id": "API-1",
    "name": "赵敏",
    "title": "女士",
    "number": "+86 136 1234 0001",
    "kind": "保养",
    "ended_at": "2026-11-21T16:05:00+08:00",
    "by": "二号车间",
}


@pytest.fixture(scope="module")
def store(web_settings: Settings) -> Iterator[Store]:
    opened = open_store(web_settings.store_url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def token(store: Store) -> str:
    return make_token(store, "workshop", "visits", NOW)


@pytest.fixture
def program(app: FastAPI, token: str) -> Iterator[TestClient]:
    with TestClient(app, headers={"Authorization": f"Bearer {token}"}, follow_redirects=False) as client:
        yield client


def traces(store: Store, action: str) -> list[str]:
    with store.read() as session:
        return list(session.scalars(select(AccessLog.user).where(AccessLog.action == action)))


def kept(store: Store, external_id: str) -> Visit | None:
    with store.read() as session:
        return session.scalar(select(Visit).where(Visit.external_id == external_id))


def outcomes(answer: Any) -> list[tuple[str, list[str]]]:
    return [(each["status"], [error["field"] for error in each["errors"]]) for each in answer.json()["results"]]


# ---- sending ---------------------------------------------------------------------------------------------


def test_visit_is_taken_once_however_often_it_is_sent(program: TestClient, store: Store) -> None:
    visit = VISIT | {"external_id": "API-once"}
    first = program.post("/api/visits", json=visit)
    assert first.status_code == 200
    assert first.json() == {
        "new": 1,
        "changed": 0,
        "same": 0,
        "bad": 0,
        "results": [{"external_id": "API-once", "status": "new", "errors": []}],
    }
    assert program.post("/api/visits", json=visit).json()["same"] == 1
    assert program.post("/api/visits", json=visit | {"by": "三号车间"}).json()["changed"] == 1
    found = kept(store, "API-once")
    assert found is not None and (found.by, found.number) == ("三号车间", "13612340001")
    assert traces(store, "visit.api")[-3:] == ["api:workshop"] * 3
    assert "set-cookie" not in first.headers


def test_good_ones_of_a_list_are_taken_and_bad_ones_named_in_order(program: TestClient, store: Store) -> None:
    good = VISIT | {"external_id": "API-list"}
    bad = VISIT | {"external_id": "API-bad", "number": "110", "ended_at": "gestern"}
    answer = program.post("/api/visits", json=[good, bad, 7, good, good | {"by": "x"}, {}])
    assert answer.status_code == 200
    assert outcomes(answer) == [
        ("new", []),
        ("bad", ["number", "ended_at"]),
        ("bad", ["line"]),
        ("same", []),
        ("bad", ["external_id"]),
        ("bad", ["external_id", "number", "kind", "ended_at"]),
    ]
    told = answer.json()["results"][1]
    assert told["external_id"] == "API-bad"
    assert told["errors"][0]["problem"] == "number" and "+country code" in told["errors"][0]["remedy"]
    assert kept(store, "API-bad") is None


def test_nothing_good_is_422_and_nothing_is_kept(program: TestClient, store: Store) -> None:
    answer = program.post("/api/visits", json=[VISIT | {"external_id": "API-422", "kind": ""}])
    assert (answer.status_code, answer.json()["bad"]) == (422, 1)
    assert kept(store, "API-422") is None


@pytest.mark.parametrize(
    "value", ["\x00", "\ud800", "x" * 100_000, "=cmd()", 1e300, 10**30, [], {"a": []}, True, "\u202e", "<script>"]
)
@pytest.mark.parametrize("field", ["external_id", "name", "number", "ended_at", "notes", "ſtrange\x00\ud800"])
def test_hostile_values_are_named_or_kept_as_text(program: TestClient, field: str, value: object) -> None:
    body = json.dumps(VISIT | {"external_id": "API-hostile", field: value})
    answer = program.post("/api/visits", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 422)
    (told,) = answer.json()["results"]
    assert (told["status"] == "bad") == bool(told["errors"])


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"number": NaN}', "application/json", 400),
        (b'{"number": ' + b"1" * 5000 + b"}", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"external_id=1", "application/x-www-form-urlencoded", 415),
        (b"[" + b"{}," * 500 + b"{}]", "application/json", 413),
        (b" " * (MAX_FORM + 1), "application/json", 413),
        (b"7", "application/json; charset=utf-8", 422),
    ],
)
def test_body_that_is_none_is_refused_as_a_whole(program: TestClient, body: bytes, kind: str, status: int) -> None:
    answer = program.post("/api/visits", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert "error" in answer.json() or status == 422


def test_body_of_unknown_length_is_not_read_beyond_the_limit(program: TestClient) -> None:
    sent = [0]

    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            sent[0] += 100_000
            yield b" " * 100_000

    answer = program.post("/api/visits", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_five_hundred_visits_are_taken_at_once(program: TestClient) -> None:
    visits = [VISIT | {"external_id": f"API-{n}", "number": f"1371234{n:04}"} for n in range(100, 600)]
    assert program.post("/api/visits", json=visits).json()["new"] == 500


# ---- taking back -----------------------------------------------------------------------------------------


def test_visit_is_taken_back_and_its_open_contact_ends(
    program: TestClient, store: Store, web_settings: Settings
) -> None:
    name = "WO/2026 №1"
    program.post("/api/visits", json=VISIT | {"external_id": name})
    visit = kept(store, name)
    assert visit is not None
    contact = contact_id("after_service", name)
    facts: dict[str, Any] = {"number": "13612340001", "language": "zh-CN", "visit_id": visit.id}
    with store.write() as session:
        session.add(Contact(id=contact, survey="after_service", due_at=NOW, next_at=NOW, expires_at=NOW, **facts))
    answer = program.delete("/api/visits/WO%2F2026%20%E2%84%961")
    assert answer.json() == {"external_id": name, "status": "withdrawn", "contacts_cancelled": 1}
    events, _ = read_flow((web_settings.paths.journal / "flow.jsonl").read_bytes())
    assert [event.data["by"] for _, event in events if event.call_id == contact] == ["api:workshop"]
    assert program.delete("/api/visits/WO%2F2026%20%E2%84%961").status_code == 200
    again = program.post("/api/visits", json=VISIT | {"external_id": name})
    assert again.status_code == 422 and again.json()["results"][0]["errors"][0]["problem"] == "withdrawn"
    assert "api:workshop" in traces(store, "visit.withdraw")
    with store.write() as session:
        session.delete(session.get_one(Contact, contact))


@pytest.mark.parametrize("name", ["nobody", "%00", "%ED%A0%80", "x" * 300, "..%2f..%2fetc"])
def test_taking_back_what_never_was_is_404(program: TestClient, name: str) -> None:
    answer = program.delete(f"/api/visits/{name}")
    assert answer.status_code == 404 and answer.json()["remedy"]


# ---- tokens ----------------------------------------------------------------------------------------------


def test_token_stands_nowhere_and_opens_nothing_else(
    program: TestClient, token: str, store: Store, web_settings: Settings
) -> None:
    with store.read() as session:
        (row,) = session.scalars(select(ApiToken).where(ApiToken.name == "workshop")).all()
    assert token not in repr(vars(row)) and len(row.token_hash) == 64
    for path in ("/api/calls", "/customers", "/access"):
        assert program.get(path).status_code in (303, 401)
    program.post("/api/visits", json=VISIT)
    for file in web_settings.paths.state.rglob("*"):
        if file.is_file():
            assert token.encode() not in file.read_bytes(), file


def test_revoked_token_and_one_for_something_else_are_refused(app: FastAPI, store: Store) -> None:
    token = make_token(store, "old workshop", "visits", NOW)
    client = TestClient(app, headers={"Authorization": f"bearer  {token}"})
    assert client.post("/api/visits", json=VISIT).status_code == 200
    revoke_token(store, "old workshop", NOW)
    revoke_token(store, "old workshop", NOW)
    assert client.post("/api/visits", json=VISIT).status_code == 401
    other = make_token(store, "other", "visits", NOW)
    with store.write() as session:
        row = session.scalar(select(ApiToken).where(ApiToken.name == "other"))
        assert row is not None
        row.may = "something else"
    refused = client.post("/api/visits", json=VISIT, headers={"Authorization": f"Bearer {other}"})
    assert refused.status_code == 403 and "--may visits" in refused.json()["remedy"]


@pytest.mark.parametrize(
    ("name", "may"), [("x", "everything"), ("", "visits"), ("a\nb", "visits"), ("twice", "visits")]
)
def test_token_that_cannot_be_made_says_why(store: Store, name: str, may: str) -> None:
    if name == "twice":
        revoke = make_token(store, "twice", "visits", NOW)
        revoke_token(store, "twice", NOW)
        assert revoke
    with pytest.raises(TokenError):
        make_token(store, name, may, NOW)
    with pytest.raises(TokenError, match="No token"):
        revoke_token(store, "nobody", NOW)


def test_wrong_tokens_are_slowed_down_and_the_right_one_is_not(web_settings: Settings, token: str) -> None:
    time = [0.0]
    app = create_app(web_settings, now=lambda: NOW)
    app.state.web.token_throttle = Throttle(3, 300, lambda: time[0])
    client = TestClient(app)

    def send(token: str) -> int:
        answer = client.post("/api/visits", json=VISIT, headers={"Authorization": f"Bearer {token}"})
        return int(answer.status_code)

    assert [send(f"guess-{n}") for n in range(5)] == [401] * 3 + [429] * 2
    assert send(token) == 200
    assert int(client.post("/api/visits", headers={"Authorization": "Bearer x"}).headers["retry-after"]) == 300
    time[0] = 301.0
    assert send("guess") == 401


def test_what_programs_did_is_read_by_the_administrator(program: TestClient, sign_in: SignIn) -> None:
    program.post("/api/visits", json=VISIT)
    page = sign_in("root").get("/access").text
    assert "api:workshop" in page and "通过接口提交服务记录" in page
