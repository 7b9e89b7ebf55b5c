"""What detectors of a series look at: the value and its short mean, each in bins.

A view is placed between the least and the greatest it has had so far, so units and offsets fall out; bins are odd in
number and symmetric about the middle, so that a series upside down has its bins upside down.
Assumes bounded series, or ones whose range settles. Cost: 0.5 us; state: eight floats.
"""

from __future__ import annotations

VALUE, MEAN = 0, 1
"""Indices of `Views.places`."""
SHORT = 5
"""Points that the mean looks back, about."""
EDGE = 1e-9
"""A value on the edge of two bins belongs to the outer, whatever rounding did to it."""


class Views:
    """The views of one series."""

    __slots__ = ("count", "highs", "lows", "places", "short")

    def __init__(self) -> None:
        self.count = 0
        self.short = 0.0
        self.lows = [0.0, 0.0]
        self.highs = [0.0, 0.0]
        self.places = [0.0, 0.0]
        """Where each view stands, -0.5 (its least so far) to 0.5 (its greatest)."""

    @property
    def is_constant(self) -> bool:
        """All values so far are the same."""
        return self.lows[VALUE] == self.highs[VALUE]

    def update(self, value: float) -> None:
        """Takes the next value."""
        if not self.count:
            self.short = value
            self.lows, self.highs = [value, value], [value, value]
        self.short += (value - self.short) / SHORT
        self.count += 1
        lows, highs, places = self.lows, self.highs, self.places
        for index, view in ((VALUE, value), (MEAN, self.short)):
            low, high = lows[index], highs[index]
            if view < low:
                lows[index] = low = view
            elif view > high:
                highs[index] = high = view
            places[index] = (view - low) / (high - low) - 0.5 if high > low else 0.0


def bin_of(place: float, bins: int) -> int:
    """The bin, 0 to `bins` - 1 (odd), of a place between -0.5 and 0.5."""
    half = bins // 2
    if place > 0:
        return half + min(int(place * bins + 0.5 + EDGE), half)
    return half - min(int(-place * bins + 0.5 + EDGE), half)
