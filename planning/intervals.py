"""How sure a count is: chance alone, or chance and the reader's own measured error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import msgspec

Z95 = 1.959964
Basis = Literal["counting", "counting_and_reading"]


class Interval(msgspec.Struct, frozen=True):
    """95 % of such intervals hold the true number. Whole people, widened outwards."""

    low: int
    high: int
    basis: Basis


class LeafError(msgspec.Struct, frozen=True):
    """The reader's measured precision and recall for one facility, on `support` labelled mentions of it."""

    precision: float
    recall: float
    support: int

    @property
    def is_usable(self) -> bool:
        """Enough was measured to correct a count by it."""
        return 0 < self.precision <= 1 and 0 < self.recall <= 1 and self.support >= 20


def counting(count: int) -> Interval:
    """The Poisson interval of a count, by Byar's approximation.

    Within 0.05 of the exact (Garwood) limits from 1 on; for 0 it gives 0 to 4.
    Source: Breslow and Day, Statistical Methods in Cancer Research II (1987), equations 2.13 and 2.14.
    """
    low = 0.0 if count == 0 else count * (1 - 1 / (9 * count) - Z95 / (3 * math.sqrt(count))) ** 3
    above = count + 1
    high = above * (1 - 1 / (9 * above) + Z95 / (3 * math.sqrt(above))) ** 3
    return Interval(math.floor(max(low, 0.0)), math.ceil(high), "counting")


def with_reading(count: int, error: LeafError | None) -> Interval:
    """The interval of the true number behind a count that a reader with known error has made.

    The count times precision (what was wrongly read as this facility) over recall (what was overlooked), with the
    three variances added on the logarithmic scale: 1/count, (1-p)/(p n_read), (1-r)/(r n_true). Without usable
    figures, or without a count, only chance is in it.
    """
    if count == 0 or error is None or not error.is_usable:
        return counting(count)
    read = error.support * error.recall / error.precision  # mentions the reader called this facility
    variance = (
        1 / count
        + (1 - error.precision) / (error.precision * read)
        + (1 - error.recall) / (error.recall * error.support)
    )
    centre = count * error.precision / error.recall
    factor = math.exp(Z95 * math.sqrt(variance))
    return Interval(math.floor(centre / factor), math.ceil(centre * factor), "counting_and_reading")


def leaf_errors(figures: Mapping[str, object] | None) -> dict[str, LeafError]:
    """Per-facility figures out of a registered model's `figures`: {"leaves": {code: {precision, recall, support}}}.

    What has another shape is left out: an interval then covers chance alone, and says so.
    """
    leaves = (figures or {}).get("leaves")
    if not isinstance(leaves, Mapping):
        return {}
    found = {}
    for leaf, measured in leaves.items():
        try:
            found[str(leaf)] = msgspec.convert(measured, LeafError, strict=False)
        except msgspec.ValidationError:
            continue
    return found
