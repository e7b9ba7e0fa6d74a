"""Puts nearly the same words together, so that one judgement labels many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from nlp.model import Array
from nlp.normalise import normalise

#: From this cosine on two stretches are taken for the same said twice. Set by judgement: 没有车位 and 小区没有车位 have
#: 0.80, 没有车位 and 车位不够 0.43.
NEARLY_SAME = 0.6


def batches(words: Sequence[str], kinds: Sequence[str], likeness: float = NEARLY_SAME) -> list[list[int]]:
    """Groups of two or more texts of one kind, largest first; each as indices, its most typical text first.

    Greedy: the text with the most likenesses not yet grouped takes them all. Equal input gives equal groups. Memory
    and time grow with the square of the number of texts of a kind: meant for some hundreds.
    """
    found: list[list[int]] = []
    for kind in sorted(set(kinds)):
        places = [place for place, one in enumerate(kinds) if one == kind]
        found += [[places[one] for one in group] for group in _groups([words[place] for place in places], likeness)]
    return sorted(found, key=lambda group: (-len(group), group[0]))


def _groups(words: Sequence[str], likeness: float) -> list[list[int]]:
    vectors = _vectors(words)
    alike = vectors @ vectors.T >= likeness
    np.fill_diagonal(alike, True)
    groups: list[list[int]] = []
    while True:
        sizes = alike.sum(axis=1)
        seed = int(sizes.argmax())
        if sizes[seed] < 2:
            return groups
        members = np.flatnonzero(alike[seed])
        groups.append([seed, *(int(one) for one in members if one != seed)])
        alike[members, :] = False
        alike[:, members] = False


def _vectors(words: Sequence[str]) -> Array:
    """Characters and pairs of them, as often as they occur, scaled to unit length."""
    counts = [Counter(_grams(normalise(text).text)) for text in words]
    columns = {gram: column for column, gram in enumerate(sorted(set().union(*counts)))}
    vectors = np.zeros((len(words), max(len(columns), 1)), np.float32)
    for row, count in enumerate(counts):
        for gram, times in count.items():
            vectors[row, columns[gram]] = times
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    scaled: Array = vectors / np.maximum(length, np.float32(1e-6))
    return scaled


def _grams(text: str) -> list[str]:
    letters = [letter for letter in text if letter.isalnum()]
    return letters + [first + second for first, second in pairwise(letters)]
