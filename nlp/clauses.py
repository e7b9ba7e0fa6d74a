"""Splits a normalised message into clauses: stretches between punctuation, long unpunctuated ones at their joints."""

from __future__ import annotations

import re

MAX_CLAUSES = 200
#: Between punctuation; a dot or comma inside a number does not end a clause.
CLAUSE = re.compile(r"(?:[^\s,.。;:!?、~…—()\[\]\"'“”|/]|(?<=\d)[.,:](?=\d))+")
#: Where spoken, unpunctuated text begins something new.
JOINT = re.compile(r"(?=还有就是|还有一|再就是|再有就是|另外|其次|第二个?|然后还|再一个|顺便|最好再)")
LONG = 14


def split(text: str) -> list[tuple[int, int]]:
    """The half-open spans of the clauses of a normalised text, in order; none for a text without words."""
    spans: list[tuple[int, int]] = []
    for match in CLAUSE.finditer(text):
        start, end = match.span()
        if end - start > LONG:
            for joint in JOINT.finditer(text, start + 4, end - 4):
                spans.append((start, joint.start()))
                start = joint.start()
        spans.append((start, end))
        if len(spans) >= MAX_CLAUSES:
            break
    return spans
