"""Dialogue <-> tagged, versioned JSON. An unknown or damaged state starts the dialogue anew, it never raises."""

from __future__ import annotations

import msgspec

from bot.conversation.state import Dialogue

VERSION = 1


class _Stored(msgspec.Struct, frozen=True, gc=False):
    v: int
    d: Dialogue


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Stored)


def encode(dialogue: Dialogue) -> bytes:
    """The bytes kept in the conversation row."""
    return _encoder.encode(_Stored(VERSION, dialogue))


def decode(stored: bytes | None) -> Dialogue | None:
    """The dialogue again; None when there is none or it cannot be read."""
    if not stored:
        return None
    try:
        return _decoder.decode(stored).d
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
