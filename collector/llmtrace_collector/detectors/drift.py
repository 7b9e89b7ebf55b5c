"""Drift of a number: has the distribution changed since the reference, watched one value at a time.

Values become normal scores among the reference (`references`), after the season is taken off where there is one
(`season`); bets on shifts, spreads and foreign shares (`bets`) feed a Shiryaev-Roberts e-detector (`sequential`). How
much a whole day's level varies is learnt from the days of the reference: over-dispersion and not season is what makes
false alarms. Units: none; the result is the same under any increasing change of unit a*x + b.
Cost: 4 to 8 us a value; state: the reference and about 530 floats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from llmtrace_collector.detectors.bets import Bets, Dispersion
from llmtrace_collector.detectors.references import NORMAL, Later, Reference
from llmtrace_collector.detectors.season import DAY_S, HOUR_S, Floats, Season, learn
from llmtrace_collector.detectors.sequential import ShiryaevRoberts

QUIET_DAYS = 100
"""With a season, days and not values are what is independent: no more than one false alarm in so many days either."""
DIGITS = 9
"""Residuals are compared to this many decimals, so that a change of unit does not part what was equal."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is said of one value."""

    statistic: float
    """Evidence as a share of what an alarm takes; 1 or more is one."""
    alarm: bool


class NumericDrift:
    """Sequential drift of a number, season-aware where the reference allows it."""

    def __init__(self, times_s: Floats, values: Floats, *, arl0: float) -> None:
        """Learns the reference.

        Args:
            times_s: seconds, (n,).
            values: (n,), at least 20.
            arl0: mean number of values to a false alarm.
        """
        self.season = learn(times_s, values)
        self.origin_s = float(times_s.min())
        residuals = _residuals(self.season, times_s, values)
        self.reference = Reference(residuals.tolist())
        self.later = Later(self.reference, residuals.size)
        self.dispersion = dispersion(times_s - self.origin_s, residuals)
        self.bets = Bets(self.dispersion)
        days = max((float(times_s.max()) - self.origin_s) / DAY_S, 1.0)
        least = QUIET_DAYS * values.size / days if self.season else 0.0
        self.detector = ShiryaevRoberts(weights=self.bets.weights, arl0=max(arl0, least))

    def update(self, time_s: float, value: float) -> Verdict:
        """Takes the next value."""
        residual = value if self.season is None else self.season.residual(time_s, value)
        residual = round(residual, DIGITS) if self.season else residual
        below = self.reference.p_value(residual)
        day = int((time_s - self.origin_s) // DAY_S)
        statistic, alarm = self.detector.update(self.bets.log_e(NORMAL.inv_cdf(below), 1 - below, day))
        self.later.add(residual)
        return Verdict(statistic=statistic, alarm=alarm)


def dispersion(since_s: Floats, residuals: Floats) -> Dispersion:
    """What the reference teaches of levels that vary from day to day, and of neighbours that resemble each other.

    Args:
        since_s: seconds since the beginning of the reference, (n,).
        residuals: (n,).
    """
    ranks = stats.rankdata(residuals)
    scores = stats.norm.ppf((ranks - 0.5) / ranks.size)
    days = _means(scores, since_s // DAY_S)
    if days is None or days[0].size < 3:
        return Dispersion()
    hours = _means(scores, since_s // HOUR_S)
    means, counts = days
    per_day = float(np.mean(counts))
    noise = _noise(scores, since_s, hours)
    variance = float(np.var(means, ddof=1))
    chance = noise**2 / per_day
    if stats.chi2.sf(variance / chance * (means.size - 1), means.size - 1) > 0.05:
        return Dispersion(noise=max(1.0, noise))
    freedom = float(means.size - 1)
    return Dispersion(tau=math.sqrt(max(variance - chance, 0.0) * (1 + 1 / means.size)), noise=noise, freedom=freedom)


def _noise(scores: Floats, since_s: Floats, hours: tuple[Floats, Floats] | None) -> float:
    """Standard deviation of a point within its day, raised where the hours of a day differ by more than chance."""
    days = since_s // DAY_S
    centred = (
        scores
        - np.array([scores[days == day].mean() for day in np.unique(days)])[np.unique(days, return_inverse=True)[1]]
    )
    within = float(np.sqrt(np.mean(centred**2)))
    found = _means(centred, since_s // HOUR_S) if hours is not None else None
    if found is None or found[0].size < 24:
        return within
    means, counts = found
    ratio = float(np.mean(means**2 * counts)) / within**2
    least = stats.chi2.ppf(0.999, means.size) / means.size
    return within * math.sqrt(ratio) if ratio > least else within


def _means(scores: Floats, blocks: Floats) -> tuple[Floats, Floats] | None:
    """Mean and count of each block that is at least half as full as the fullest; `None` for a single one."""
    _, index, counts = np.unique(blocks, return_inverse=True, return_counts=True)
    sums = np.bincount(index, weights=scores)
    full = counts >= counts.max() / 2
    if full.sum() < 2:
        return None
    return sums[full] / counts[full], counts[full].astype(np.float64)


def _residuals(season: Season | None, times_s: Floats, values: Floats) -> Floats:
    if season is None:
        return values
    pairs = zip(times_s.tolist(), values.tolist(), strict=True)
    return np.round([season.residual(time, value) for time, value in pairs], DIGITS)
