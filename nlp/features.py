"""What the linear models see of a text: its words and character n-grams, each as often as it occurs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import add

from nlp.tokenize import Cut

DIGITS = re.compile(r"\d+")


def clause_features(text: str, cut: Cut) -> list[str]:
    """Words (prefixed by a blank) and character 1- to 3-grams of one normalised clause; numbers read as 0."""
    if not text.isalpha():
        text = DIGITS.sub("0", text)
    after = text[1:]
    pairs = list(map(add, text, after))
    return [*map(" ".__add__, cut(text)), *text, *pairs, *map(add, pairs, after[1:])]


def message_features(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """What only the whole message shows: how it begins and ends, whether it asks, how long it is.

    Args:
        text: normalised.
        spans: its clauses.
    """
    if not spans:
        return ["#empty"]
    first, last = spans[0][0], spans[-1][1]
    length = last - first
    whole = ["^" + text[first : first + 2], "^" + text[first : first + 1], text[last - 2 : last] + "$"]
    whole.append("#long" if length > 80 else "#middle" if length > 30 else "#short" if length > 8 else "#tiny")
    if len(spans) == 1:
        whole.append("#one")
    if "?" in text:
        whole.append("#asks")
    if "!" in text:
        whole.append("#shouts")
    return whole
