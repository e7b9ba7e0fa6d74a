"""A strict stand-in for the Telegram Bot API on loopback, with residents as handles.

Real here: offsets confirm and nothing else does; long polls; allowed_updates at the time an update is made; 409 for
the older of two pollers and for polling beside a webhook; webhook deliveries with the secret header, one chat after
its own order, repeated until 2xx; methods in a webhook's answer; error bodies, 429 with retry_after that holds the
whole bot; 403 after blocking; limits of texts, buttons and keyboards.

Differs from the real one, known to us:
- http on loopback instead of https on a public address; one bot; private chats only.
- Repeats of a webhook start after `retry_s` and double up to 20 times that (real: 1 s up to 60-120 s); Retry-After is
  followed up to 20 `retry_s` (real: 3,600 s); nothing is dropped after 24 h; 410 does not close the webhook.
- Rates are exact: `per_second` sends in any second, `chat_burst` to one chat in any second (real: tolerant of bursts,
  undocumented); retry_after is `retry_after`. Groups' 20 a minute are absent.
- Unknown parameters are refused (real: ignored). No files, no entities, no Markdown or HTML parsing.
- update ids count up by one without the real one's random restarts.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx

TOKEN = "123456:AAStandIn-Token_0123456789abcdefghi"
KINDS = ("message", "edited_message", "callback_query", "my_chat_member")
Json = dict[str, Any]

SEND = {"chat_id", "text", "reply_markup", "parse_mode", "disable_notification", "link_preview_options"}
PARAMETERS: dict[str, set[str]] = {
    "getMe": set(),
    "getUpdates": {"offset", "limit", "timeout", "allowed_updates"},
    "setWebhook": {"url", "secret_token", "max_connections", "allowed_updates", "drop_pending_updates"},
    "deleteWebhook": {"drop_pending_updates"},
    "getWebhookInfo": set(),
    "sendMessage": SEND | {"protect_content"},
    "editMessageText": SEND | {"message_id"},
    "editMessageReplyMarkup": {"chat_id", "message_id", "reply_markup"},
    "answerCallbackQuery": {"callback_query_id", "text", "show_alert"},
    "sendChatAction": {"chat_id", "action"},
    "setMyCommands": {"commands", "scope", "language_code"},
}


class Refused(Exception):
    """An answer with ok = false."""

    def __init__(self, status: int, description: str, **parameters: object) -> None:
        super().__init__(description)
        self.status = status
        self.body: Json = {"ok": False, "error_code": status, "description": description}
        if parameters:
            self.body["parameters"] = parameters


class User:
    """A resident with Telegram on the phone."""

    def __init__(self, standin: Standin, user_id: int, name: str) -> None:
        self.id = user_id
        self.standin = standin
        self.received: list[Json] = []  #: messages of the bot, as they stand now
        self.blocked = False
        self.answered: list[str] = []  #: presses that stopped spinning
        self._person = {"id": user_id, "is_bot": False, "first_name": name, "language_code": "zh-hans"}
        self._chat = {"id": user_id, "type": "private", "first_name": name}

    def says(self, text: str) -> int:
        """Writes; returns the update's id."""
        message: Json = {"text": text}
        if text.startswith("/"):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
        return self.sends(message)

    def sends(self, content: Json) -> int:
        """Any kind of message, such as {"photo": [...]}."""
        return self.standin.update(self.id, "message", self._message(content))

    def edits(self, message_id: int, text: str) -> int:
        """Changes an earlier text."""
        message = self._message({"text": text, "edit_date": int(time.time())})
        message["message_id"] = message_id
        return self.standin.update(self.id, "edited_message", message)

    def presses(self, button: str | int, message: Json | None = None) -> int:
        """Presses a button by its label, callback_data or number, on the last message that has some."""
        found = message or next(m for m in reversed(self.received) if "reply_markup" in m)
        buttons = [b for row in found["reply_markup"]["inline_keyboard"] for b in row]
        pressed = (
            buttons[button - 1]
            if isinstance(button, int)
            else next(b for b in buttons if button in (b["text"], b["callback_data"]))
        )
        query_id = str(next(self.standin.ids))
        self.standin.queries[query_id] = self
        query = {
            "id": query_id,
            "from": self._person,
            "message": found,
            "chat_instance": "1",
            "data": pressed["callback_data"],
        }
        return self.standin.update(self.id, "callback_query", query)

    def blocks(self, blocked: bool = True) -> int:
        """Blocks the bot, or lets it write again."""
        self.blocked = blocked
        states: list[Json] = [{"user": self.standin.me, "status": status} for status in ("member", "kicked")]
        states[1]["until_date"] = 0
        old, new = states if blocked else reversed(states)
        change = {"chat": self._chat, "from": self._person, "date": int(time.time())}
        return self.standin.update(
            self.id, "my_chat_member", {**change, "old_chat_member": old, "new_chat_member": new}
        )

    async def gets(self, count: int = 1, timeout_s: float = 5.0) -> list[Json]:
        """The bot's messages once there are `count`."""
        async with asyncio.timeout(timeout_s):
            while len(self.received) < count:
                await asyncio.sleep(0.005)
        return self.received

    def _message(self, content: Json) -> Json:
        header = {"message_id": next(self.standin.ids), "from": self._person, "chat": self._chat}
        return {**header, "date": int(time.time()), **content}


