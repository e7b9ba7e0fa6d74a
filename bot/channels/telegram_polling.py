"""Asks Telegram for updates, where no public address can be had for a webhook.

The libraries' own loops confirm a batch while it is still being handled, and lose it when they die. This one moves
the offset only when every update of the batch is committed. https://core.telegram.org/bots/api#getupdates
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from bot.channels.telegram_sender import LazySender, send_error
from bot.channels.telegram_wire import ALLOWED_UPDATES, NAME, membership, parse
from bot.gateway import Gateway
from domain.errors import Busy, InputError, Throttled
from storage.outbox import set_gone

if TYPE_CHECKING:
    from aiogram.methods import TelegramMethod

POLL_S = 30  #: how long Telegram holds an empty answer
BATCH = 100
CONFLICT_S = 60.0  #: somebody else polls with this token: asking more often only makes the two take turns
MAX_PAUSE_S = 60.0

Sleep = Callable[[float], Awaitable[None]]
log = logging.getLogger(__name__)


async def poll(gateway: Gateway, token: str, base_url: str | None = None) -> None:
    """Takes updates until cancelled. Replies go through the outbox."""
    poller = Poller(gateway, LazySender(token, base_url))
    try:
        await poller.run()
    finally:
        await poller.close()


class Poller:
    """One poller of one bot. `offset` is the first update that Telegram still keeps for us."""

    def __init__(
        self, gateway: Gateway, sender: LazySender, poll_s: int = POLL_S, sleep: Sleep = asyncio.sleep
    ) -> None:
        self.gateway = gateway
        self.sender = sender
        self.offset: int | None = None
        self.accepted = self.ignored = self.malformed = self.conflicts = 0
        self._poll_s = poll_s
        self._sleep = sleep
        self._pause_s = 0.0
        self._background: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Polls for ever; every fault is waited out."""
        await self._attempt(self._leave_webhook)
        while True:
            await self._attempt(self.once)

    async def once(self) -> int:
        """One batch, durable when this returns. Returns its size.

        Raises:
            Busy: not all of it is stored; it will be asked for again.
            SendError, or aiogram's errors: nothing was fetched.
        """
        bot = await self.sender.bot()
        updates: list[dict[str, Any]] = await bot(
            _raw_updates()(offset=self.offset, limit=BATCH, timeout=self._poll_s, allowed_updates=ALLOWED_UPDATES),
            self._poll_s + 10,
        )
        results = await asyncio.gather(*[self._take(update) for update in updates], return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        for result in results:
            if isinstance(result, bytes):
                await note_membership(self.gateway, self.sender.account, result)
        if updates:
            self.offset = max(int(update["update_id"]) for update in updates) + 1
        return len(updates)

    async def _take(self, update: dict[str, Any]) -> bytes | None:
        """One update stored; those that are no message come back, to be looked at after the messages before them."""
        raw = msgspec.json.encode(update)
        try:
            inbound = parse(raw, self.sender.account, self.gateway.clock())
        except InputError:  # would come back for ever
            self.malformed += 1
            log.warning("telegram.malformed")
            return None
        if inbound is None:
            self.ignored += 1
            return raw
        await self.gateway.receive(inbound)
        self.accepted += 1
        if inbound.callback_id:
            task = asyncio.create_task(self.sender.acknowledge(inbound.callback_id))
            self._background.add(task)
            task.add_done_callback(self._background.discard)
        return None

    async def _attempt(self, step: Callable[[], Awaitable[object]]) -> None:
        """One step; after a fault a pause that doubles, or as long as Telegram says."""
        try:
            await step()
        except Exception as exc:
            await self._sleep(self._pause_after(exc))
        else:
            self._pause_s = 0.0

    def _pause_after(self, exc: Exception) -> float:
        from aiogram.exceptions import TelegramConflictError

        if isinstance(exc, TelegramConflictError):
            self.conflicts += 1
            log.error("telegram.conflict", extra={"pause_s": CONFLICT_S})
            return CONFLICT_S
        error = exc if isinstance(exc, Busy) else send_error(exc)
        self._pause_s = min(max(2 * self._pause_s, 1.0), MAX_PAUSE_S)
        pause_s = max(self._pause_s, error.retry_after_s) if isinstance(error, Throttled) else self._pause_s
        log.warning("telegram.polling_paused", extra={"fault": type(exc).__name__, "pause_s": pause_s})
        return pause_s

    async def _leave_webhook(self) -> None:
        """Telegram posts or is asked, not both; what waits is kept."""
        bot = await self.sender.bot()
        await bot.delete_webhook(drop_pending_updates=False)

    async def close(self) -> None:
        """Gives back connections."""
        if self._background:
            await asyncio.wait(self._background, timeout=5)
        await self.sender.close()


async def note_membership(gateway: Gateway, account: str, raw: bytes) -> None:
    """Notes that a resident blocked the bot, or let it write again.

    Raises:
        Busy("gateway.database"): not noted; the platform may repeat it.
    """
    if (change := membership(raw)) is None:
        return
    user, reachable = change
    service = gateway.service
    fingerprint = service.vault.fingerprint(NAME, account, user)

    def write() -> None:
        with service.database.transaction() as tx:
            set_gone(tx, NAME, account, fingerprint, not reachable)

    try:
        await gateway.run(write)
    except Exception as exc:
        raise Busy("gateway.database") from exc


@cache
def _raw_updates() -> Callable[..., TelegramMethod[list[dict[str, Any]]]]:
    """getUpdates answered with the JSON as it came: one update aiogram does not know would fail the whole batch."""
    from aiogram.methods import GetUpdates, TelegramMethod

    class RawUpdates(TelegramMethod[list[dict[str, Any]]]):
        __returning__ = list[dict[str, Any]]
        __api_method__ = GetUpdates.__api_method__

        offset: int | None
        limit: int
        timeout: int
        allowed_updates: list[str]

    return RawUpdates
