"""Shiryaev-Roberts e-detectors: evidence against "nothing has changed", summed over every moment of change.

    R(t) = (1 + R(t-1)) * e(t)      e(t) >= 0 with mean 1 while nothing has changed

R(t) - t is a martingale then, so an alarm at R >= A comes no earlier than after A points on average (ARL0 >= A),
however the alarm is read and however long one watches. Several bets have an R each; the weighted mean of them is an
e-detector too. Overshoot makes the true ARL0 larger than A, and the error of a finite reference takes most of that
back: A = 0.93 x ARL0 is the threshold that holds what is asked (simulated in `benchmarks/detectors/drift.py`).
Source: Shin, Ramdas & Rinaldo, E-detectors (arXiv 2203.03532); Shiryaev (1963), Roberts (1966).
Cost: one exponential a bet; state: one float a bet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

OVERSHOOT = 0.93
"""Threshold / ARL0: the value at the alarm lies above the threshold."""


@dataclass(kw_only=True)
class ShiryaevRoberts:
    """One e-detector over a mixture of bets."""

    weights: Sequence[float]
    """Of the bets, summing to 1."""
    arl0: float
    """Mean number of points to a false alarm."""
    sums: list[float] = field(default_factory=list)
    """R of each bet."""

    def __post_init__(self) -> None:
        self.sums = self.sums or [0.0] * len(self.weights)

    def update(self, log_e: Sequence[float]) -> tuple[float, bool]:
        """Takes the log e-value of each bet.

        Returns:
            The statistic as a share of the threshold (1 is an alarm), and whether this is one. An alarm starts anew.
        """
        self.sums = [(1.0 + old) * math.exp(min(bet, 500.0)) for old, bet in zip(self.sums, log_e, strict=True)]
        total = sum(weight * value for weight, value in zip(self.weights, self.sums, strict=True))
        statistic = total / (OVERSHOOT * self.arl0)
        if statistic < 1.0:
            return statistic, False
        self.sums = [0.0] * len(self.weights)
        return min(statistic, 1e12), True
