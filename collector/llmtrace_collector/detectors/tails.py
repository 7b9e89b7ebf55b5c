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
DIGITS = 9
"""Scores are compared to so many decimals: rounding in another unit is no surprise."""


class Tail:
    """The tail of one stream of raw scores."""

    __slots__ = ("count", "floor", "peaks")

    def __init__(self) -> None:
        self.peaks: list[float] = []
        """The largest scores, ascending."""
        self.floor = -math.inf
        """Scores up to here are usual, and nothing is done about them."""
        self.count = 0

    def surprise(self, score: float) -> float:
        """-log of the probability of a score so large, nats, 0 for usual ones; the score is then taken in."""
        self.count += 1
        return 0.0 if score < self.floor else self._take(round(score, DIGITS))

    def _take(self, score: float) -> float:
        peaks = self.peaks
        found = self._beyond(score) if self.count > WARM_UP and peaks and score > peaks[0] else 0.0
        insort(peaks, score)
        if len(peaks) > PEAKS:
            del peaks[0]
        if len(peaks) == PEAKS:
            self.floor = peaks[0] - 10.0**-DIGITS
        return found

    def _beyond(self, score: float) -> float:
        peaks = self.peaks
        excess = sum(peaks) - len(peaks) * peaks[0]
        rarity = math.log(self.count / len(peaks))
        return rarity + ((score - peaks[0]) * (len(peaks) - 1) / excess if excess > 0 else 1.0)
