"""What detectors of a series look at: the value, its short mean, its step, its distance from a long mean; each in bins.

A view is placed between the least and the greatest it has had so far, so units and offsets fall out; bins are odd in
number and symmetric about the middle, so that a series upside down has its bins upside down.
Assumes bounded series, or ones whose range settles. Cost: about 1 us for four views; state: ten floats.
"""

from __future__ import annotations

VALUE, MEAN, STEP, DISTANCE = range(4)
"""Indices of `Views.places`."""
SHORT, LONG = 5, 400
"""Points that the short and the long mean look back, about."""
EDGE = 1e-9
"""A value on the edge of two bins belongs to the outer, whatever rounding did to it."""


class Views:
    """The views of one series."""

    __slots__ = ("count", "highs", "long", "lows", "places", "short", "value")

    def __init__(self) -> None:
        self.count = 0
        self.value = self.short = self.long = 0.0
        self.lows = [0.0] * 4
        self.highs = [0.0] * 4
        self.places = [0.0] * 4
        """Where each view stands, -0.5 (its least so far) to 0.5 (its greatest)."""

    @property
    def is_constant(self) -> bool:
        """All values so far are the same."""
        return self.lows[VALUE] == self.highs[VALUE]

    def update(self, value: float) -> None:
        """Takes the next value."""
        if not self.count:
            self.value = self.short = self.long = value
            self.lows[:2] = self.highs[:2] = [value, value]
        step, distance = value - self.value, value - self.long
        self.short += (value - self.short) / SHORT
        self.long += distance / (min(self.count, LONG) + 1)
        self.value = value
        self.count += 1
        lows, highs, places = self.lows, self.highs, self.places
        for index, view in enumerate((value, self.short, step, distance)):
            if view < lows[index]:
                lows[index] = view
            elif view > highs[index]:
                highs[index] = view
            width = highs[index] - lows[index]
            places[index] = (view - lows[index]) / width - 0.5 if width > 0 else 0.0


def bin_of(place: float, bins: int) -> int:
    """The bin, 0 to `bins` - 1 (odd), of a place between -0.5 and 0.5."""
    half = bins // 2
    if place > 0:
        return half + min(int(place * bins + 0.5 + EDGE), half)
    return half - min(int(-place * bins + 0.5 + EDGE), half)
