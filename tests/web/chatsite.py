"""A real chat site on loopback for tests, and what a visitor of it does."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import msgspec
import uvicorn
from sqlalchemy import insert, select

from bot.service import Service
from domain.messages import Button, Outbound
from storage.book import IDENTITY, OUTBOX
from storage.ids import new_id
from tests.serving import serving
from web.services import Services


@dataclass(slots=True)
class Site:
    """Where it is, and what it stands on."""

    url: str
    services: Services
    service: Service
    server: uvicorn.Server
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, **headers: str) -> httpx.Client:
        """A browser without eyes: keeps cookies, sends our own Origin."""
        client = httpx.Client(base_url=self.url, headers={"Origin": self.url, **headers}, trust_env=False, timeout=10)
        self.clients.append(client)
        return client


@contextmanager
def a_site(service: Service, *, demo: bool = False, secure_cookies: bool = False) -> Iterator[Site]:
    """Serves until the block ends."""
    with serving(service, demo=demo, secure_cookies=secure_cookies) as served:
        site = Site(served.url, served.services, service, served.server)
        try:
            yield site
        finally:
            for client in site.clients:
                client.close()


def say(client: httpx.Client, **what: str) -> httpx.Response:
    """Sends one message, with a fresh id unless given."""
    return client.post("/chat/messages", json={"id": secrets.token_hex(16), **what})


def agreed(site: Site, community: str = "P05-01") -> httpx.Client:
    """The browser of a resident who followed a community's link and agreed."""
    client = site.client()
    say(client, command="start", argument=f"c-{community}")
    say(client, button="consent:yes")
    return client


def push(site: Site, token: str, text: str, *buttons: Button) -> int:
    """Puts a push for a session into the outbox, as a campaign does. Returns the row's id."""
    now_ms = site.services.gateway.clock()
    row_id = new_id(now_ms)
    owner = site.services.vault.fingerprint("webchat", "web", token)
    with site.services.reading.transaction() as tx:
        identity = tx.execute(select(IDENTITY.c.id, IDENTITY.c.resident_id).where(IDENTITY.c.key_hash == owner)).one()
    row = {
        "id": row_id,
        "resident_id": identity.resident_id,
        "identity_id": identity.id,
        "inbox_id": None,
        "kind": "push",
        "body": msgspec.json.encode(Outbound(text, buttons)),
        "status": "ready",
        "tries": 0,
        "created_ms": now_ms,
        "not_before_ms": now_ms,
        "expires_ms": now_ms + 3_600_000,
    }
    with site.service.database.transaction() as tx:
        tx.execute(insert(OUTBOX).values(**row))
    return row_id


def status_of(site: Site, row_id: int) -> str:
    """The status of an outbox row."""
    with site.services.reading.transaction() as tx:
        return str(tx.scalar(select(OUTBOX.c.status).where(OUTBOX.c.id == row_id)))


def until(condition: Callable[[], bool], seconds: float = 6) -> None:
    """Waits for something that happens soon.

    Raises:
        AssertionError: it did not.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)
