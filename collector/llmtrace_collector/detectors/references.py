"""A reference sample as a ruler: a value becomes its normal score, the quantile of its rank.

Assumes that reference and stream are exchangeable until the change; their distribution may be any. Values seen and not
found to be drift may be added, so that the error of a finite reference fades instead of adding up to a false alarm; a
while later (`Later`), so that a change does not hide itself.
Source: Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World (2005), conformal p-values; van der Waerden
(1952), normal scores. Cost: a binary search, about 1 us; memory: the reference, 8 bytes a value.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Iterable
from statistics import NormalDist

NORMAL = NormalDist()
"""The standard normal distribution."""
LARGEST = 20_000
"""A reference of so many values takes no more: its error is small by then."""

LAG = 500
"""Values at most that come before one is added: a tenth of the reference, whose own error must fade too."""


class Reference:
    """Sorted values; where a further value stands among them."""

    def __init__(self, values: Iterable[float]) -> None:
        self.values = sorted(values)
        """Ascending."""

    def p_value(self, value: float) -> float:
        """The share of values at or below `value`, ties halved, in (0, 1); uniform when nothing has changed."""
        below = bisect.bisect_left(self.values, value)
        ties = bisect.bisect_right(self.values, value, below) - below
        return (below + 0.5 * (ties + 1)) / (len(self.values) + 1)

    def score(self, value: float) -> float:
        """The normal score of `value`: standard normal when nothing has changed, free of unit and scale."""
        return NORMAL.inv_cdf(self.p_value(value))

    def add(self, value: float) -> None:
        """Takes a further value into the reference, unless it is large enough."""
        if len(self.values) < LARGEST:
            bisect.insort(self.values, value)


class Later:
    """Adds values to a reference once some more have come."""

    def __init__(self, reference: Reference, size: int) -> None:
        """Adds to `reference`; `size` is how many values were learnt from before the stream began."""
        self.reference = reference
        self.lag = min(size // 10, LAG)
        self.waiting: deque[float] = deque()

    def add(self, value: float) -> None:
        """Takes the latest value; the one before the last `lag` joins the reference."""
        self.waiting.append(value)
        if len(self.waiting) > self.lag:
            self.reference.add(self.waiting.popleft())
