"""Distance from the usual level of this time of day, in the usual size of such distances.

A moving mean for each hour since the series began; the season-aware member of `anomaly`. (`season` learns a robust
season from a whole reference; this one has no reference and learns as it goes.)
Source: seasonal naive forecasts with exponential smoothing, Holt (1957), Winters (1960).
Assumes days that resemble each other; before a second day it says little. Units: none. Cost: 0.5 us; state: 49 floats.
"""

from __future__ import annotations

HOURS = 24
MEMORY = 333
"""Points of an hour that its level looks back."""
SIZE_MEMORY = 2000


class HourlyLevel:
    """Levels by hour, and the mean size of distances from them."""

    __slots__ = ("count", "counts", "levels", "size")

    def __init__(self) -> None:
        self.levels = [0.0] * HOURS
        self.counts = [0] * HOURS
        self.size = 0.0
        self.count = 0

    def update(self, value: float, day_share: float) -> float:
        """How many usual distances the next value lies off its hour's level; 0 the first time an hour comes round.

        Args:
            value: finite.
            day_share: time of day since the first point, 0 to 1.
        """
        hour = int(day_share * HOURS)
        found, seen = 0.0, self.counts[hour]
        self.count += 1
        if seen:
            distance = abs(value - self.levels[hour])
            if self.size > 0:
                found = distance / self.size
            self.size += (distance - self.size) / min(self.count, SIZE_MEMORY)
        self.counts[hour] = seen + 1
        self.levels[hour] += (value - self.levels[hour]) / min(seen + 1, MEMORY)
        return found
