"""The value of a label: doubt, reach and age, each for itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.review import SATURATED_DAYS, value


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ((0.5, 1, 0), (0.7, 1, 0)),  # doubt
        ((0.4, 1, 0), (0.3, 1, 0)),
        ((0.7, 4, 0), (0.7, 3, 0)),  # reach
        ((0.7, 1, 3), (0.7, 1, 2)),  # age
        ((0.8, 9, 0), (0.7, 1, 0)),  # nine like it outweigh some doubt
    ],
)
def test_value__what_counts__raises_it(more: tuple[float, int, int], less: tuple[float, int, int]) -> None:
    assert value(*more) > value(*less)


def test_value__certain__nothing_is_learnt() -> None:
    assert value(1.0, 50, 50) == value(0.0, 50, 50) == 0


def test_value__age__doubles_and_saturates() -> None:
    assert value(0.5, 1, SATURATED_DAYS) == value(0.5, 1, 10 * SATURATED_DAYS) == 2 * value(0.5, 1, 0)
    assert value(0.5, 1, -1) == value(0.5, 1, 0), "a clock that was set back"


@given(st.floats(0, 1), st.integers(0, 10_000), st.integers(-10, 10_000))
def test_value__anything__is_never_negative(p: float, waiting: int, days: int) -> None:
    assert value(p, waiting, days) >= 0
