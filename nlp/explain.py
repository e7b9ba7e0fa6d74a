"""Which words decided: the weights of a linear model laid back onto the characters they came from.

Each word, n-gram and lexicon class gives its weight in equal parts to its characters; words are ranked by the sum. Only
for people who review: the hot path never asks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nlp import clauses, features, lexicon, rules
from nlp.model import Array, Model
from nlp.normalise import normalise
from nlp.tokenize import Cut

MOST = 4  #: words shown
LONGEST = 3  #: n-grams


def deciding_words(model: Model, cut: Cut, text: str, leaf: str | None = None, intent: str | None = None) -> list[str]:
    """The words that speak most for a facility, or for an intent, in a text; the strongest first, at most four.

    Raises:
        ValueError: neither or unknown.
    """
    normal = normalise(text)
    column = _column(model, leaf, intent)
    known = normal.text
    share = np.zeros(len(known) + 1, np.float32)
    for start, end, feature in _placed(known, cut):
        row = model.vocabulary.get(feature)
        if row is not None:
            share[start:end] += column[row] / (end - start)
    found: list[tuple[float, int, int]] = []
    at = 0
    for word in cut(known):
        score = float(share[at : at + len(word)].sum())
        if score > 0 and any(sign.isalnum() for sign in word):
            found.append((score, at, at + len(word)))
        at += len(word)
    strongest = sorted(found, reverse=True)[:MOST]
    spans = [normal.span(start, end) for _, start, end in strongest]
    return [text[start:end] for start, end in spans]


def _column(model: Model, leaf: str | None, intent: str | None) -> Array:
    if leaf is not None:
        column: Array = model.weights[:, model.head("leaf")][:, model.leaves.index(leaf)]
        return column
    if intent is None:
        raise ValueError("a facility or an intent")
    of_intents = model.weights[:, model.head("intent")]
    own = of_intents[:, model.intents.index(intent)]
    against: Array = own - (of_intents.sum(axis=1) - own) / max(1, of_intents.shape[1] - 1)
    return against


def _placed(text: str, cut: Cut) -> Iterator[tuple[int, int, str]]:
    """Every feature of a normalised text with the characters it came from."""
    hits = lexicon.own().find(text)
    kinds = dict.fromkeys(features.classes(hits))
    ends = {hit.start: hit.end for hit in hits}
    for place, kind in kinds:
        yield place, ends[place], "@" + kind
    for first, last in clauses.split(text):
        for start, end in _parts(text, first, last):
            part = features.DIGITS.sub(lambda run: "0" * len(run[0]), text[start:end])
            at = start
            for word in cut(part):
                yield at, at + len(word), " " + word
                at += len(word)
            for size in range(1, LONGEST + 1):
                for place in range(len(part) - size + 1):
                    yield start + place, start + place + size, part[place : place + size]


def _parts(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """A clause of a letter without its addresses; any other clause whole."""
    at = first
    if rules.is_letter(text):
        for address in features.ADDRESS.finditer(text[first:last]):
            yield at, first + address.start()
            at = first + address.end()
    yield at, last