class Standin:
    """The server: `url` for base_url; state to look at; limits and faults to set."""

    def __init__(self) -> None:
        self.url = ""
        self.me = {
            "id": int(TOKEN.split(":")[0]),
            "is_bot": True,
            "first_name": "补齐",
            "username": "buqi_bot",
            "can_join_groups": False,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }
        self.per_second = 30
        self.chat_burst = 5
        self.retry_after = 1
        self.retry_s = 0.02
        self.latency_s = 0.0
        self.ids = itertools.count(1000)
        self.users: dict[int, User] = {}
        self.queries: dict[str, User] = {}
        self.waiting: deque[tuple[int, Json]] = deque()  #: (chat, update) not yet confirmed
        self.calls: list[tuple[str, Json]] = []  #: everything asked, in order
        self.sends: list[tuple[float, int]] = []  #: (monotonic time, chat) of messages delivered
        self.refused: list[int] = []  #: status of every refusal
        self.in_ban = 0  #: sends while the bot was told to wait
        self.faults: deque[tuple[str, str]] = (
            deque()
        )  #: (method, "500" | "html" | "lost" | "cut" | "429"), one use each
        self.webhook: Json = {"url": ""}
        self.deliveries: list[tuple[int, int]] = []  #: (update id, status)
        self.commands: Any = None
        self._allowed: tuple[str, ...] = KINDS
        self._banned_until = 0.0
        self._news = asyncio.Event()
        self._poller: asyncio.Future[None] | None = None
        self._carriers: dict[int, asyncio.Task[None]] = {}
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._client = httpx.AsyncClient(timeout=10)
        self._last_error: tuple[int, str] | None = None

    def user(self, user_id: int = 77, name: str = "张大妈") -> User:
        """A resident who has opened the chat."""
        return self.users.setdefault(user_id, User(self, user_id, name))

    def update(self, chat: int, kind: str, content: Json) -> int:
        """Makes an update; returns its id."""
        update_id = next(self.ids)
        if kind in self._allowed:
            self.waiting.append((chat, {"update_id": update_id, kind: content}))
            self._news.set()
            self._carry(chat)
        return update_id

    # webhook

    def _carry(self, chat: int) -> None:
        if self.webhook["url"] and (chat not in self._carriers or self._carriers[chat].done()):
            self._carriers[chat] = asyncio.create_task(self._deliver(chat))

    async def _deliver(self, chat: int) -> None:
        """One chat's updates in their order; the first that fails holds up the others."""
        pause_s = self.retry_s
        while (item := next((i for i in self.waiting if i[0] == chat), None)) and self.webhook["url"]:
            status, wait_s, answer = await self._post(item[1])
            self.deliveries.append((item[1]["update_id"], status))
            if 200 <= status < 300:
                pause_s = self.retry_s
                with contextlib.suppress(ValueError):
                    self.waiting.remove(item)
                self._execute(answer)
                continue
            self._last_error = (int(time.time()), f"Wrong response from the webhook: {status}")
            await asyncio.sleep(min(wait_s, 20 * self.retry_s) or pause_s)
            pause_s = min(2 * pause_s, 20 * self.retry_s)

    async def _post(self, update: Json) -> tuple[int, float, bytes]:
        headers = {"Content-Type": "application/json"}
        if secret := self.webhook.get("secret_token"):
            headers["X-Telegram-Bot-Api-Secret-Token"] = secret
        try:
            response = await self._client.post(self.webhook["url"], content=json.dumps(update), headers=headers)
        except httpx.HTTPError:
            return 0, 0.0, b""
        return response.status_code, float(response.headers.get("retry-after", 0)), response.content

    def _execute(self, answer: bytes) -> None:
        """The method in a webhook's answer; its failure is told to nobody."""
        if not answer.strip():
            return
        call = json.loads(answer)
        method = call.pop("method")
        assert method not in ("getUpdates", "setWebhook", "deleteWebhook"), "not allowed in an answer"
        self.calls.append((method, call))
        with contextlib.suppress(Refused):
            self._check(method, call)
            getattr(self, "_" + method)(call)

    # methods

    async def call(self, method: str, params: Json) -> Any:
        """Any method, as from the network.

        Raises:
            Refused: the answer is an error.
        """
        name = next((known for known in PARAMETERS if known.lower() == method.lower()), None)
        if name is None:
            raise Refused(404, "Not Found: method not found")
        self.calls.append((name, params))
        self._check(name, params)
        if name == "getUpdates":
            return await self._poll(params)
        return getattr(self, "_" + name)(params)

    def _check(self, method: str, params: Json) -> None:
        if unknown := params.keys() - PARAMETERS[method]:
            raise Refused(400, f"Bad Request: unknown parameters {sorted(unknown)}")

    def _getMe(self, params: Json) -> Json:
        return self.me

    async def _poll(self, params: Json) -> list[Json]:
        if self.webhook["url"]:
            raise Refused(
                409,
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
            )
        offset, limit = int(params.get("offset", 0)), int(params.get("limit", 100))
        if not 1 <= limit <= 100:
            limit = 100
        self._allow(params)
        if offset < 0:
            while len(self.waiting) > -offset:
                self.waiting.popleft()
        while self.waiting and self.waiting[0][1]["update_id"] < offset:
            self.waiting.popleft()
        if self._poller is not None and not self._poller.done():
            self._poller.set_exception(
                Refused(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                )
            )
        me = self._poller = asyncio.get_running_loop().create_future()
        deadline = time.monotonic() + min(int(params.get("timeout", 0)), 50)
        while not self.waiting and (left := deadline - time.monotonic()) > 0:
            self._news.clear()
            news = asyncio.ensure_future(self._news.wait())
            await asyncio.wait([news, me], timeout=left, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
            if me.done():
                me.result()
        if not me.done():
            me.set_result(None)
        else:
            me.result()
        return [update for _, update in itertools.islice(self.waiting, limit)]

    def _allow(self, params: Json) -> None:
        if (allowed := params.get("allowed_updates")) is not None:
            self._allowed = tuple(_json(allowed, list)) or KINDS

    def _setWebhook(self, params: Json) -> bool:
        secret = params.get("secret_token", "")
        if len(secret) > 256 or not all((c.isalnum() and c.isascii()) or c in "_-" for c in secret):
            raise Refused(400, "Bad Request: secret token contains unallowed characters")
        self._allow(params)
        if _true(params.get("drop_pending_updates")):
            self.waiting.clear()
        self.webhook = {key: params[key] for key in ("url", "secret_token", "max_connections") if key in params}
        self.webhook.setdefault("url", "")
        for chat in {chat for chat, _ in self.waiting}:
            self._carry(chat)
        return True

    def _deleteWebhook(self, params: Json) -> bool:
        if _true(params.get("drop_pending_updates")):
            self.waiting.clear()
        self.webhook = {"url": ""}
        return True

    def _getWebhookInfo(self, params: Json) -> Json:
        info = {
            "url": self.webhook["url"],
            "has_custom_certificate": False,
            "pending_update_count": len(self.waiting),
            "max_connections": int(self.webhook.get("max_connections", 40)),
            "allowed_updates": list(self._allowed),
        }
        if self._last_error:
            info["last_error_date"], info["last_error_message"] = self._last_error
        return info

    def _sendMessage(self, params: Json) -> Json:
        text, markup = _text(params), _markup(params)
        user = self._reach(params)
        self._spend(user.id)
        message = {
            "message_id": next(self.ids),
            "from": self.me,
            "chat": user._chat,
            "date": int(time.time()),
            "text": text,
            **markup,
        }
        user.received.append(message)
        return message

    def _editMessageText(self, params: Json) -> Json:
        text, markup = _text(params), _markup(params)
        return self._edit(params, {"text": text, **markup})

    def _editMessageReplyMarkup(self, params: Json) -> Json:
        return self._edit(params, _markup(params))

    def _edit(self, params: Json, changes: Json) -> Json:
        user = self._reach(params)
        number = int(params.get("message_id", 0))
        message = next((m for m in user.received if m["message_id"] == number), None)
        if message is None:
            raise Refused(400, "Bad Request: message to edit not found")
        changed = {key: value for key, value in message.items() if key not in ("reply_markup", "edit_date")} | changes
        if changed == {key: value for key, value in message.items() if key != "edit_date"}:
            raise Refused(400, "Bad Request: message is not modified")
        message.pop("reply_markup", None)
        message.update(changes, edit_date=int(time.time()))
        return message

    def _answerCallbackQuery(self, params: Json) -> bool:
        user = self.queries.pop(str(params.get("callback_query_id")), None)
        if user is None:
            raise Refused(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        user.answered.append(str(params["callback_query_id"]))
        return True

    def _sendChatAction(self, params: Json) -> bool:
        self._reach(params)
        if params.get("action") != "typing":
            raise Refused(400, "Bad Request: wrong parameter action in request")
        return True

    def _setMyCommands(self, params: Json) -> bool:
        self.commands = _json(params.get("commands"), list)
        if not all(c["command"] == c["command"].lower() and 1 <= len(c["description"]) <= 256 for c in self.commands):
            raise Refused(400, "Bad Request: BOT_COMMAND_INVALID")
        return True

    def _reach(self, params: Json) -> User:
        chat = str(params.get("chat_id", ""))
        if not chat:
            raise Refused(400, "Bad Request: chat_id is empty")
        user = self.users.get(int(chat)) if chat.lstrip("-").isdigit() else None
        if user is None:
            raise Refused(400, "Bad Request: chat not found")
        if user.blocked:
            raise Refused(403, "Forbidden: bot was blocked by the user")
        return user

    def _spend(self, chat: int) -> None:
        now = time.monotonic()
        if now < self._banned_until:
            self.in_ban += 1
            raise self._too_many(self._banned_until - now)
        lately = [to for at, to in self.sends[-self.per_second - 1 :] if at > now - 1]
        if len(lately) >= self.per_second or lately.count(chat) >= self.chat_burst:
            self._banned_until = now + self.retry_after
            raise self._too_many(self.retry_after)
        self.sends.append((now, chat))

    def _too_many(self, seconds: float) -> Refused:
        whole = max(int(seconds + 0.999), 1)
        return Refused(429, f"Too Many Requests: retry after {whole}", retry_after=whole)

    # network

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *fields = head.split("\r\n")
                headers = {n.strip().lower(): v.strip() for n, _, v in (f.partition(":") for f in fields if f)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                path, _, query = line.split(" ")[1].partition("?")
                answer = await self._answer(unquote(path), query, headers.get("content-type", ""), body)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        writer.close()

    async def _answer(self, path: str, query: str, content_type: str, body: bytes) -> bytes | None:
        _, bot, method, *_ = [*path.split("/"), "", ""]
        fault = self._fault(method)
        if fault == "cut":  # broken before anything was done
            return None
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        try:
            if bot != "bot" + TOKEN:
                raise Refused(401, "Unauthorized") if bot.startswith("bot") else Refused(404, "Not Found")
            if fault == "500":
                raise Refused(500, "Internal Server Error")
            if fault == "429":
                self._banned_until = time.monotonic() + self.retry_after
                raise self._too_many(self.retry_after)
            status, answer = 200, {"ok": True, "result": await self.call(method, _params(query, content_type, body))}
        except Refused as exc:
            self.refused.append(exc.status)
            status, answer = exc.status, exc.body
        if fault == "lost":  # done, but nobody hears
            return None
        text = b"<html>Bad Gateway</html>" if fault == "html" else json.dumps(answer).encode()
        if fault == "html":
            status = 502
        head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        return head.encode() + text

    def _fault(self, method: str) -> str:
        if self.faults and self.faults[0][0].lower() == method.lower():
            return self.faults.popleft()[1]
        return ""

    async def close(self) -> None:
        """Ends deliveries and connections."""
        tasks = [*self._carriers.values(), *self._connections]
        writers = list(self._connections.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.close()
        await asyncio.gather(*[writer.wait_closed() for writer in writers], return_exceptions=True)
        await self._client.aclose()


@asynccontextmanager
async def standin() -> AsyncIterator[Standin]:
    """A running stand-in on a free port of loopback."""
    found = Standin()
    server = await asyncio.start_server(found._connected, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        await found.close()
        server.close()


def _params(query: str, content_type: str, body: bytes) -> Json:
    params: Json = dict(parse_qsl(query, keep_blank_values=True))
    if content_type.startswith("application/json"):
        params |= json.loads(body or b"{}")
    elif content_type.startswith("application/x-www-form-urlencoded"):
        params |= dict(parse_qsl(body.decode(), keep_blank_values=True))
    elif body:
        raise Refused(400, "Bad Request: this stand-in takes no files")
    return params


def _json(value: object, kind: type) -> Any:
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise Refused(400, "Bad Request: can't parse JSON") from None
    if not isinstance(found, kind):
        raise Refused(400, f"Bad Request: expected {kind.__name__}")
    return found


def _text(params: Json) -> str:
    text = str(params.get("text", "")).strip()
    if not text:
        raise Refused(400, "Bad Request: message text is empty")
    if len(text.encode("utf-16-le")) // 2 > 4096:
        raise Refused(400, "Bad Request: message is too long")
    return text


def _markup(params: Json) -> Json:
    if params.get("reply_markup") is None:
        return {}
    markup = _json(params["reply_markup"], dict)
    rows = markup.get("inline_keyboard")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise Refused(400, 'Bad Request: can\'t parse inline keyboard: field "inline_keyboard" must be of type Array')
    buttons = [button for row in rows for button in row]
    if len(buttons) > 100:
        raise Refused(400, "Bad Request: REPLY_MARKUP_TOO_LONG")
    for button in buttons:
        if not str(button.get("text", "")).strip():
            raise Refused(400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed")
        if button.keys() - {"text", "callback_data"} or not 1 <= len(str(button["callback_data"]).encode()) <= 64:
            raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
    return {"reply_markup": {"inline_keyboard": rows}} if buttons else {}


def _true(value: object) -> bool:
    return str(value).lower() in ("true", "1")


__all__ = ["TOKEN", "Refused", "Standin", "User", "standin"]
