"""Two readers on the same messages: what differs, how sure that is, and what follows."""

from __future__ import annotations

import numpy as np
import pytest

from domain.reading import Mention, Reading
from nlp.compare import RESAMPLES, Compared, Difference, compare, decide, is_facility_right, is_intent_right
from nlp.compare import paired_bootstrap as bootstrap
from nlp.site import Truth

SAME = Difference(100, 0.8, 0.8, -0.005, 0.005)
BETTER = Difference(100, 0.5, 0.9, 0.3, 0.5)
WORSE = Difference(100, 0.9, 0.5, -0.5, -0.3)
UNSURE = Difference(20, 0.5, 0.55, -0.1, 0.2)


def _reading(intent: str, *leaves: str) -> Reading:
    return Reading(intent, 0.9, tuple(Mention(leaf, 0.9, 0, 1) for leaf in leaves), None, "x", "m")


def test_bootstrap__same_answers__no_difference() -> None:
    assert bootstrap([True, False] * 20, [True, False] * 20) == Difference(40, 0.5, 0.5, 0.0, 0.0)


def test_bootstrap__same_seed__same_interval() -> None:
    first, second = [True] * 30 + [False] * 10, [True] * 35 + [False] * 5
    assert bootstrap(first, second) == bootstrap(first, second)


def test_bootstrap__drawn_message_by_message__same_interval() -> None:
    """The multinomial stands for drawing messages with replacement."""
    chance = np.random.default_rng(1)
    first, second = chance.random(200) < 0.7, chance.random(200) < 0.8
    drawn = chance.integers(0, 200, (RESAMPLES, 200))
    means = (second[drawn].astype(float) - first[drawn]).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    found = bootstrap(first.tolist(), second.tolist())
    assert found.low == pytest.approx(low, abs=0.015)
    assert found.high == pytest.approx(high, abs=0.015)


def test_bootstrap__no_messages__says_nothing() -> None:
    assert bootstrap([], []) == Difference(0, 0.0, 0.0, 0.0, 0.0)


def test_right__facility_and_intent() -> None:
    truth = Truth("x", "need_report", frozenset({"car_parking", "bus_stop"}), True)
    assert is_facility_right(truth, _reading("need_report", "bus_stop"))
    assert not is_facility_right(truth, _reading("need_report", "pharmacy", "bus_stop"))
    assert not is_facility_right(truth, _reading("need_report"))
    assert is_facility_right(Truth("x", "thanks", frozenset(), False), _reading("thanks"))
    no_need = Truth("x", None, None, False)
    assert is_intent_right(no_need, _reading("thanks"))
    assert not is_intent_right(no_need, _reading("need_report"))


def test_compare__facility_unknown__counts_for_intents_only() -> None:
    truths = [Truth("x", None, None, False), Truth("y", "need_report", frozenset({"bus_stop"}), True)]
    old = [_reading("need_report", "bus_stop"), _reading("need_report", "pharmacy")]
    new = [_reading("thanks"), _reading("need_report", "bus_stop")]
    found = compare(truths, old, new)
    assert (found.facility.n, found.facility.champion, found.facility.challenger) == (1, 0.0, 1.0)
    assert (found.intent.n, found.intent.champion, found.intent.challenger) == (2, 0.5, 1.0)


@pytest.mark.parametrize(
    ("test", "site", "promoted", "reason"),
    [
        (Compared(SAME, SAME), Compared(BETTER, SAME), True, "better"),
        (Compared(SAME, SAME), Compared(SAME, BETTER), True, "better"),
        (None, Compared(BETTER, UNSURE), True, "better"),
        (Compared(UNSURE, SAME), Compared(BETTER, SAME), False, "worse_on_test"),
        (Compared(SAME, WORSE), Compared(BETTER, BETTER), False, "worse_on_test"),
        (Compared(SAME, SAME), Compared(BETTER, WORSE), False, "worse_on_site"),
        (Compared(SAME, SAME), Compared(UNSURE, SAME), False, "not_better"),
        (None, Compared(bootstrap([], []), bootstrap([], [])), False, "not_better"),
    ],
)
def test_decide__figures__verdict_with_its_reason(
    test: Compared | None, site: Compared, promoted: bool, reason: str
) -> None:
    verdict = decide(test, site)
    assert (verdict.promoted, verdict.reason) == (promoted, reason)
