"""Bets on normal scores: what an e-detector of drift stakes on a shift, a wider or narrower spread, a foreign share.

A score z is standard normal while nothing has changed. Where levels differ from day to day (standard deviation `tau`,
in units of z), the mean of k scores of one day has variance tau^2 + noise^2 / k and not 1 / k: a day's evidence for a
shift d is

    log L(k) = Gaussian, or Student with `freedom` where tau was learnt from few days, of mean d against mean 0

and a point's log e-value is L(k) - L(k-1), so that a hundred points of one unusual day count as one unusual day.
Source: Shin, Ramdas & Rinaldo (arXiv 2203.03532), mixtures of e-values; the compound-symmetric form is ours.
Assumes days independent of each other. Cost: about 1 us a bet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SHIFTS = (0.13, 0.3, 0.6)
"""In standard deviations of normal scores, each up and down: for counts of tokens (log-normal, sigma 0.6 to 0.8) about
+10 %, +25 % and +50 %."""
SHIFT_WEIGHTS = (0.39, 0.27, 0.26)
SPREADS = (1.35, 0.7)
SPREAD_WEIGHT = 0.02
FOREIGN = ((0.1, 0.01), (0.1, 0.05))
"""A share of the points, and the upper tail they fall into."""
FOREIGN_WEIGHT = 0.02


@dataclass(frozen=True, kw_only=True)
class Dispersion:
    """How much levels vary while nothing has changed."""

    tau: float = 0.0
    """Standard deviation of a day's level, in normal scores."""
    noise: float = 1.0
    """Standard deviation of a point within its day; above 1 where neighbours resemble each other."""
    freedom: float = math.inf
    """Degrees of freedom behind `tau`."""


class Bets:
    """The log e-values of every bet, point by point."""

    def __init__(self, dispersion: Dispersion) -> None:
        self.dispersion = dispersion
        least = dispersion.tau
        ups = [max(shift, least * factor) for shift, factor in zip(SHIFTS, (1.0, 2.0, 4.0), strict=True)]
        self.shifts = [*ups, *(-shift for shift in ups)]
        halves = [weight / 2 for weight in SHIFT_WEIGHTS]
        self.weights = [*halves, *halves, *(SPREAD_WEIGHT for _ in SPREADS), *(FOREIGN_WEIGHT for _ in FOREIGN)]
        self.day: int | None = None
        self.count = 0
        self.total = 0.0
        self.told = [0.0] * len(self.shifts)

    def log_e(self, z: float, upper: float, day: int | None = None) -> list[float]:
        """The log e-value of each bet for one point.

        Args:
            z: its normal score.
            upper: its upper tail probability.
            day: the block it belongs to; `None` where levels do not vary from day to day.
        """
        return [
            *self._shifts(z, day),
            *(_spread(z, scale) for scale in SPREADS),
            *(foreign(upper, *f) for f in FOREIGN),
        ]

    def _shifts(self, z: float, day: int | None) -> list[float]:
        if self.dispersion.tau == 0.0:
            variance = self.dispersion.noise**2
            return [(shift * z - shift * shift / 2) / variance for shift in self.shifts]
        if day != self.day:
            self.day, self.count, self.total, self.told = day, 0, 0.0, [0.0] * len(self.shifts)
        self.count += 1
        self.total += z
        told = [self._day_so_far(shift) for shift in self.shifts]
        steps = [now - before for now, before in zip(told, self.told, strict=True)]
        self.told = told
        return steps

    def _day_so_far(self, shift: float) -> float:
        mean = self.total / self.count
        variance = self.dispersion.tau**2 + self.dispersion.noise**2 / self.count
        if math.isinf(self.dispersion.freedom):
            return (shift * mean - shift * shift / 2) / variance
        scale = self.dispersion.freedom * variance
        ratio = (1 + mean * mean / scale) / (1 + (mean - shift) ** 2 / scale)
        return (self.dispersion.freedom + 1) / 2 * math.log(ratio)


def _spread(z: float, scale: float) -> float:
    return z * z / 2 * (1 - 1 / scale**2) - math.log(scale)


def foreign(upper: float, share: float, tail: float) -> float:
    """The log e-value of "this share of the points falls into the upper tail", for a point of this tail probability."""
    return math.log(1 - share + (share / tail if upper < tail else 0.0))
