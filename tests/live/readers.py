"""People who use the page of a running instance."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from ivr.accounts.users import create_user
from ivr.store.session import open_store
from tests.live.conftest import Running

PASSWORD = "a long pass phrase"


@dataclass(frozen=True)
class Reader:
    """Somebody who is signed in."""

    client: httpx.Client

    def get(self, page: str) -> httpx.Response:
        return self.client.get(page)

    def send(self, page: str, action: str, **fields: str) -> httpx.Response:
        """Send a form of a page, with the token that it holds."""
        token = re.search(r'name="csrf" value="([^"]+)"', self.get(page).text)
        assert token is not None, page
        return self.client.post(action, data={"csrf": token.group(1), **fields})


@contextmanager
def reader(running: Running, login: str, role: str) -> Iterator[Reader]:
    """Somebody with a new account of this role signs in."""
    store = open_store(running.settings.store_url)
    create_user(store, login, "", role, PASSWORD)
    store.close()
    address = f"http://{running.instance.web_host}:{running.instance.web}"
    with httpx.Client(base_url=address, follow_redirects=True) as client:
        signed_in = Reader(client)
        signed_in.send("/login", "/login", login=login, password=PASSWORD)
        yield signed_in
