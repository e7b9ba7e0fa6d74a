"""The residents' web chat as a channel: our own page's JSON to an event, and pushes to the pages that are open.

The page sends `{"id": "...", "text" | "button" | "command": "...", "argument": "..."}`; `id` is made by the page and
stays the same over every retry, so that nothing is ever said twice. The session token is both user and address.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from typing import Any

import msgspec

from domain.errors import Busy, InputError
from domain.messages import Capabilities, Inbound, Outbound

NAME = "webchat"
ACCOUNT = "web"  #: one site, one account
CAPABILITIES = Capabilities(buttons=True, max_chars=4_000, per_second=1_000.0)

MAX_CHARS = 4_000  #: in one text of a resident
MAX_PAGES = 8  #: open pages of one session that hear a push
MAX_OPEN = 1_000  #: open pages of one process; more of them still talk, but hear pushes only when they come back
_ID = re.compile(r"[0-9A-Za-z_-]{8,64}")
_COMMAND = re.compile(r"[a-z]{1,32}")


class Spoken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page sends. Exactly one of `text`, `button`, `command`."""

    id: str
    text: str | None = None
    button: str | None = None
    command: str | None = None
    argument: str = ""


_decode = msgspec.json.Decoder(Spoken).decode


def parse(raw: bytes | dict[str, Any], account: str, now_ms: int, *, user: str = "") -> Inbound:
    """The page's JSON (bytes, or the same as a dict from a form) as an event of the session `user`.

    Raises:
        InputError("chat.format"): not the page's format.
        InputError("chat.empty"): a text of blanks only.
        InputError("chat.too_long"): more than `MAX_CHARS` characters; data: count, most.
    """
    try:
        spoken = _decode(raw) if isinstance(raw, bytes) else msgspec.convert(raw, Spoken)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise InputError("chat.format") from exc
    said = [part for part in (spoken.text, spoken.button, spoken.command) if part is not None]
    if len(said) != 1 or not _ID.fullmatch(spoken.id) or (spoken.argument and spoken.command is None):
        raise InputError("chat.format")
    text = None if spoken.text is None else _clean(spoken.text)
    if spoken.button is not None and not 0 < len(spoken.button.encode()) <= 64:
        raise InputError("chat.format")
    if spoken.command is not None and not (_COMMAND.fullmatch(spoken.command) and len(spoken.argument) <= 64):
        raise InputError("chat.format")
    return Inbound(
        channel=NAME,
        account=account,
        external_id=external_id(user, spoken.id),
        user=user,
        address=user,
        at_ms=now_ms,
        text=text,
        button=spoken.button,
        command=spoken.command,
        argument=spoken.argument,
    )


def render(outbound: Outbound, address: str) -> dict[str, Any]:  # noqa: ARG001 - the contract's signature
    """One of our messages as the page's JSON: text and numbered buttons."""
    return {
        "text": outbound.text,
        "buttons": [{"label": button.label, "payload": button.payload} for button in outbound.buttons],
    }


def external_id(user: str, id_: str) -> str:
    """The event's key: bound to the session, so that nobody can ask for another session's stored replies."""
    return hashlib.sha256(f"{user}\x1f{id_}".encode()).hexdigest()[:40]


def _clean(text: str) -> str:
    text = "".join(letter for letter in text if letter in "\n\t" or letter.isprintable() or ord(letter) > 0xFF).strip()
    if not text:
        raise InputError("chat.empty")
    if len(text) > MAX_CHARS:
        raise InputError("chat.too_long", count=len(text), most=MAX_CHARS)
    return text


class Push(msgspec.Struct, frozen=True, gc=False):
    """One outbox row on its way to open pages. `id` is the row's: a page shows it once however often it comes."""

    id: int
    outbound: Outbound


class Page:
    """One open page: an event stream that hears what is pushed to its owner."""

    def __init__(self, owner: bytes) -> None:
        self.owner = owner
        self.waiting: asyncio.Queue[Push | None] = asyncio.Queue(maxsize=100)

    async def next(self, timeout_s: float) -> Push | None:
        """The next push; None when the time is up.

        Raises:
            PageClosed: the hub wants no more of this page.
        """
        try:
            push = await asyncio.wait_for(self.waiting.get(), timeout_s)
        except TimeoutError:
            return None
        if push is None:
            raise PageClosed
        return push

    def close(self) -> None:
        """Ends the stream as soon as its turn comes; what still waited stays in the outbox."""
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(None)


class PageClosed(Exception):
    """This page's stream is over; the browser comes back by itself."""


class Hub:
    """Fan-out of pushes to the pages that are open in this process, by the owner's fingerprint. Holds no texts.

    `wake()` says that something may be waiting in the outbox; it is safe to call from the event loop at any time.
    """

    def __init__(self) -> None:
        self._pages: dict[bytes, list[Page]] = {}
        self._woken = asyncio.Event()
        self.closed = False

    @property
    def owners(self) -> tuple[bytes, ...]:
        """Whose pages are open."""
        return tuple(self._pages)

    def check_room(self) -> None:
        """Refuses when `MAX_OPEN` pages are open.

        Raises:
            Busy("gateway.full")
        """
        if sum(map(len, self._pages.values())) >= MAX_OPEN:
            raise Busy("gateway.full")

    def open(self, owner: bytes) -> Page:
        """A new page of this owner; beyond `MAX_PAGES` the oldest one is closed."""
        page = Page(owner)
        pages = self._pages.setdefault(owner, [])
        pages.append(page)
        if len(pages) > MAX_PAGES:
            self.leave(pages[0], end=True)
        if self.closed:
            page.close()
        self.wake()
        return page

    def leave(self, page: Page, *, end: bool = False) -> None:
        """The page is gone; with `end` it is also told so."""
        pages = self._pages.get(page.owner, [])
        if page in pages:
            pages.remove(page)
        if not pages:
            self._pages.pop(page.owner, None)
        if end:
            page.close()

    def publish(self, owner: bytes, push: Push) -> int:
        """Hands a push to the owner's open pages; returns how many took it. A full page is skipped: it asks again."""
        taken = 0
        for page in self._pages.get(owner, []):
            if not page.waiting.full():
                page.waiting.put_nowait(push)
                taken += 1
        return taken

    def wake(self) -> None:
        """Something may be waiting."""
        self._woken.set()

    async def woken(self, timeout_s: float) -> None:
        """Returns when woken, or when the time is up."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), timeout_s)
        self._woken.clear()

    def close(self) -> None:
        """Ends every stream, so that the server can stop."""
        self.closed = True
        for pages in list(self._pages.values()):
            for page in list(pages):
                self.leave(page, end=True)
        self.wake()
