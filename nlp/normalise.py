"""Brings a text into one shape and remembers where each character was.

Width and case (NFKC), traditional characters to simplified (OpenCC's table, character by character, so that places in
the text stay), nothing unprintable, repeats cut short.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

REPEATS = re.compile(r"([^0-9])\1{2,}")
SURROGATES = range(0xD800, 0xE000)
MODIFIERS = {0x20E3, *range(0xFE00, 0xFE10), *range(0x1F3FB, 0x1F400)}  #: of emoji: colour, variant, keycap
IDEOGRAPHS = "\u3400", "\U000323af"


class Normal(NamedTuple):
    """A normalised text. `origin[i]` is the original index of character i, with one entry more for the end."""

    text: str
    origin: list[int] | None  #: None: every character stands where it stood

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original half-open span of normalised characters `start` to `end`."""
        if self.origin is None:
            return start, end
        if end <= start:
            return self.origin[start], self.origin[start]
        return self.origin[start], max(self.origin[end - 1] + 1, self.origin[end])


class _Fold(dict[int, str]):
    """Character by character: NFKC, lower case, simplified, nothing unprintable; each looked up once."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold(code)
        return folded


def _fold(code: int) -> str:
    if code in MODIFIERS or code in SURROGATES or unicodedata.category(chr(code)) in ("Cc", "Cf", "Co", "Cn"):
        return "\n" if code in (0x0A, 0x0D) else " "
    folded = unicodedata.normalize("NFKC", chr(code)).lower()
    return _simplified()(folded) if IDEOGRAPHS[0] <= folded[:1] <= IDEOGRAPHS[1] else folded or " "


@cache
def _simplified() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert


_FOLD = _Fold()


def fold(text: str) -> str:
    """NFKC, lower case, simplified, each character by itself; as long as `text` unless one stands for several (㎡)."""
    return text.translate(_FOLD)


def origins(text: str) -> list[int]:
    """For each character of the folded text the index of the one it came from."""
    return [index for index, character in enumerate(text) for _ in _FOLD[ord(character)]]


def normalise(text: str) -> Normal:
    """The text folded, with runs of three or more equal characters (but digits) cut to two."""
    folded = fold(text)
    if len(folded) == len(text) and not REPEATS.search(folded):
        return Normal(folded, None)
    characters: list[str] = []
    origin: list[int] = []
    for index, character in enumerate(text):
        for part in _FOLD[ord(character)]:
            if characters[-2:] == [part, part] and not "0" <= part <= "9":
                continue
            characters.append(part)
            origin.append(index)
    origin.append(len(text))
    return Normal("".join(characters), origin)
