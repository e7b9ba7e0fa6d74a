"""The residents' web chat: one page, one POST, one history, one event stream. No account, no third party.

A session is a random token in a cookie the page's scripts cannot read; it is the channel's user and address. The
cookie is set by our own page's requests only: SameSite=Strict hides it when somebody comes in by a link from
elsewhere, and setting a new one then would cut them off from what they said before.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from jinja2 import Environment, FileSystemLoader
from starlette.concurrency import run_in_threadpool

from bot.channels.webchat import ACCOUNT, NAME, Page, PageClosed, parse, render
from bot.conversation.codec import decode
from bot.service import ALL
from domain.errors import AppError, InputError, NotAllowed
from domain.messages import Outbound
from domain.texts import Texts, load_texts
from storage import webchat as rows
from web.chatpump import Pump
from web.language import language_of
from web.limits import Buckets, TooLarge
from web.services import Services

COOKIE = "buqi_chat"
COOKIE_S = 180 * 24 * 3600  #: as long as original messages are kept
BODY_BYTES = 64 * 1024
MOST_LINES = 50
HEARTBEAT_S = 15.0
SLACK_MS = 5_000  #: a page that comes back is shown what was pushed this long before it left; it knows repeats by id
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
PAGE_MARK = "x-buqi-page"  #: a header only our own page's requests carry

_TOKEN = re.compile(r"[0-9a-f]{32}")
_encode = msgspec.json.Encoder().encode
_outbound = msgspec.json.Decoder(Outbound).decode
_templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
#: every second part is a receipt number, which no line end may break
_templates.filters["by_receipt"] = re.compile(r"(?<![0-9A-Za-z])([2-9A-Z]{3}-[2-9A-Z]{4})(?![0-9A-Za-z])").split

#: sentences the page's script needs
SCRIPT_TEXTS = (
    *("sending", "sent", "failed", "retry", "offline", "choices", "you", "bot"),
    *("offer", "offer_send", "offer_drop", "large", "normal", "too_long", "empty"),
)


def router(services: Services) -> APIRouter:
    """The chat's routes, and the front page at `/`."""
    api = APIRouter()
    desk = Desk(services)

    @api.get("/", response_class=HTMLResponse, include_in_schema=False)
    def home(request: Request) -> Response:
        """What this is, and the way to the chat."""
        texts = desk.texts(request)
        tree = services.world.city.tree
        streets = {area.code: tree.ancestor(area.code, "street") for area in tree.all_communities}
        places = [(area.code, getattr(streets[area.code], "name", "") + area.name) for area in tree.all_communities]
        page = _templates.get_template("home.html").render(t=texts, demo=services.demo, places=places)
        return HTMLResponse(page, headers=HEADERS)

    @api.get("/chat", response_class=HTMLResponse, include_in_schema=False)
    def chat(request: Request) -> Response:
        """The page, with what was said so far for browsers without scripts."""
        return desk.page(request, token_of(request))

    @api.get("/chat/history")
    def history(request: Request) -> Response:
        """`{at, consented, community, lines: [{id, at_ms, by, text}], buttons}` of one visitor, the last 50 lines."""
        token = token_of(request)
        response = _json(desk.history(token) | {"at": services.gateway.clock()})
        if token is None and PAGE_MARK in request.headers:
            desk.hand_out(response, new_token())
        return response

    @api.post("/chat/messages")
    async def messages(request: Request) -> Response:
        """One text, button or command. The same id again gives the same answer, byte for byte."""
        same_origin(request)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            return await desk.say(request)
        if kind == "application/x-www-form-urlencoded":
            return await desk.say_by_form(request)
        raise InputError("chat.format")

    @api.get("/chat/events")
    async def events(request: Request, after: int = 0) -> Response:
        """Server-sent events: `push` with `{id, text, buttons}`; resumed by Last-Event-ID, a moment in ms."""
        token = token_of(request)
        if token is None:
            return Response(status_code=204)  # tells an EventSource not to come back
        last = request.headers.get("last-event-id", "")
        since_ms = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else after
        headers = HEADERS | {"X-Accel-Buffering": "no"}
        services.hub.check_room()
        return StreamingResponse(desk.stream(token, since_ms), media_type="text/event-stream", headers=headers)

    return api


