"""Telegram: the webhook in, `sendMessage` out. Polling is in `telegram_polling`, the format in `telegram_wire`.

aiogram is imported inside functions only: it costs three seconds and 130 MB that a process answering webhooks alone
never needs. Telegram keeps what it carries outside the country: operators opt in.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import msgspec

from bot.channels import Sender
from bot.channels.telegram_wire import (
    ALLOWED_UPDATES,
    MAX_BODY,
    MAX_CHARS,
    NAME,
    membership,
    parse,
    render,
)
from bot.gateway import Gateway
from domain.errors import (
    Busy,
    ChannelDown,
    ConfigError,
    InputError,
    OutcomeUnknown,
    Rejected,
    ResidentGone,
    SendError,
    Throttled,
)
from domain.messages import Capabilities, Outbound
from storage.outbox import set_gone

if TYPE_CHECKING:
    from aiogram import Bot
    from aiogram.methods import TelegramMethod

__all__ = ["CAPABILITIES", "NAME", "TelegramSender", "Webhook", "build", "parse", "render", "start_webhook", "webhook"]

CAPABILITIES = Capabilities(buttons=True, max_chars=MAX_CHARS, per_second=30.0, stores_abroad=True)
SECRET_HEADER = b"x-telegram-bot-api-secret-token"
MAX_BACKGROUND = 500  #: waiting acknowledgements of pressed buttons; more are dropped, they only stop a spinner
TIMEOUT_S = 20

_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")
_JSON = (b"content-type", b"application/json")
_encode = msgspec.json.Encoder().encode
log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def webhook(gateway: Gateway, account: str, secret: str | None, sender: Sender | None = None) -> Webhook:
    """The ASGI callable that Telegram's updates for `account` are posted to. With a `sender`, presses are acknowledged.

    Raises:
        ConfigError("telegram.secret"): none, shorter than 16 characters, or with others than A-Z a-z 0-9 _ -.
    """
    if secret is None or not _SECRET.fullmatch(secret):
        raise ConfigError("telegram.secret")
    return Webhook(gateway, account, secret.encode(), sender)


class Webhook:
    """200 when the update is durable, the first reply in the answer; 403, 405, 400 and 413 to strangers; 503 when busy.

    Telegram repeats whatever got no 2xx, and holds back the chat's other updates meanwhile. So an update of a kind we
    do not handle, and one that fails inside (stored, tried again by ourselves), get 200 like any other.
    """

    def __init__(self, gateway: Gateway, account: str, secret: bytes, sender: Sender | None) -> None:
        self.gateway = gateway
        self.account = account
        self.sender = sender
        self.accepted = self.ignored = self.forged = self.malformed = self.busy = 0
        self._secret = secret
        self._background: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await _refuse_other(scope, receive, send)
        if scope["method"] != "POST":
            return await _answer(send, 405, b"", (b"allow", b"POST"))
        # exactly one header: with two, which one counts would be the server's whim
        secrets = [value for name, value in scope["headers"] if name == SECRET_HEADER]
        if len(secrets) != 1 or not hmac.compare_digest(secrets[0], self._secret):
            self.forged += 1
            return await _answer(send, 403)
        raw = await _body(receive)
        if raw is None:
            return None
        if len(raw) > MAX_BODY:
            self.malformed += 1
            return await _answer(send, 413)
        try:
            answer = await self._take(raw)
        except InputError:
            self.malformed += 1
            return await _answer(send, 400)
        except Busy:
            self.busy += 1
            return await _answer(send, 503, b"", (b"retry-after", b"1"))
        return await _answer(send, 200, answer, _JSON)

    async def _take(self, raw: bytes) -> bytes:
        """The update made durable; gives the answer's body, which is a method call or nothing."""
        inbound = parse(raw, self.account, self.gateway.clock())
        if inbound is None:
            self.ignored += 1
            await note_membership(self.gateway, self.account, raw)
            return b""
        handled = await self.gateway.receive(inbound, carry=1)
        self.accepted += 1
        if not handled.replies:
            if not inbound.callback_id:
                return b""
            return _encode({"method": "answerCallbackQuery", "callback_query_id": inbound.callback_id})
        first, *rest = render(handled.replies[0], inbound.address)
        if self.sender is not None and inbound.callback_id:
            self._later(self.sender.acknowledge(inbound.callback_id))
        if rest and isinstance(self.sender, TelegramSender) and not handled.repeated:
            self._later(self.sender.send_rest(rest))
        first["method"] = "sendMessage"
        return _encode(first)

    def _later(self, work: Any) -> None:
        if len(self._background) >= MAX_BACKGROUND:
            work.close()
            return
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Waits for acknowledgements under way."""
        if self._background:
            await asyncio.wait(self._background, timeout=TIMEOUT_S)


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


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or its first bytes beyond the limit; None when the peer has gone."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body") and len(body) <= MAX_BODY:
        message = await receive()
        body += message.get("body", b"")
    return None if message["type"] == "http.disconnect" else body


async def _answer(send: Send, status: int, body: bytes = b"", header: tuple[bytes, bytes] | None = None) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    if header is not None:
        headers.append(header)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse_other(scope: Scope, receive: Receive, send: Send) -> None:
    """Web sockets are closed; the life span needs nothing when the webhook is served alone."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


