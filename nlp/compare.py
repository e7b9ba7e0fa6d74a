"""Compares two readers on the same messages, and decides whether the challenger takes the champion's place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from domain.judgement import NEED
from domain.reading import Reading
from nlp.corpus import Sample
from nlp.site import Truth

RESAMPLES = 2_000
SEED = 20
INSIDE = (2.5, 97.5)  #: percentiles: the middle 95 % of the resampled differences
NO_WORSE = -0.01  #: a challenger may lose this much on the test set, where it can hardly gain: one message in a hundred
ENOUGH_LABELS = 50  #: fewer judgements decide nothing: the interval of a dozen held-out messages is as wide as a guess


class Difference(NamedTuple):
    """Shares of right answers on `n` messages, and the 95 % interval of challenger minus champion."""

    n: int
    champion: float
    challenger: float
    low: float
    high: float


class Compared(NamedTuple):
    """Both differences on one set of messages."""

    facility: Difference
    intent: Difference


class Verdict(NamedTuple):
    """Whether the challenger is promoted; `reason` is a key of the sentences (`learn.reason.*`), filled by `facts`."""

    promoted: bool
    reason: str
    facts: dict[str, Any]


def paired_bootstrap(champion: Sequence[bool], challenger: Sequence[bool], seed: int = SEED) -> Difference:
    """How much more often the challenger is right, message by message.

    A difference is one of -1, 0 and 1, so drawing messages with replacement is drawing from three shares.
    """
    n = len(champion)
    if not n:
        return Difference(0, 0.0, 0.0, 0.0, 0.0)
    first, second = np.array(champion, bool), np.array(challenger, bool)
    worse, better = int((first & ~second).sum()), int((~first & second).sum())
    drawn = np.random.default_rng(seed).multinomial(n, [worse / n, better / n, 1 - (worse + better) / n], RESAMPLES)
    low, high = np.percentile((drawn[:, 1] - drawn[:, 0]) / n, INSIDE)
    return Difference(n, float(first.mean()), float(second.mean()), float(low), float(high))


def compare(truths: Sequence[Truth], champion: Sequence[Reading], challenger: Sequence[Reading]) -> Compared:
    """Two readings of every message against what it was judged to be."""
    rows = list(zip(truths, champion, challenger, strict=True))
    about = [row for row in rows if row[0].leaves is not None]
    return Compared(
        facility=paired_bootstrap(
            [is_facility_right(truth, old) for truth, old, _ in about],
            [is_facility_right(truth, new) for truth, _, new in about],
        ),
        intent=paired_bootstrap(
            [is_intent_right(truth, old) for truth, old, _ in rows],
            [is_intent_right(truth, new) for truth, _, new in rows],
        ),
    )


def truth_of(sample: Sample) -> Truth:
    """A sentence of the test set as what a reading is compared with."""
    leaves = frozenset(span.leaf for span in sample.spans)
    return Truth(sample.text, sample.intent, leaves, sample.intent == NEED)


def is_facility_right(truth: Truth, reading: Reading) -> bool:
    """Whether the first facility is one of the message's, or none was named and there is none."""
    return reading.mentions[0].leaf in (truth.leaves or ()) if reading.mentions else not truth.leaves


def is_intent_right(truth: Truth, reading: Reading) -> bool:
    """Whether the intent is the message's; of one that was only said to be no need, whether it was read as none."""
    return reading.intent == truth.intent if truth.intent is not None else reading.intent != NEED


def decide(test: Compared | None, site: Compared) -> Verdict:
    """Promoted when no worse on the test set and better on the site's own held-out messages.

    Better: in facilities or in intents the whole interval lies above 0, and in the other it does not lie below.

    Args:
        test: None when there is no test set; then the site's messages decide alone.
    """
    for what in Compared._fields if test is not None else ():
        found: Difference = getattr(test, what)
        if found.n and found.low <= NO_WORSE:
            return Verdict(False, "worse_on_test", {"what": what, "low": found.low, "limit": NO_WORSE, "n": found.n})
    for what in Compared._fields:
        found = getattr(site, what)
        if found.n and found.high < 0:
            return Verdict(False, "worse_on_site", {"what": what, "low": found.low, "high": found.high, "n": found.n})
    for what in Compared._fields:
        found = getattr(site, what)
        if found.n and found.low > 0:
            return Verdict(True, "better", {"what": what, "low": found.low, "high": found.high, "n": found.n})
    return Verdict(
        False,
        "not_better",
        {"facility_low": site.facility.low, "intent_low": site.intent.low, "n": site.intent.n},
    )
