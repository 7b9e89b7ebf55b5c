"""How improbable a value is, given those before it: the tail of a series' own raw scores.

The largest few scores so far are peaks over a threshold, the smallest of them; their excesses are taken as
exponential, whose mean is known from them. Then -log P(score >= v) = -log(k / n) + (v - threshold) / mean excess:
nats, 0 below the threshold. So every detector, whatever its unit, speaks in tail probabilities of the series it
watches.
Source: Pickands (1975), peaks over a threshold, with shape 0; as in Siffer et al., SPOT (2017).
Assumes that raw scores come from one law for long; a few clustered peaks make it cautious. Cost: 0.1 us below the
threshold, 2 us above; state: nine floats.
"""

from __future__ import annotations

import math
from bisect import insort

PEAKS = 7
WARM_UP = 50
"""Values before anything is said."""


class Tail:
    """The tail of one stream of raw scores."""

    __slots__ = ("count", "peaks")

    def __init__(self) -> None:
        self.peaks: list[float] = []
        """The largest scores, ascending."""
        self.count = 0

    def surprise(self, score: float) -> float:
        """-log of the probability of a score so large, nats, 0 for usual ones; the score is then taken in."""
        peaks, found = self.peaks, 0.0
        self.count += 1
        if len(peaks) < PEAKS:
            if self.count > WARM_UP and peaks and score > peaks[0]:
                found = self._beyond(score)
            insort(peaks, score)
        elif score > peaks[0]:
            if self.count > WARM_UP:
                found = self._beyond(score)
            insort(peaks, score)
            del peaks[0]
        return found

    def _beyond(self, score: float) -> float:
        peaks = self.peaks
        excess = sum(peaks) - len(peaks) * peaks[0]
        rarity = math.log(self.count / len(peaks))
        return rarity + ((score - peaks[0]) * (len(peaks) - 1) / excess if excess > 0 else 1.0)
