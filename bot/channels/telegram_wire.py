"""The Bot API's JSON, read and written by ourselves: pure, typed, 1 microsecond a message.

aiogram's models cost 30 times as much per update and cap the whole bot at a fifth of this speed, and one update they
do not know loses the batch around it. https://core.telegram.org/bots/api#update
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec

from domain.errors import InputError
from domain.messages import Inbound, Outbound, numbered, split

NAME = "telegram"
MAX_BODY = 1 << 20  #: bytes of one update; real ones stay below 100 kB
MAX_CHARS = 4096  #: UTF-16 code units of one message
MAX_PAYLOAD = 64  #: bytes of a button's callback_data
MAX_BUTTONS = 100
DAY_MS = 24 * 3600 * 1000
ALLOWED_UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]

UNREADABLE = (
    "photo", "voice", "sticker", "location", "video", "video_note", "audio", "document", "animation", "contact",
    "venue", "poll", "dice", "game", "story", "paid_media", "checklist",
)  # fmt: skip

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@[A-Za-z0-9_]+)?(?:\s+(.*))?", re.DOTALL)

T = TypeVar("T")
Whole = Annotated[int, msgspec.Meta(ge=-(1 << 53), le=1 << 53)]  #: "at most 52 significant bits"


class _Chat(msgspec.Struct, gc=False):
    id: Whole
    type: str


class _User(msgspec.Struct, gc=False):
    id: Whole


class _Message(msgspec.Struct, gc=False):
    chat: _Chat
    date: Whole = 0
    edit_date: Whole = 0
    text: str | None = None
    caption: str | None = None


class _Callback(msgspec.Struct, gc=False, rename={"from_user": "from"}):
    id: str
    from_user: _User
    message: _Message | None = None
    data: str | None = None


class _Membership(msgspec.Struct, gc=False):
    class Member(msgspec.Struct, gc=False):
        """What we now are to each other."""

        status: str

    chat: _Chat
    new_chat_member: Member


class _Update(msgspec.Struct, gc=False):
    update_id: Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
    message: _Message | None = None
    edited_message: _Message | None = None
    callback_query: _Callback | None = None
    my_chat_member: _Membership | None = None


_decode = msgspec.json.Decoder(_Update).decode
_decode_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def parse(raw: bytes, account: str, now_ms: int) -> Inbound | None:
    """One update as our value; None for kinds that are not a resident speaking to us alone.

    An edited message is a new event: what was filed before stays, the resident is asked again. The user of a private
    chat is the chat (Bot API: same id), so a button pressed there and a text written there are one person.

    Raises:
        InputError("telegram.body"): not an update, too large, or nested too deeply.
    """
    update = _read(raw)
    message = update.message or update.edited_message
    if message is not None:
        return _said(update, message, raw, account, now_ms)
    callback = update.callback_query
    if callback is None or callback.message is None or callback.data is None:
        return None
    chat = callback.message.chat
    if chat.type != "private":
        return None
    user = str(callback.from_user.id)
    return Inbound(
        NAME, account, f"u{update.update_id}", user, str(chat.id), now_ms,
        button=_clean(callback.data), callback_id=callback.id,
    )  # fmt: skip


def membership(raw: bytes) -> tuple[str, bool] | None:
    """(user, whether the bot may still write) of an update that says so: blocked, or unblocked.

    Raises:
        InputError("telegram.body"): as `parse`.
    """
    change = _read(raw).my_chat_member
    if change is None or change.chat.type != "private":
        return None
    return str(change.chat.id), change.new_chat_member.status not in ("kicked", "left")


def render(outbound: Outbound, address: str) -> list[dict[str, Any]]:
    """Parameters of `sendMessage`, one for each piece of a long text; the buttons hang on the last piece.

    The buttons also stand in the text as a numbered list: typing is easier for many than hitting a button.
    """
    text = numbered(outbound)
    # a character outside the basic plane counts twice: half as many always fit
    fits = MAX_CHARS if len(text) <= MAX_CHARS // 2 or max(text) <= "\uffff" else MAX_CHARS // 2
    pieces = [piece for piece in split(text, fits) if piece.strip()] or ["…"]
    chat_id: int | str = int(address) if address.lstrip("-").isdigit() else address
    messages: list[dict[str, Any]] = [{"chat_id": chat_id, "text": piece} for piece in pieces]
    keyboard = [
        [{"text": button.label, "callback_data": button.payload}]
        for button in outbound.buttons[:MAX_BUTTONS]
        if button.label.strip() and 0 < len(button.payload.encode()) <= MAX_PAYLOAD
    ]
    if keyboard:
        messages[-1]["reply_markup"] = {"inline_keyboard": keyboard}
    return messages


def _read(raw: bytes) -> _Update:
    if len(raw) > MAX_BODY:
        raise InputError("telegram.body", fault=f"> {MAX_BODY} bytes")
    return _decoded(_decode, raw)


def _decoded(decode: Callable[[bytes], T], raw: bytes) -> T:
    try:
        return decode(raw)
    except (ValueError, RecursionError) as exc:  # bad UTF-8 in a name that is skipped shows only when it is read
        raise InputError("telegram.body", fault=type(exc).__name__) from exc


def _said(update: _Update, message: _Message, raw: bytes, account: str, now_ms: int) -> Inbound | None:
    if message.chat.type != "private":
        return None
    chat = str(message.chat.id)
    sent_ms = (message.edit_date or message.date) * 1000
    at_ms = sent_ms if now_ms - DAY_MS <= sent_ms <= now_ms else now_ms
    key = f"u{update.update_id}"
    text = _clean(message.text or message.caption or "")
    if not text:
        # an edited message without words is a moving live location: nothing to answer, every few seconds
        kind = None if update.message is None else _kind(raw)
        return Inbound(NAME, account, key, chat, chat, at_ms, unsupported=kind) if kind else None
    if text[0] == "/" and (command := _COMMAND.fullmatch(text)):
        name, argument = command.group(1).lower(), (command.group(2) or "").strip()
        return Inbound(NAME, account, key, chat, chat, at_ms, command=name, argument=argument)
    return Inbound(NAME, account, key, chat, chat, at_ms, text=text)


def _kind(raw: bytes) -> str | None:
    """What a message without words holds; None for service messages ("pinned", "timer changed")."""
    present = _decoded(_decode_raw, bytes(_decoded(_decode_raw, raw)["message"]))
    return next((kind for kind in UNREADABLE if kind in present), None)


def _clean(text: str) -> str:
    """Without NUL, which PostgreSQL cannot keep; real clients never send it."""
    return text.replace("\x00", "").strip() if "\x00" in text else text.strip()
