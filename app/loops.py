"""What runs beside the requests: the clock's ticks, the outbox, polling, the staff bot."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from zoneinfo import ZoneInfo

from app.wiring import App
from bot import campaigns
from bot.channels.telegram import LazySender, poll, register_webhook
from bot.gateway import now_ms
from bot.outbox import Outbox
from storage import outbox, retention, slots
from storage.database import is_outage

TICK_S = 5
MINUTE_MS = 60 * 1000
TELEGRAM_PATH = "/telegram/webhook"
Loop = tuple[str, Coroutine[Any, Any, None], Callable[[], Awaitable[None]] | None]
log = logging.getLogger(__name__)


def loops(app: App, sender: LazySender | None) -> list[Loop]:
    """Every loop this installation needs, with how to close what it holds."""
    settings = app.settings
    found: list[Loop] = [("ticks", ticks(app), None)]
    if sender is not None and settings.telegram_token is not None:
        token = settings.telegram_token.get_secret_value()
        senders = {("telegram", token.partition(":")[0]): sender}
        sending = Outbox(app.gateway, app.database, app.vault, senders, quiet=quiet_times(app))
        found.append(("outbox", sending.run(), sending.close))
        if settings.telegram_mode == "polling":
            found.append(("polling", poll(app.gateway, token, settings.telegram_base_url), None))
        elif settings.public_url:
            secret = settings.telegram_webhook_secret
            url = settings.public_url.rstrip("/") + TELEGRAM_PATH
            known = secret.get_secret_value() if secret else ""
            found.append(("webhook", register_webhook(token, url, known, settings.telegram_base_url), None))
    if settings.staff_token is not None:
        from bot.staff import telegram as staff

        token = settings.staff_token.get_secret_value()
        work = staff.run(token, settings.staff_base_url, app.gateway, app.database, app.world, app.vault, now_ms)
        found.append(("staff", work, None))
    return found


async def ticks(app: App) -> None:
    """APScheduler as a ticker: every job's slot is claimed in the database, so many processes run it once."""
    await asyncio.sleep(1)  # answer first, import later
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    owner = f"{socket.gethostname()}:{os.getpid()}"
    scheduler = AsyncIOScheduler(timezone=app.world.city.timezone)

    async def tick() -> None:
        try:
            now = now_ms()
            await app.gateway.run(lambda: app.service.retry_failed(now))
            await app.gateway.run(lambda: campaigns.tick(app.service, app.settings, owner, now))
            if await app.gateway.run(lambda: keep_house(app, owner, now)):
                app.gateway.failing = False  # it wrote, whether or not residents do
            app.gateway.on_queued()
        except Exception as exc:
            app.gateway.failing = app.gateway.failing or is_outage(exc)
            log.error("tick.failed", extra={"fault": type(exc).__name__}, exc_info=True)

    scheduler.add_job(tick, "interval", seconds=TICK_S, max_instances=1, coalesce=True, misfire_grace_time=None)
    scheduler.start()
    try:
        await asyncio.Event().wait()
    finally:
        scheduler.shutdown(wait=False)


def quiet_times(app: App) -> Callable[[int], bool]:
    """Whether residents must not be disturbed at a time (ms), by the settings and the city's clock."""
    zone = ZoneInfo(app.world.city.timezone)
    return lambda at_ms: campaigns.is_quiet(app.settings, zone, at_ms)


def keep_house(app: App, owner: str, now: int) -> bool:
    """Once a minute, however many processes tick: ends waiting that took too long, erases what outlived its purpose.

    Returns whether the minute was ours.
    """
    with app.database.transaction() as tx:
        if not slots.claim(tx, "house", str(now // MINUTE_MS), owner, now):
            return False
        outbox.expire(tx, now)
        erased = retention.erase_old(tx, now, app.settings.raw_text_days)
    if any(erased.values()):
        log.info("retention.done", extra=erased)
    return True
