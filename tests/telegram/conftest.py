"""A stand-in, a gateway and a served webhook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest_asyncio
import uvicorn
from sqlalchemy import insert, text

from bot.channels.telegram_sender import LazySender
from bot.gateway import Gateway
from bot.service import Service
from domain.messages import Outbound
from storage import book
from storage.database import Connection, Database
from storage.ids import new_id
from storage.vault import Vault
from tests.builders import NOW_MS
from tests.telegram_standin import TOKEN, Standin, standin

SECRET = "a-secret-of-the-webhook"
ACCOUNT = TOKEN.partition(":")[0]


@pytest_asyncio.fixture
async def telegram() -> AsyncIterator[Standin]:
    """A running stand-in."""
    async with standin() as found:
        yield found


@pytest_asyncio.fixture
async def gateway(sqlite_service: Service) -> AsyncIterator[Gateway]:
    """A gateway on SQLite."""
    found = Gateway(sqlite_service)
    yield found
    await found.close()


@pytest_asyncio.fixture
async def sender(telegram: Standin) -> AsyncIterator[LazySender]:
    """A sender at the stand-in."""
    found = LazySender(TOKEN, telegram.url)
    yield found
    await found.close()


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """An ASGI application on loopback; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        await task


async def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Waits for something to become true."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    """Rows as they are committed."""
    with database.transaction() as tx:
        return [tuple(row) for row in tx.execute(text(query))]


def fill(
    database: Database,
    vault: Vault,
    chats: Iterable[int],
    *,
    channel: str = "telegram",
    account: str = ACCOUNT,
    **values: object,
) -> list[int]:
    """One resident, identity and waiting message for each chat; the messages' ids."""
    ids = []
    with database.transaction() as tx:
        for chat in chats:
            resident = {"id": new_id(NOW_MS), "created_ms": NOW_MS, "opted_out": False}
            tx.execute(insert(book.RESIDENT), resident)
            identity = {
                "id": new_id(NOW_MS),
                "resident_id": resident["id"],
                "channel": channel,
                "account": account,
                "key_hash": vault.fingerprint(channel, account, str(resident["id"])),
                "address": vault.seal(str(chat)),
                "gone": False,
            }
            tx.execute(insert(book.IDENTITY), identity)
            ids.append(queue(tx, resident["id"], identity["id"], **values))
    return ids


def queue(tx: Connection, resident_id: object, identity_id: object, **values: object) -> int:
    """One waiting message."""
    row: dict[str, object] = {
        "id": new_id(NOW_MS),
        "resident_id": resident_id,
        "identity_id": identity_id,
        "inbox_id": None,
        "kind": "reply",
        "body": msgspec.json.encode(Outbound("您好")),
        "status": "ready",
        "tries": 0,
        "created_ms": 0,
        "not_before_ms": 0,
        "expires_ms": None,
    }
    tx.execute(insert(book.OUTBOX), row | values)
    found = (row | values)["id"]
    assert isinstance(found, int)
    return found
