"""Sentences as typed in a hurry by pinyin: one or two characters are another one that sounds alike."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import chain

from nlp.corpus import Sample

OFTEN = 5  #: a typo is one of so many most frequent homophones, tones aside


def with_typos(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """Each sample with one or two characters replaced by frequent homophones from the samples' own characters."""
    from pypinyin import lazy_pinyin

    chance = random.Random(seed)
    alike: dict[str, list[str]] = {}
    for sign, _ in Counter(chain.from_iterable(sample.text for sample in samples)).most_common():
        if "\u4e00" <= sign <= "\u9fff":
            alike.setdefault(lazy_pinyin(sign)[0], []).append(sign)
    homophones = {
        sign: [other for other in signs[: OFTEN + 1] if other != sign][:OFTEN]
        for signs in alike.values()
        for sign in signs
        if len(signs) > 1
    }

    def mistyped(text: str) -> str:
        signs = list(text)
        places = [place for place, sign in enumerate(signs) if sign in homophones]
        for place in chance.sample(places, min(len(places), chance.choice((1, 2)))):
            signs[place] = chance.choice(homophones[signs[place]])
        return "".join(signs)

    return [sample._replace(text=mistyped(sample.text)) for sample in samples]
