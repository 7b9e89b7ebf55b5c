"""How often somebody may come: a bucket of tokens each, of which a second refills some; bounded in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

_MOST_BUCKETS = 10_000
"""The one not seen for longest is forgotten first: it would be full again."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """What one may do."""

    per_s: float
    burst: int
    """At once, after a pause."""


class Rates:
    """Who came how often. One thread, one process."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        """Tokens left, and when that was."""

    def admits(self, who: Hashable, now_s: float) -> bool:
        """Whether `who` may come now; counts it if so. `now_s` is of a clock that never goes back."""
        left, at_s = self._buckets.pop(who, (float(self._rate.burst), now_s))
        left = min(float(self._rate.burst), left + (now_s - at_s) * self._rate.per_s)
        admitted = left >= 1
        self._buckets[who] = (left - 1 if admitted else left, now_s)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return admitted
