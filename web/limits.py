"""How fast and how much one visitor may send: token buckets in memory, forgotten oldest first."""

from __future__ import annotations

from collections import OrderedDict

from domain.errors import Busy, InputError

MOST_KEYS = 20_000


class TooMany(Busy):
    """Too fast: the same thing again in a moment."""

    status = 429


class TooLarge(InputError):
    """More bytes than anything we take."""

    status = 413


class Buckets:
    """One token bucket per key: `burst` at once, then `per_second`."""

    def __init__(self, per_second: float, burst: int) -> None:
        self.per_second = per_second
        self.burst = burst
        self._levels: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, key: str, now_ms: int) -> None:
        """Takes one token.

        Raises:
            TooMany("chat.too_fast"): none is left.
        """
        level, then_ms = self._levels.pop(key, (float(self.burst), now_ms))
        level = min(self.burst, level + max(now_ms - then_ms, 0) / 1000 * self.per_second)
        enough = level >= 1
        self._levels[key] = (level - 1 if enough else level, now_ms)
        if len(self._levels) > MOST_KEYS:
            self._levels.popitem(last=False)
        if not enough:
            raise TooMany("chat.too_fast")
