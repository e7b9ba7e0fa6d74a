"""Telegram as a channel: its webhook, and the parts beside it.

    telegram_wire     the Bot API's JSON to our values and back
    telegram_sender   sends
    telegram_polling  asks for updates where no public address can be had

Telegram keeps what it carries outside the country: operators opt in.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from bot.channels.telegram_polling import note_membership, poll
from bot.channels.telegram_sender import LazySender, register_webhook
from bot.channels.telegram_wire import MAX_BODY, MAX_CHARS, NAME, parse, render
from bot.gateway import Gateway
from domain.errors import Busy, ConfigError, InputError
from domain.messages import Capabilities

__all__ = ["CAPABILITIES", "NAME", "LazySender", "Webhook", "parse", "poll", "register_webhook", "render", "webhook"]

CAPABILITIES = Capabilities(buttons=True, max_chars=MAX_CHARS, per_second=30.0, stores_abroad=True)
SECRET_HEADER = b"x-telegram-bot-api-secret-token"
MAX_BACKGROUND = 500  #: waiting acknowledgements of pressed buttons; more are dropped, they only stop a spinner
CLOSE_S = 10

_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")
_JSON = (b"content-type", b"application/json")
_encode = msgspec.json.Encoder().encode

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def webhook(gateway: Gateway, account: str, secret: str | None, sender: LazySender | None = None) -> Webhook:
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

    def __init__(self, gateway: Gateway, account: str, secret: bytes, sender: LazySender | None) -> None:
        self.gateway = gateway
        self.account = account
        self.sender = sender
        self.accepted = self.ignored = self.forged = self.malformed = self.busy = 0
        self._secret = secret
        self._background: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
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
        if rest and self.sender is not None and not handled.repeated:
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
            await asyncio.wait(self._background, timeout=CLOSE_S)


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
