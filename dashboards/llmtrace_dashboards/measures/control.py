"""Control limits of a share: where it would lie if nothing had changed since the period it is compared with.

Shares of few calls are not normal, so limits are those of arcsin(sqrt(share)), whose variance is 1/(4n) whatever the
share (Freeman and Tukey, Annals of Mathematical Statistics 21, 1950). Shares of calls that come in sessions vary more
than a coin's: the excess is learnt from how the earlier buckets moved (Laney, Quality Engineering 14, 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import asin, pi, sin, sqrt

SIGMAS = 3.0
"""Of the limits: one bucket in 370 lies beyond them by chance."""
_MOVING = 1.128
"""Mean distance of two standard normal values (Shewhart's d2 for n = 2)."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What a share was."""

    share: float
    spread: float
    """How many times more it varied than a coin would; at least 1."""


def baseline(met: Sequence[float], told: Sequence[int]) -> Baseline | None:
    """Of `met` out of `told` calls by bucket; None: nothing was told."""
    buckets = [(m, n) for m, n in zip(met, told, strict=True) if n > 0]
    every = sum(n for _, n in buckets)
    if not every:
        return None
    share = (sum(m for m, _ in buckets) + 0.5) / (every + 1)  # never quite 0 or 1: it was only not seen
    centre = asin(sqrt(share))
    z = [2 * sqrt(n) * (asin(sqrt(min(max(m / n, 0.0), 1.0))) - centre) for m, n in buckets]
    moved = [abs(b - a) for a, b in pairwise(z)]
    spread = sum(moved) / len(moved) / _MOVING if moved else 1.0
    return Baseline(share=share, spread=max(spread, 1.0))


def band(known: Baseline, told: int) -> tuple[float, float]:
    """Between which shares a bucket of `told` calls would lie."""
    if told <= 0:
        return 0.0, 1.0
    centre, reach = asin(sqrt(known.share)), SIGMAS * known.spread / (2 * sqrt(told))
    return sin(max(centre - reach, 0.0)) ** 2, sin(min(centre + reach, pi / 2)) ** 2
