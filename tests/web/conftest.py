"""A web application with a seeded store, clients signed in with each role, and a real browser on it."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, sync_playwright

from ivr.instance import Instance
from ivr.settings import Settings
from ivr.store.session import open_store
from ivr.tools import ToolMissing, tool
from ivr.web.app import create_app, server_config
from tests.web.seed import NOW, PASSWORD, seed

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')

SignIn = Callable[[str], TestClient]


@pytest.fixture(scope="module")
def web_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An instance of its own with the sample business and a seeded store."""
    from ivr.settings import ROOT

    folder = tmp_path_factory.mktemp("web")
    settings = Settings(state_dir=folder / "state", hotline_file=ROOT / "hotline.yaml", cache_dir=folder / "cache")
    settings.paths.create()
    Instance.create(settings.paths, ["1001", "1002"])
    store = open_store(settings.store_url)
    seed(store, settings.paths)
    store.close()
    return settings


@pytest.fixture(scope="module")
def app(web_settings: Settings) -> FastAPI:
    return create_app(web_settings, now=lambda: NOW)


@pytest.fixture
def anonymous(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def sign_in(app: FastAPI) -> SignIn:
    """A client with the session of a user of the seed; made once for each."""
    clients: dict[str, TestClient] = {}

    def signed_in(login: str) -> TestClient:
        if login not in clients:
            clients[login] = fresh_client(app, login)
        return clients[login]

    return signed_in


def fresh_client(app: FastAPI, login: str, password: str = PASSWORD) -> TestClient:
    client = TestClient(app, follow_redirects=False)
    answer = post(client, "/login", {"login": login, "password": password})
    assert answer.status_code == 303, answer.text
    return client


def form_token(client: TestClient, path: str = "/login") -> str:
    """The form token of the client's session, read from a page as a browser would."""
    found = _TOKEN.search(client.get(path, follow_redirects=True).text)
    assert found is not None
    return found.group(1)


def post(client: TestClient, path: str, fields: dict[str, str]):  # type: ignore[no-untyped-def]
    return client.post(path, data={"csrf": form_token(client), **fields})


class Server(uvicorn.Server):
    """Uvicorn in a thread; signals stay with pytest."""

    def install_signal_handlers(self) -> None:
        pass


@pytest.fixture(scope="module")
def site(app: FastAPI, web_settings: Settings) -> Iterator[str]:
    """The address of the application behind a real server."""
    with served(app, web_settings) as address:
        yield address


@contextmanager
def served(app: FastAPI, settings: Settings) -> Iterator[str]:
    """The address of an application behind a real server, for as long as the block runs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = Server(server_config(app, settings, "127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium, or the one unpacked by the bootstrap.

    As long as it is open, playwright keeps an event loop running in this thread, and nobody else can: so it ends with
    the module, and does not meet other modules' tests on the same worker.
    """
    try:
        chromium = tool("chromium")
    except ToolMissing as missing:
        pytest.skip(f"no browser: {missing}")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=str(chromium.program), args=CHROMIUM_FLAGS, env={**chromium.environ()}
        )
        yield launched
        launched.close()
