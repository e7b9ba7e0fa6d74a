"""Finds sentences that nearly repeat another one: a corpus of copies measures itself and teaches nothing."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from nlp.normalise import normalise

SHINGLE = 3  #: characters
NEARLY = 0.6  #: from this share of common shingles on (Jaccard) a sentence repeats another
SHORT = 8  #: sentences of fewer characters are too alike by nature: only equal ones count
COMMON = 400  #: a shingle in more sentences than this says nothing
NOISE = re.compile(r"[\W_]+")


def near_repeats(texts: Sequence[str]) -> list[tuple[int, int]]:
    """(later, earlier) places of sentences that nearly repeat one that comes before; each later one once."""
    seen: dict[str, int] = {}
    holders: dict[str, list[int]] = defaultdict(list)
    sizes: list[int] = []
    found = []
    for place, text in enumerate(texts):
        bare = NOISE.sub("", normalise(text).text)
        shingles = {bare[at : at + SHINGLE] for at in range(len(bare) - SHINGLE + 1)} if len(bare) >= SHORT else set()
        sizes.append(len(shingles))
        first = seen.setdefault(bare, place)
        earlier = first if first != place else _alike(shingles, holders, sizes)
        if earlier is not None:
            found.append((place, earlier))
            continue
        for shingle in shingles:
            if len(holders[shingle]) < COMMON:
                holders[shingle].append(place)
    return found


def _alike(shingles: set[str], holders: dict[str, list[int]], sizes: Sequence[int]) -> int | None:
    common = Counter(place for shingle in shingles for place in holders.get(shingle, ()))
    for place, count in common.most_common(3):
        if count / (len(shingles) + sizes[place] - count) >= NEARLY:
            return place
    return None
