"""What passes between a channel and the conversation: channel-neutral, frozen values.

Times are milliseconds since 1970-01-01 UTC (`at_ms`). Texts are the resident's own words and never reach a log.
"""

from __future__ import annotations

import msgspec


class Inbound(msgspec.Struct, frozen=True, gc=False):
    """One event of one resident on one channel.

    `external_id` is the platform's own id of the event: with channel and account it is the key that makes a
    redelivery harmless. Exactly one of `text`, `button`, `command`, `unsupported` is set.
    """

    channel: str
    account: str
    external_id: str
    user: str  #: the platform's id of the person; stored only as keyed hash
    address: str  #: where replies go (a chat id, a session); stored only encrypted
    at_ms: int
    text: str | None = None
    button: str | None = None  #: the payload of a pressed button, as `Button.payload`
    command: str | None = None  #: without the slash: "start", "help", "mine", ...
    argument: str = ""  #: what followed the command
    unsupported: str | None = None  #: a kind of message we cannot read: "photo", "sticker", ...
    callback_id: str = ""  #: the platform's handle for acknowledging a button press

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes the event unique for ever."""
        return (self.channel, self.account, self.external_id)


class Button(msgspec.Struct, frozen=True, gc=False):
    """A choice. `payload` is at most 64 bytes (Bot API, InlineKeyboardButton.callback_data)."""

    label: str
    payload: str


class Outbound(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One message to one resident, already in the resident's language.

    Every button can also be chosen by typing its number, 1 for the first.
    """

    text: str
    buttons: tuple[Button, ...] = ()


class Capabilities(msgspec.Struct, frozen=True):
    """What a channel can do. `per_second` messages for one account; at most `max_chars` in one message."""

    buttons: bool
    max_chars: int
    per_second: float
    can_push: bool = True
    stores_abroad: bool = False  #: personal data leaves the country: the operator must opt in


def numbered(outbound: Outbound) -> str:
    """The text with its buttons as a numbered list, for channels and people without buttons."""
    if not outbound.buttons:
        return outbound.text
    lines = [f"{number}. {button.label}" for number, button in enumerate(outbound.buttons, 1)]
    return outbound.text + "\n" + "\n".join(lines)


def split(text: str, max_chars: int) -> list[str]:
    """The text in pieces of at most `max_chars` characters, cut at line ends, then sentence ends, where possible."""
    pieces = []
    while len(text) > max_chars:
        window = text[:max_chars]
        cut = max(window.rfind("\n"), window.rfind("。"), window.rfind(". "))
        cut = cut + 1 if cut >= max_chars // 2 else max_chars
        pieces.append(text[:cut].rstrip("\n"))
        text = text[cut:].lstrip("\n")
    pieces.append(text)
    return pieces
