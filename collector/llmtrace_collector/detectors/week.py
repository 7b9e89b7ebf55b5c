"""The shape of a week, learnt as it goes: day factor x hour factor x what a single hour of the week has besides.

Main effects are known after days and single hours after weeks; each is drawn to what is known before it while it has
been seen for few rounds, and all to the shape of a pool, so that a young series has a week from the first. How far a
factor may still be off comes with it: the first Saturday is a doubt, no anomaly.
Source: Holt (1957), Winters (1960), multiplicative seasons; partial pooling, Gelman & Hill (2007).
Assumes values of 0 or more whose season scales with their level. Units: none, ratios to the level. Cost: 2 us; state:
199 ratios and as many counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

HOUR_S = 3600.0
HOURS, DAYS, SLOTS = 24, 7, 168
ROUNDS = 8.0
"""Rounds a factor looks back, about."""
DRAWN = 0.15
"""Rounds after which an hour of the day, or a day, counts as much on its own as what is known before it."""
SLOT_DRAWN = 2.0
"""The same of a single hour of the week."""
MAIN_DOUBT, SLOT_DOUBT = 0.5, 0.15
"""Standard deviations of a factor about what is known before it, where no pool lends it."""
LENT = 0.25
"""Share of that doubt that is left where a pool does."""


def _ones(size: int) -> list[float]:
    return [1.0] * size


@dataclass(kw_only=True)
class Week:
    """The ratios of one series, or of a pool."""

    hours: list[float] = field(default_factory=lambda: _ones(HOURS))
    """Of the day."""
    days: list[float] = field(default_factory=lambda: _ones(DAYS))
    slots: list[float] = field(default_factory=lambda: _ones(SLOTS))
    """Of an hour of the week, beyond its day and hour."""
    hour_points: list[int] = field(default_factory=lambda: [0] * HOURS)
    day_points: list[int] = field(default_factory=lambda: [0] * DAYS)
    slot_points: list[int] = field(default_factory=lambda: [0] * SLOTS)

    def ratio(self, slot: int, step_s: float, pool: Week | None = None) -> tuple[float, float]:
        """What the level is multiplied by in an hour of the week, and the doubt about it.

        Args:
            slot: the hour of the week, 0 to 167.
            step_s: between points, seconds; where it is more than an hour, hours that no point has are never asked for.
            pool: what little is known is drawn to; `None`: to 1.

        Returns:
            The ratio, and its variance as a share of its square.
        """
        an_hour, a_day = _points(step_s)
        hour, day = slot % HOURS, slot // HOURS
        prior = (1.0, 1.0, 1.0) if pool is None else (pool.hours[hour], pool.days[day], pool.slots[slot])
        trust = DRAWN / (self.hour_points[hour] / an_hour + DRAWN)
        ratio = self.hours[hour] + (prior[0] - self.hours[hour]) * trust
        other = DRAWN / (self.day_points[day] / a_day + DRAWN)
        ratio *= self.days[day] + (prior[1] - self.days[day]) * other
        single = SLOT_DRAWN / (self.slot_points[slot] / an_hour + SLOT_DRAWN)
        ratio *= self.slots[slot] + (prior[2] - self.slots[slot]) * single
        doubt = MAIN_DOUBT**2 * (trust**2 + other**2) + (SLOT_DOUBT * single) ** 2
        return ratio, doubt if pool is None else LENT**2 * doubt

    def take(self, slot: int, ratio: float, step_s: float) -> None:
        """Learns from a value of this hour of the week as a ratio to the level."""
        an_hour, a_day = _points(step_s)
        hour, day = slot % HOURS, slot // HOURS
        _learn(self.hours, self.hour_points, hour, ratio / max(self.days[day], 0.05), an_hour)
        _learn(self.days, self.day_points, day, ratio / max(self.hours[hour], 0.05), a_day)
        rest = max(self.hours[hour] * self.days[day], 0.05)
        _learn(self.slots, self.slot_points, slot, ratio / rest, an_hour)


def _points(step_s: float) -> tuple[float, float]:
    """Points of an hour and of a day, at least one of each."""
    return max(HOUR_S / step_s, 1.0), max(HOURS * HOUR_S / step_s, 1.0)


def _learn(ratios: list[float], points: list[int], index: int, ratio: float, a_round: float) -> None:
    """A moving mean in which later rounds weigh a little more: the first ones knew the level less well."""
    points[index] += 1
    ratios[index] += (ratio - ratios[index]) * min(1.5 / (min(points[index], ROUNDS * a_round) + 0.5), 1.0)
