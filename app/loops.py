"""What runs beside the requests: the clock's ticks, the outbox, polling, the staff bot."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from app.wiring import App
from bot import campaigns
from bot.channels.webchat import Hub
from bot.gateway import now_ms

TICK_S = 5
Loop = tuple[str, Coroutine[Any, Any, None], Callable[[], Awaitable[None]] | None]
log = structlog.get_logger()


def loops(app: App, hub: Hub) -> list[Loop]:
    """Every loop this installation needs, with how to close what it holds."""
    settings = app.settings
    found: list[Loop] = [("ticks", ticks(app), None)]
    if settings.telegram_mode != "off" and settings.telegram_token is not None:
        from bot.channels import telegram
        from bot.outbox import Outbox

        token = settings.telegram_token.get_secret_value()
        account = token.partition(":")[0]
        sender = telegram.LazySender(token, settings.telegram_base_url)
        outbox = Outbox(app.gateway, app.database, app.vault, {("telegram", account): sender})
        found.append(("outbox", outbox.run(), outbox.close))
        if settings.telegram_mode == "polling":
            found.append(("polling", telegram.poll(app.gateway, token, settings.telegram_base_url), None))
        elif settings.public_url:
            secret = settings.telegram_webhook_secret
            url = settings.public_url.rstrip("/") + "/telegram/webhook"
            register = telegram.register_webhook(
                token, url, secret.get_secret_value() if secret else "", settings.telegram_base_url
            )
            found.append(("webhook", register, None))
    if settings.staff_token is not None:
        from bot.staff import telegram as staff

        token = settings.staff_token.get_secret_value()
        found.append(
            ("staff", staff.run(token, settings.staff_base_url, app.gateway, app.database, app.world, app.vault, now_ms), None)
        )
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
            app.gateway.on_queued()
        except Exception as exc:
            log.error("tick.failed", fault=type(exc).__name__, exc_info=True)

    scheduler.add_job(tick, "interval", seconds=TICK_S, max_instances=1, coalesce=True)
    scheduler.start()
    try:
        await asyncio.Event().wait()
    finally:
        scheduler.shutdown(wait=False)
