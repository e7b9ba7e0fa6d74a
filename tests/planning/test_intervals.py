"""Intervals against exact limits, and what the reader's error does to them."""

from __future__ import annotations

import math

import pytest
from scipy.stats import chi2

from planning.intervals import LeafError, counting, leaf_errors, with_reading


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 10, 20, 50, 137, 1000, 25_000])
def test_counting__any_count__holds_the_exact_poisson_limits(count: int) -> None:
    """Whole people, widened outwards: never narrower than Garwood's limits by more than the approximation's 0.05."""
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(0.975, 2 * (count + 1)) / 2
    found = counting(count)
    assert found.low <= low + 0.06 and found.high >= high - 0.06
    assert math.floor(low) - found.low in (0, 1) and found.high - math.ceil(high) in (0, 1)


def test_with_reading__perfect_reader__is_chance_alone_on_the_log_scale() -> None:
    found = with_reading(100, LeafError(1.0, 1.0, 100))
    assert found.basis == "counting_and_reading"
    assert (found.low, found.high) == (82, 122)


def test_with_reading__overlooking_reader__lifts_the_interval() -> None:
    plain, lifted = counting(100), with_reading(100, LeafError(0.95, 0.6, 80))
    assert lifted.low > plain.low and lifted.high > plain.high
    assert lifted.high - lifted.low > plain.high - plain.low


@pytest.mark.parametrize("error", [None, LeafError(0.0, 0.5, 100), LeafError(0.9, 0.9, 5), LeafError(2.0, 0.9, 100)])
def test_with_reading__no_usable_figures__says_chance_alone(error: LeafError | None) -> None:
    assert with_reading(10, error) == counting(10)


@pytest.mark.parametrize("figures", [None, {}, {"leaves": []}, {"leaves": {"nursery": {"precision": "x"}}}])
def test_leaf_errors__other_shapes__are_left_out(figures: dict[str, object] | None) -> None:
    assert leaf_errors(figures) == {}