# sending


def build(token: str, server: str | None = None) -> TelegramSender:
    """A sender for the bot of `token`, at `server` instead of https://api.telegram.org when given.

    Raises:
        ConfigError("telegram.token"): not the form of a token.
    """
    from aiogram import Bot
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
    from aiogram.utils.token import TokenValidationError

    api = TelegramAPIServer.from_base(server) if server else PRODUCTION
    try:
        return TelegramSender(Bot(token, session=AiohttpSession(api=api, timeout=TIMEOUT_S)))
    except TokenValidationError:
        raise ConfigError("telegram.token") from None  # the cause would print the token


class TelegramSender:
    """Sends through aiogram's methods and session; its errors become `SendError`s."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot

    async def send(self, address: str, outbound: Outbound) -> str:
        """Sends one message, long ones in pieces; the id of the last. Errors as `Sender.send`.

        When a later piece fails the first is with the resident already: unknown, since repeating would double it.
        """
        return await self._pieces(render(outbound, address))

    async def send_rest(self, pieces: list[dict[str, Any]]) -> None:
        """The further pieces of a reply whose first went out in the webhook's answer."""
        try:
            await self._pieces(pieces)
        except SendError as error:
            log.warning("telegram.rest_not_sent", extra={"fault": error.code})

    async def _pieces(self, pieces: list[dict[str, Any]]) -> str:
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
        from aiogram.methods import AnswerCallbackQuery

        try:
            await self.call(AnswerCallbackQuery(callback_query_id=callback_id))
        except SendError as error:
            log.debug("telegram.not_acknowledged", extra={"fault": error.code})

    async def call(self, method: TelegramMethod[Any]) -> Any:
        """Calls any method of the Bot API. Errors as `Sender.send`."""
        try:
            return await self.bot(method)
        except Exception as exc:
            raise send_error(exc) from exc

    async def close(self) -> None:
        """Gives back connections."""
        await self.bot.session.close()


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
    if isinstance(exc, a.TelegramServerError | a.ClientDecodeError):
        return OutcomeUnknown("send.unknown")
    return Rejected("send.rejected", fault=type(exc).__name__) if isinstance(exc, a.AiogramError) else exc


async def start_webhook(sender: TelegramSender, public_url: str, secret: str) -> None:
    """Tells Telegram where to post updates. Keeps what waits there.

    Raises:
        SendError: Telegram refused, or could not be reached.
    """
    from aiogram.methods import SetWebhook

    await sender.call(
        SetWebhook(url=public_url, secret_token=secret, allowed_updates=ALLOWED_UPDATES, max_connections=100)
    )
