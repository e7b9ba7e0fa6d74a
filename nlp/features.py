"""What the linear models see of a text: its words and character n-grams, each once per clause or message."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nlp.tokenize import Cut

DIGITS = re.compile(r"\d+")


def clause_features(text: str, cut: Cut) -> set[str]:
    """Words (prefixed by a blank) and character 1- to 3-grams of one normalised clause; numbers read as 0."""
    if not text.isalpha():
        text = DIGITS.sub("0", text)
    found = {" " + word for word in cut(text)}
    found.update(text)
    found.update(map(str.__add__, text, text[1:]))
    found.update(map("".join, zip(text, text[1:], text[2:], strict=False)))
    return found


def message_features(text: str, clauses: Sequence[tuple[int, int]]) -> set[str]:
    """What only the whole message shows: how it begins and ends, whether it asks, how long it is."""
    if not clauses:
        return {"#empty"}
    first, last = clauses[0][0], clauses[-1][1]
    length = last - first
    found = {"^" + text[first : first + 2], "^" + text[first : first + 1], text[last - 2 : last] + "$"}
    found.add("#long" if length > 80 else "#middle" if length > 30 else "#short" if length > 8 else "#tiny")
    if len(clauses) == 1:
        found.add("#one")
    if "?" in text:
        found.add("#asks")
    if "!" in text:
        found.add("#shouts")
    return found
