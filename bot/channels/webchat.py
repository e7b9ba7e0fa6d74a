"""The residents' web chat as a channel: our own page's JSON to an event, and pushes to the pages that are open.

The page sends `{"id": "...", "text" | "button" | "command": "...", "argument": "..."}`; `id` is made by the page and
stays the same over every retry, so that nothing is ever said twice. The session token is both user and address.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec

from domain.errors import InputError
from domain.messages import Capabilities, Inbound, Outbound

NAME = "webchat"
ACCOUNT = "web"  #: one site, one account
CAPABILITIES = Capabilities(buttons=True, max_chars=4_000, per_second=1_000.0)

MAX_CHARS = 4_000  #: in one text of a resident
MAX_PAGES = 8  #: open pages of one session that hear a push
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


def render(outbound: Outbound, address: str) -> dict[str, Any]:
    """One of our messages as the page's JSON: text and numbered buttons."""
    return {
        "text": outbound.text,
        "buttons": [{"label": button.label, "payload": button.payload} for button in outbound.buttons],
    }
