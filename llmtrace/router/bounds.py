"""How much worse one model's grades are than another's of the same requests: a bound that holds at every time at once.

The bound is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central
limit theory and asymptotic confidence sequences" (Annals of Statistics 52, 2024; arXiv 2103.06476), one-sided: one may
look at it after every pair, and stop whenever one likes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

LEAST_PAIRS: Final = 30
"""Below it the central limit theorem says nothing, nor do we."""
_TUNED_FOR: Final = 500
"""Pairs at which the bound is tightest."""


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Sums over differences of grades, of one model less those of the reference."""

    pairs: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """Of the distances from the mean, by Welford."""

    def with_pair(self, difference: float) -> Paired:
        """One more."""
        pairs = self.pairs + 1
        gap = difference - self.mean
        mean = self.mean + gap / pairs
        return Paired(pairs=pairs, mean=mean, squares=self.squares + gap * (difference - mean))

    def bounds(self, confidence: float) -> tuple[float, float] | None:
        """Lower and upper bound of the mean difference, each at this confidence; None with fewer than 30 pairs."""
        if self.pairs < LEAST_PAIRS:
            return None
        # A difference never seen is possible still: half a grade at half a pair keeps the spread above 0.
        spread = math.sqrt((self.squares + 0.125) / self.pairs)
        width = spread * _boundary(self.pairs, 1.0 - confidence)
        return self.mean - width, self.mean + width


def _boundary(pairs: int, alpha: float) -> float:
    """Half the width, in units of the spread, one-sided at ``alpha``."""
    two_sided = 2 * alpha
    rho2 = (-2 * math.log(two_sided) + math.log(-2 * math.log(two_sided) + 1)) / _TUNED_FOR if two_sided < 1 else 1.0
    grown = pairs * rho2 + 1
    return math.sqrt(2 * grown / (pairs**2 * rho2) * math.log(1 + math.sqrt(grown) / (2 * alpha)))
