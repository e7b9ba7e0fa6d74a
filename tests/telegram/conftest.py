"""A stand-in, a gateway and a served webhook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest_asyncio
import uvicorn
from sqlalchemy import text

from bot.channels.telegram_sender import LazySender
from bot.gateway import Gateway
from bot.service import Service
from storage.database import Database
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
