"""One surprise out of several: the mean of the two most surprised members, each held for a few points.

Members speak in calibrated nats (`tails`), so they can be compared. Two must agree for a great surprise; as they need
not notice at the same point, each one's surprise fades over a few points instead of vanishing.
Source: order statistics of p-values, Ruschendorf (1982), Vovk & Wang (2020); rank ensembles, Aggarwal & Sathe (2017).
Assumes members that are each calibrated; nothing of their dependence. Cost: 0.1 us a member; state: one float a
member.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

HOLD = 2.0
"""Points over which a member's surprise fades to a third."""
LARGEST = 25.0
"""Nats that one member may say at most."""
AGREEING = 1.3
"""The mean of two is less than either tail alone; so much brings it back to the scale of one."""
_FADE = math.exp(-1 / HOLD)


class Ensemble:
    """Joins the surprises of members, point by point."""

    __slots__ = ("held",)

    def __init__(self, members: int) -> None:
        self.held = [0.0] * members

    def update(self, surprises: Sequence[float]) -> float:
        """The joint surprise of one point, nats."""
        first = second = 0.0
        for index, surprise in enumerate(surprises):
            faded = self.held[index] * _FADE
            held = max(faded, surprise)
            self.held[index] = held
            held = min(held, LARGEST)
            if held > first:
                first, second = held, first
            elif held > second:
                second = held
        return AGREEING * (first + second) / 2
