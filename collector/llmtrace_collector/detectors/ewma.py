"""Distance from a moving level, in moving standard deviations.

Source: Roberts (1959), control chart tests based on geometric moving averages; variance likewise (West, 1979).
Assumes a level that drifts slower than `memory`. Units: none. Cost: 0.5 us; state: three floats.
"""

from __future__ import annotations

import math


class Ewma:
    """Exponentially weighted level and spread; plain means until `memory` points are seen."""

    __slots__ = ("count", "level", "memory", "spread_memory", "variance")

    def __init__(self, memory: int, spread_memory: int = 400) -> None:
        self.memory = memory
        self.spread_memory = spread_memory
        self.count = 0
        self.level = 0.0
        self.variance = 0.0

    def update(self, value: float) -> float:
        """How many standard deviations the next value lies off the level before it; 0 while there is no spread."""
        self.count = count = self.count + 1
        if count == 1:
            self.level = value
            return 0.0
        off = value - self.level
        found = abs(off) / math.sqrt(self.variance) if self.variance > 0 else 0.0
        self.level += off / min(count, self.memory)
        self.variance += (off * off - self.variance) / min(count, self.spread_memory)
        return found
