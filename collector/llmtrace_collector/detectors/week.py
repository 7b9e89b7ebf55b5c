"""The shape of a week, learnt as it goes: day factor x hour factor x what a single hour of the week has besides.

Main effects are known after days and single hours after weeks; each is drawn to what is known before it by the rounds
it has been seen, and all to the shape of a pool, so that a young series has a week from the first.
Source: Holt (1957), Winters (1960), multiplicative seasons; shrinkage, James & Stein (1961).
Assumes values of 0 or more whose season scales with their level. Units: none, ratios to the level. Cost: 1 us; state:
199 ratios and as many counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

HOUR_S = 3600.0
HOURS, DAYS, SLOTS = 24, 7, 168
ROUNDS = 8.0
"""Rounds a factor looks back, about."""
DRAWN = 2.0
"""Rounds after which an hour of the week counts as much on its own as by its day and hour; half as many for those."""


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

    def ratio(self, slot: int, an_hour: float, pool: Week | None = None) -> float:
        """What the level is multiplied by in an hour of the week.

        Args:
            slot: the hour of the week, 0 to 167.
            an_hour: points an hour.
            pool: what little is known is drawn to; `None`: to 1.
        """
        hour, day = slot % HOURS, slot // HOURS
        prior = (1.0, 1.0, 1.0) if pool is None else (pool.hours[hour], pool.days[day], pool.slots[slot])
        return (
            _drawn(self.hours[hour], self.hour_points[hour] / an_hour, prior[0], DRAWN / 2)
            * _drawn(self.days[day], self.day_points[day] / (HOURS * an_hour), prior[1], DRAWN / 2)
            * _drawn(self.slots[slot], self.slot_points[slot] / an_hour, prior[2], DRAWN)
        )

    def take(self, slot: int, ratio: float, an_hour: float) -> None:
        """Learns from a value of this hour of the week as a ratio to the level."""
        hour, day = slot % HOURS, slot // HOURS
        _learn(self.hours, self.hour_points, hour, ratio / max(self.days[day], 0.05), an_hour)
        _learn(self.days, self.day_points, day, ratio / max(self.hours[hour], 0.05), HOURS * an_hour)
        rest = max(self.hours[hour] * self.days[day], 0.05)
        _learn(self.slots, self.slot_points, slot, ratio / rest, an_hour)


def _drawn(own: float, rounds: float, prior: float, strength: float) -> float:
    return (rounds * own + strength * prior) / (rounds + strength)


def _learn(ratios: list[float], points: list[int], index: int, ratio: float, a_round: float) -> None:
    """A moving mean in which later rounds weigh a little more: the first ones knew the level less well."""
    points[index] += 1
    ratios[index] += (ratio - ratios[index]) * min(1.5 / (min(points[index], ROUNDS * a_round) + 0.5), 1.0)
