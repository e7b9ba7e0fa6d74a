"""What a site's own people said, as samples: weighed by who said it, a part of them held out to judge by.

Only masked words are learnt from.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from domain.judgement import NEED, Judgement
from nlp import rules
from nlp.corpus import Sample, Span
from nlp.mask import PLACEHOLDER

#: What a judgement weighs beside a corpus sentence (1). A worker reads the definitions and judges every day. A resident
#: knows best what they meant, but taps one of three names once, often to be done with it: half.
WEIGHT = {"worker": 1.0, "resident": 0.5}
HELD_OUT_PARTS = 4  #: one message in so many is held out: enough to tell two models apart, most are left to learn from


class Truth(NamedTuple):
    """What a message was judged to be. None: nobody said."""

    text: str
    intent: str | None
    leaves: frozenset[str] | None
    is_need: bool


def is_held_out(message_id: int) -> bool:
    """Whether a message is of the part to judge by: for ever the same, whoever asks."""
    digest = hashlib.sha256(str(message_id).encode()).digest()
    return digest[0] % HELD_OUT_PARTS == 0


def own_words(masked: str, start: int, end: int) -> tuple[int, int] | None:
    """Where a need's words stand in the masked text; None when masking may have moved them.

    A placeholder is longer or shorter than what it stands for, so only words before the first one keep their place.
    """
    first = PLACEHOLDER.search(masked)
    unmoved = first.start() if first else len(masked)
    return (start, end) if 0 <= start < end <= unmoved else None


def samples(judgements: Iterable[Judgement]) -> list[Sample]:
    """The judgements as sentences to learn from.

    A message whose needs are all judged is one sample. Of others only the words of the judged needs are, for the rest
    waits, or is the resident's own again. "No such need" alone says nothing that could be learnt. Natures are not
    taught, for nobody judges them: the reader would learn what it said itself.
    """
    found: list[Sample] = []
    for _, group in _messages(judgements):
        if group[0].is_whole:
            found += _whole(group)
        else:
            found += [sample for one in group if one.intent == NEED for sample in _part(one)]
    return found


def truths(judgements: Iterable[Judgement]) -> list[Truth]:
    """The messages whose needs are all judged, as what a reading is compared with."""
    found = []
    for _, group in _messages(judgements):
        if group[0].is_whole:
            intent = _intent(group)
            leaves = frozenset(one.leaf for one in group if one.leaf is not None and one.intent == intent)
            found.append(Truth(group[0].masked, intent, leaves if intent else None, intent == NEED))
    return found


def by_source(judgements: Iterable[Judgement]) -> dict[str, int]:
    """How many judgements are whose."""
    return dict(sorted(Counter(one.source for one in judgements).items()))


def by_writer(judgements: Iterable[Judgement]) -> dict[str, list[Judgement]]:
    """Writer of a sample -> the judgements it comes from."""
    return {_writer(message_id): group for message_id, group in _messages(judgements)}


def _messages(judgements: Iterable[Judgement]) -> list[tuple[int, list[Judgement]]]:
    by_message = sorted(judgements, key=lambda one: (one.message_id, one.need_id))
    return [(message_id, list(group)) for message_id, group in groupby(by_message, key=lambda one: one.message_id)]


def _intent(group: Sequence[Judgement]) -> str | None:
    """A message with one confirmed need reports a need, whatever else was misread in it."""
    intents = [one.intent for one in group]
    return NEED if NEED in intents else next((intent for intent in intents if intent is not None), None)


def _whole(group: Sequence[Judgement]) -> list[Sample]:
    text, intent = group[0].masked, _intent(group)
    if intent is None or not text.strip():
        return []
    meant = [one for one in group if one.intent == intent]
    spans = []
    for one in meant:
        if one.leaf is not None:
            place = own_words(text, one.start, one.end) or (0, len(text))
            spans.append(Span(one.leaf, None, *place))
    weight = min(WEIGHT[one.source] for one in meant)
    return [Sample(text, intent, tuple(dict.fromkeys(spans)), _register(text), _writer(group[0].message_id), weight)]


def _part(one: Judgement) -> list[Sample]:
    place = own_words(one.masked, one.start, one.end)
    if place is None or one.leaf is None:
        return []
    text = one.masked[slice(*place)]
    spans = (Span(one.leaf, None, 0, len(text)),)
    return [Sample(text, NEED, spans, _register(text), _writer(one.message_id), WEIGHT[one.source])]


def _register(text: str) -> str:
    return "letter" if rules.is_letter(text) else "chat"


def _writer(message_id: int) -> str:
    return f"site-{message_id}"
