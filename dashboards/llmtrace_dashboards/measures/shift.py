"""How far the calls of one period differ from those of another in one feature: from 0, not at all, to 1, entirely.

Numbers: Cliff's delta, how much more often a call of the one period has the larger value than one of the other, with
its consistent variance (Cliff, Psychological Bulletin 114, 1993). Values: the total variation distance, the share of
calls that would have to have another value. Calls of a session are alike, so neither interval is exact: a shift is told
only where it is beyond three standard errors and large enough to matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi, sqrt

LEAST_NUMBER = 0.147
"""A delta below is negligible (Romano et al., 2006)."""
LEAST_VALUE = 0.1
"""A tenth of the calls."""
FEWEST = 50
"""Calls of either period, to tell anything."""
_SIGMAS = 3.0
_INTERVAL = 1.96


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A difference and what is certain of it."""

    size: float
    low: float
    """With `high`: its 95 % interval."""
    high: float
    direction: int
    """1: numbers are larger than before, -1: smaller, 0: values have no direction."""
    told: bool
    """It is neither chance nor too small to matter."""
    now: int
    """Calls that were compared."""
    before: int


def numbers(now: Mapping[int, int], before: Mapping[int, int]) -> Shift | None:
    """Of counts by step of a number, larger bins for larger numbers; None: too few."""
    n, m = sum(now.values()), sum(before.values())
    if min(n, m) < FEWEST:
        return None
    above, below = _dominance(now, before), _dominance(before, now)
    delta = sum(above[step] * count for step, count in now.items()) / (n * m)
    variance = sum(count * (above[step] / m - delta) ** 2 for step, count in now.items()) / (n * (n - 1))
    variance += sum(count * (below[step] / n + delta) ** 2 for step, count in before.items()) / (m * (m - 1))
    certain = abs(delta) > _SIGMAS * max(sqrt(variance), 1 / sqrt(n * m))
    direction = (delta > 0) - (delta < 0)
    return _shift(abs(delta), sqrt(variance), direction, n, m, told=certain and abs(delta) >= LEAST_NUMBER)


def _dominance(ours: Mapping[int, int], theirs: Mapping[int, int]) -> dict[int, int]:
    """By bin of ours: how many more of theirs lie below it than above."""
    every = sum(theirs.values())
    found: dict[int, int] = {}
    below = 0
    for step in sorted(ours.keys() | theirs.keys()):
        here = theirs.get(step, 0)
        if step in ours:
            found[step] = below - (every - below - here)
        below += here
    return found


def values(now: Mapping[str, int], before: Mapping[str, int]) -> Shift | None:
    """Of counts by value; None: too few."""
    n, m = sum(now.values()), sum(before.values())
    if min(n, m) < FEWEST:
        return None
    distance = floor = of_now = of_before = 0.0
    for value in now.keys() | before.keys():
        p, q = now.get(value, 0) / n, before.get(value, 0) / m
        distance += abs(p - q) / 2
        pooled = (now.get(value, 0) + before.get(value, 0)) / (n + m)
        floor += sqrt(2 / pi * pooled * (1 - pooled) * (1 / n + 1 / m)) / 2  # what chance alone makes of it
        sign = (p > q) - (p < q)
        of_now += sign * p
        of_before += sign * q
    error = sqrt((1 - of_now**2) / n + (1 - of_before**2) / m) / 2
    certain = distance > floor + _SIGMAS * sqrt(1 / n + 1 / m) / 2
    return _shift(distance, error, 0, n, m, told=certain and distance >= LEAST_VALUE)


def _shift(size: float, error: float, direction: int, n: int, m: int, *, told: bool) -> Shift:
    low, high = max(size - _INTERVAL * error, 0.0), min(size + _INTERVAL * error, 1.0)
    return Shift(size=size, low=low, high=high, direction=direction, told=told, now=n, before=m)
