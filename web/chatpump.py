"""From the outbox to the pages that are open: looks when woken, and every two seconds for other processes' rows.

Runs only while a page is open. Pushes are at least once: a row is marked sent after it went into a page's socket,
and a page shows a row once.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec
from starlette.concurrency import run_in_threadpool

from bot.channels.webchat import ACCOUNT, NAME, Page, Push
from domain.messages import Outbound
from storage import webchat as rows
from web.services import Services

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
_outbound = msgspec.json.Decoder(Outbound).decode


class Pump:
    """One per application."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._working: asyncio.Task[None] | None = None

    def open(self, owner: bytes) -> Page:
        """A page that hears what waits for its owner, and what comes."""
        page = self.services.hub.open(owner)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return page

    async def mark_sent(self, row_id: int) -> None:
        """This row is in a page's socket."""
        gateway = self.services.gateway

        def write() -> None:
            with gateway.service.database.transaction() as tx:
                rows.mark_sent(tx, [row_id], gateway.clock())

        await gateway.run(write)

    async def _work(self) -> None:
        hub = self.services.hub
        while hub.owners:
            await hub.woken(LOOK_EVERY_S)
            try:
                found = await run_in_threadpool(self._look, hub.owners)
            except Exception as exc:  # the database may come back; the pages stay open
                log.warning("web chat pushes: cannot read the outbox (%s)", type(exc).__name__)
                continue
            for owner, push in found:
                hub.publish(owner, push)

    def _look(self, owners: tuple[bytes, ...]) -> list[tuple[bytes, Push]]:
        now_ms = self.services.gateway.clock()
        with self.services.reading.transaction() as tx:
            found = list(rows.waiting(tx, NAME, ACCOUNT, owners, now_ms))
        return [(owner, Push(row_id, _outbound(body))) for owner, row_id, body in found]
