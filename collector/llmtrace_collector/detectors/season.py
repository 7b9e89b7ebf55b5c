"""A season-aware baseline: the usual level and spread by hour of the day, or of the week, robust.

Median and interquartile range of each hour, smoothed with the hours beside it; a value becomes (value - level) /
spread. Hours count from the first timestamp of the reference, so a shift of all times changes nothing. A season is
used only where it is there: the reference spans three days, fills the hours on two of them, and a Kruskal-Wallis test
finds that hours differ. Hours of the week need five weeks.
Assumes levels that repeat and a unit-free spread; steps within an hour are spread. Units: those of the values.
Source: Kruskal & Wallis (1952); robust location and scale: Huber, Robust Statistics (1981).
Cost: one pass over the reference; 24 or 168 pairs of floats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

HOUR_S = 3600.0
DAY_S = 86400.0
HOURS_OF_DAY = 24
HOURS_OF_WEEK = 168
SIGNIFICANCE = 1e-4
_SMOOTHING = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Season:
    """Levels and spreads by hour."""

    origin_s: float
    """Seconds; the beginning of hour 0."""
    levels: tuple[float, ...]
    """Median of each hour, in the unit of the values."""
    spreads: tuple[float, ...]
    """Interquartile range of each hour, in the unit of the values; positive."""

    def residual(self, time_s: float, value: float) -> float:
        """How many spreads `value` lies above the level of its hour; between two hours both have a say."""
        place = (time_s - self.origin_s) / HOUR_S - 0.5
        hour = int(place // 1)
        share = place - hour
        first, second = hour % len(self.levels), (hour + 1) % len(self.levels)
        level = (1 - share) * self.levels[first] + share * self.levels[second]
        spread = (1 - share) * self.spreads[first] + share * self.spreads[second]
        return (value - level) / spread


def learn(times_s: Floats, values: Floats) -> Season | None:
    """The season of a reference, or `None` where there is none to speak of.

    Args:
        times_s: seconds, (n,).
        values: (n,).
    """
    origin = float(times_s.min())
    for hours in (HOURS_OF_WEEK, HOURS_OF_DAY):
        season = _of_period(times_s - origin, values, hours)
        if season is not None:
            return Season(origin_s=origin, levels=season[0], spreads=season[1])
    return None


def _of_period(since_s: Floats, values: Floats, hours: int) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    least = 3 if hours == HOURS_OF_DAY else 5
    if since_s.max() < (least - 0.05) * hours * HOUR_S:
        return None
    slots = (since_s // HOUR_S).astype(np.int64) % hours
    groups = [values[slots == slot] for slot in range(hours)]
    rounds = [np.unique(since_s[slots == slot] // (hours * HOUR_S)).size for slot in range(hours)]
    if min(rounds) < 2 or min(group.size for group in groups) < 5 or not _differ(groups, hours):
        return None
    levels = _smooth(np.array([np.median(group) for group in groups]))
    spreads = _smooth(np.array([stats.iqr(group) for group in groups]))
    floor = 0.05 * float(np.mean(spreads)) or float(np.std(values)) or 1.0
    return tuple(levels.tolist()), tuple(np.maximum(spreads, floor).tolist())


def _differ(groups: list[Floats], hours: int) -> bool:
    """Whether hours differ; those of the week must do so from day to day."""
    if hours == HOURS_OF_DAY:
        return bool(np.ptp(np.concatenate(groups))) and float(stats.kruskal(*groups).pvalue) < SIGNIFICANCE
    daily = [np.median(np.array([np.median(groups[24 * day + hour]) for day in range(7)])) for hour in range(24)]
    days = [np.concatenate([groups[24 * day + hour] - daily[hour] for hour in range(24)]) for day in range(7)]
    return bool(np.ptp(np.concatenate(days))) and float(stats.kruskal(*days).pvalue) < SIGNIFICANCE**2


def _smooth(circle: Floats) -> Floats:
    return np.convolve(np.concatenate([circle[-2:], circle, circle[:2]]), _SMOOTHING, mode="valid")