class Desk:
    """What the routes do."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.pump = Pump(services)
        self.sessions = Buckets(per_second=2.0, burst=20)
        self.newcomers = Buckets(per_second=20.0, burst=100)

    # saying

    async def say(self, request: Request) -> Response:
        """The page's JSON."""
        body = await read_body(request)
        token = token_of(request)
        who = token or self._newcomer()
        response = _json({"replies": await self._receive(body, who)})
        if token is None:
            self.hand_out(response, who)
        return response

    async def say_by_form(self, request: Request) -> Response:
        """The same from a browser without scripts: back to the page, or the page with what is wrong and the text."""
        form = dict(parse_qsl((await read_body(request)).decode("utf-8", "replace"), max_num_fields=20))
        here = f"/chat?lang={language_of(request, self.services.language)}"
        said = "button" if "button" in form else "command" if "command" in form else "text"
        fields = {name: form[name] for name in ("id", said) if name in form}
        if said == "command" and "argument" in form:
            fields["argument"] = form["argument"]
        token = token_of(request)
        try:
            who = token or self._newcomer()
            await self._receive(fields, who)
        except AppError as error:
            return await run_in_threadpool(self.page, request, token, error, form.get("text", ""))
        response = RedirectResponse(here, 303, headers=HEADERS)
        if token is None:
            self.hand_out(response, who)
        return response

    def _newcomer(self) -> str:
        self.newcomers.take("all", self.services.gateway.clock())
        return new_token()

    async def _receive(self, body: bytes | Mapping[str, str], token: str) -> list[dict[str, object]]:
        now_ms = self.services.gateway.clock()
        inbound = parse(body if isinstance(body, bytes) else dict(body), ACCOUNT, now_ms, user=token)
        self.sessions.take(token, now_ms)
        handled = await self.services.gateway.receive(inbound, ALL)
        return [render(reply, token) for reply in handled.replies]

    # showing

    def owner(self, token: str) -> bytes:
        """The session's fingerprint."""
        return self.services.vault.fingerprint(NAME, ACCOUNT, token)

    def history(self, token: str | None) -> dict[str, object]:
        """What was said by both sides, and the buttons that count now."""
        nothing: dict[str, object] = {"consented": False, "community": None, "lines": [], "buttons": []}
        if token is None:
            return nothing
        with self.services.reading.transaction() as tx:
            found = rows.standing(tx, NAME, ACCOUNT, self.owner(token), MOST_LINES)
        if found is None:
            return nothing
        dialogue = decode(found.state)
        tree = self.services.world.city.tree
        return {
            "consented": found.consented,
            "community": tree[found.community].name if found.community in tree.by_code else None,
            "lines": [self._line(line) for line in found.lines if line.original or line.body],
            "buttons": render(Outbound("", dialogue.choices if dialogue else ()), token)["buttons"],
        }

    def _line(self, line: rows.Line) -> dict[str, object]:
        shown: dict[str, object] = {"id": str(line.id), "at_ms": line.at_ms}
        if line.body is None:
            return shown | {"by": "resident", "text": self.services.vault.open(line.original or b"")}
        return shown | {"by": "bot", "text": _outbound(line.body).text}

    def page(self, request: Request, token: str | None, error: AppError | None = None, draft: str = "") -> Response:
        """The page as HTML; after a refused form with its reason, and the text still in the box."""
        texts = self.texts(request)
        tree = self.services.world.city.tree
        code = request.query_params.get("c", "")
        invited = tree[code] if code in tree and tree[code].kind == "community" else None
        page = _templates.get_template("chat.html").render(
            t=texts,
            demo=self.services.demo,
            history=self.history(token),
            invited=invited,
            problem=texts.error(error) if error else "",
            draft=draft,
            form_id=secrets.token_hex(16),
            script_texts=_encode({name: texts(f"chat.{name}") for name in SCRIPT_TEXTS}).decode(),
        )
        return HTMLResponse(page, status_code=error.status if error else 200, headers=HEADERS)

    def texts(self, request: Request) -> Texts:
        """The sentences in the reader's language."""
        return load_texts(language_of(request, self.services.language))

    def hand_out(self, response: Response, token: str) -> None:
        """Gives the session's cookie to our own page."""
        response.set_cookie(
            COOKIE,
            token,
            max_age=COOKIE_S,
            path="/chat",
            httponly=True,
            samesite="strict",
            secure=self.services.secure_cookies,
        )

    # pushing

    async def stream(self, token: str, since_ms: int) -> AsyncIterator[bytes]:
        """The event stream of one open page. A push is marked sent once it is in the socket."""
        page = self.pump.open(self.owner(token))
        shown: set[int] = set()
        try:
            yield b"retry: 3000\n\n"
            if since_ms:
                for row_id, body in await run_in_threadpool(self._pushed_since, page.owner, since_ms - SLACK_MS):
                    shown.add(row_id)
                    yield self._event(row_id, _outbound(body), token)
            async for event in self._live(page, shown, token):
                yield event
        except PageClosed:
            return
        finally:
            self.services.hub.leave(page)

    async def _live(self, page: Page, shown: set[int], token: str) -> AsyncIterator[bytes]:
        while True:
            push = await page.next(HEARTBEAT_S)
            if push is None:
                yield b":\n\n"
            elif push.id not in shown:
                shown.add(push.id)
                yield self._event(push.id, push.outbound, token)
                await self.pump.mark_sent(push.id)

    def _pushed_since(self, owner: bytes, since_ms: int) -> list[tuple[int, bytes]]:
        with self.services.reading.transaction() as tx:
            return rows.pushed_since(tx, NAME, ACCOUNT, owner, since_ms)

    def _event(self, row_id: int, outbound: Outbound, token: str) -> bytes:
        data = _encode(render(outbound, token) | {"id": str(row_id)})
        return b"event: push\nid: %d\ndata: %s\n\n" % (self.services.gateway.clock(), data)


def token_of(request: Request) -> str | None:
    """The session of a request; None for a newcomer."""
    token = request.cookies.get(COOKIE, "")
    return token if _TOKEN.fullmatch(token) else None


def new_token() -> str:
    """128 random bits."""
    return secrets.token_hex(16)


def same_origin(request: Request) -> None:
    """Refuses what another site's page sends in the resident's name.

    Raises:
        NotAllowed("chat.origin")
    """
    origin = urlsplit(request.headers.get("origin", "")).netloc.lower()
    if not origin or origin != request.headers.get("host", "").lower():
        raise NotAllowed("chat.origin")


async def read_body(request: Request) -> bytes:
    """The body, at most `BODY_BYTES`.

    Raises:
        TooLarge("chat.body"): longer; what came is thrown away.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise TooLarge("chat.body", kib=BODY_BYTES // 1024)
    return bytes(body)


def _json(value: object) -> Response:
    return Response(_encode(value), media_type="application/json", headers=HEADERS)
