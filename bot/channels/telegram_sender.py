"""Sends to Telegram: aiogram's methods and session, its errors as ours."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from bot.channels.telegram_wire import ALLOWED_UPDATES, render
from domain.errors import (
    AppError,
    ChannelDown,
    ConfigError,
    OutcomeUnknown,
    Rejected,
    ResidentGone,
    Throttled,
)
from domain.messages import Outbound

if TYPE_CHECKING:
    from aiogram import Bot
    from aiogram.methods import TelegramMethod

TIMEOUT_S = 20
MAX_PAUSE_S = 60.0
log = logging.getLogger(__name__)


class LazySender:
    """Sends for the bot of `token`, at `base_url` instead of https://api.telegram.org when given.

    Goes through aiogram's methods and session, loaded at the first call and beside the event loop: the import takes
    three seconds and 130 MB, which a process that only answers webhooks never spends.
    """

    def __init__(self, token: str, base_url: str | None = None) -> None:
        self.account = token.partition(":")[0]
        self._token = token
        self._base_url = base_url
        self._bot: Bot | None = None
        self._loading = asyncio.Lock()

    async def bot(self) -> Bot:
        """aiogram's bot.

        Raises:
            ConfigError("telegram.token"): not the form of a token.
        """
        async with self._loading:
            if self._bot is None:
                await asyncio.to_thread(__import__, "aiogram")
                self._bot = _build(self._token, self._base_url)
            return self._bot

    async def send(self, address: str, outbound: Outbound) -> str:
        """Sends one message, long ones in pieces; the id of the last. Errors as `Sender.send`.

        When a later piece fails the first is with the resident already: unknown, since repeating would double it.
        """
        return await self._pieces(render(outbound, address))

    async def send_rest(self, pieces: list[dict[str, Any]]) -> None:
        """The further pieces of a reply whose first went out in the webhook's answer."""
        try:
            await self._pieces(pieces)
        except AppError as error:
            log.warning("telegram.rest_not_sent", extra={"fault": error.code})

    async def _pieces(self, pieces: list[dict[str, Any]]) -> str:
        await self.bot()
        from aiogram.methods import SendMessage

        message_id = ""
        for piece in pieces:
            try:
                message_id = str((await self.call(SendMessage(**piece))).message_id)
            except (Throttled, ChannelDown) as exc:
                if message_id:
                    raise OutcomeUnknown("send.unknown") from exc
                raise
        return message_id

    async def acknowledge(self, callback_id: str) -> None:
        """Stops the waiting sign of a pressed button; failures do not matter."""
        await self.bot()
        from aiogram.methods import AnswerCallbackQuery

        try:
            await self.call(AnswerCallbackQuery(callback_query_id=callback_id))
        except AppError as error:
            log.debug("telegram.not_acknowledged", extra={"fault": error.code})

    async def call(self, method: TelegramMethod[Any], request_timeout: int | None = None) -> Any:
        """Calls any method of the Bot API. Errors as `Sender.send`."""
        bot = await self.bot()
        try:
            return await bot(method, request_timeout)
        except Exception as exc:
            raise send_error(exc) from exc

    async def close(self) -> None:
        """Gives back connections."""
        if self._bot is not None:
            await self._bot.session.close()


def _build(token: str, base_url: str | None) -> Bot:
    from aiogram import Bot
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
    from aiogram.utils.token import TokenValidationError

    api = TelegramAPIServer.from_base(base_url) if base_url else PRODUCTION
    try:
        return Bot(token, session=AiohttpSession(api=api, timeout=TIMEOUT_S))
    except TokenValidationError:
        raise ConfigError("telegram.token") from None  # the cause would print the token


def send_error(exc: Exception) -> Exception:
    """What one of aiogram's errors means for a message; the same error when it is none of aiogram's.

    Whether a request that broke off was carried out, nobody can tell: only a connection that never came about is
    "not sent" (python-telegram-bot issue 1045 saw a time-out delivered three times).
    """
    from aiogram import exceptions as a
    from aiohttp import ClientConnectorError, ConnectionTimeoutError

    if isinstance(exc, a.TelegramRetryAfter):
        return Throttled(float(exc.retry_after))
    if isinstance(exc, a.TelegramForbiddenError):
        return ResidentGone("send.gone")
    if isinstance(exc, a.TelegramBadRequest):
        gone = any(sign in exc.message.lower() for sign in ("chat not found", "user not found", "peer_id_invalid"))
        return ResidentGone("send.gone") if gone else Rejected("send.rejected", fault=exc.message)
    if isinstance(exc, a.TelegramUnauthorizedError | a.TelegramConflictError | a.TelegramNotFound):
        return ChannelDown("send.down")  # a wrong token or address answers 401 or 404: nothing was sent
    if isinstance(exc, a.TelegramMigrateToChat | a.TelegramEntityTooLarge):
        return Rejected("send.rejected", fault=type(exc).__name__)
    if isinstance(exc, a.TelegramNetworkError):
        never_sent = isinstance(exc.__cause__, ClientConnectorError | ConnectionTimeoutError)
        return ChannelDown("send.down") if never_sent else OutcomeUnknown("send.unknown")
    if isinstance(exc, a.TelegramServerError | a.ClientDecodeError | OSError):
        return OutcomeUnknown("send.unknown")
    return Rejected("send.rejected", fault=type(exc).__name__) if isinstance(exc, a.AiogramError) else exc


async def register_webhook(token: str, url: str, secret: str, base_url: str | None = None) -> None:
    """Tells Telegram where to post updates, again and again until it hears. What waits there is kept.

    Raises:
        Rejected: Telegram refuses the address or the secret.
    """
    sender = LazySender(token, base_url)
    await sender.bot()
    from aiogram.methods import SetWebhook

    method = SetWebhook(url=url, secret_token=secret, allowed_updates=ALLOWED_UPDATES, max_connections=100)
    pause_s = 1.0
    try:
        while True:
            try:
                await sender.call(method)
            except (Throttled, ChannelDown, OutcomeUnknown) as error:
                log.warning("telegram.webhook_not_registered", extra={"fault": error.code})
                await asyncio.sleep(max(pause_s, error.retry_after_s if isinstance(error, Throttled) else 0.0))
                pause_s = min(2 * pause_s, MAX_PAUSE_S)
            else:
                log.info("telegram.webhook_registered")
                return
    finally:
        await sender.close()
