"""Which need is worth a worker's look first: the value of its label, pure."""

from __future__ import annotations

from math import sqrt

SATURATED_DAYS = 14  #: from here on a case is not worth more by waiting: it would push every new doubt aside


def value(p: float, waiting: int, days: int) -> float:
    """Uncertainty times reach times age.

    Args:
        p: probability the reader gave; at 0.5 a judgement teaches most (1), at 0 or 1 nothing (0).
        waiting: needs of the same facility and community that wait, this one among them. The root of it: what the
            second of many teaches is less than what the first did.
        days: whole days it has waited. Doubles the value after `SATURATED_DAYS`, and no more than that. Whole days, so
            that an order stays as it is while somebody pages through it.
    """
    uncertainty = 1 - abs(2 * p - 1)
    age = 1 + min(max(days, 0), SATURATED_DAYS) / SATURATED_DAYS
    return uncertainty * sqrt(max(waiting, 1)) * age
