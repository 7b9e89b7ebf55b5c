"""From surprise at points to alerts on episodes: one an episode, and only if it stands out among the series' own.

A point counts if no point of the last `REFRACTORY` was as surprising: the beginning, or a worsening, of an episode.
Episodes are then ranked among the series' own: the odds are so many against it as there were greater ones before,
times the exponential of its surprise. Busy series get no more alerts than quiet ones.
Source: ours; ranks of records as in Renyi (1962). Assumes episodes shorter than `REFRACTORY` points.
Cost: 0.3 us, 3 us at an episode; state: the last episodes' points and 64 floats.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

REFRACTORY = 60
"""Points."""
KEPT = 64
"""Episodes remembered, the greatest."""


class Episodes:
    """The episodes of one series."""

    __slots__ = ("count", "greatest", "recent")

    def __init__(self) -> None:
        self.count = 0
        self.recent: deque[tuple[int, float]] = deque()
        """Points and surprises, falling: what still overshadows later points."""
        self.greatest: list[float] = []
        """Surprises of past episodes, ascending."""

    def update(self, surprise: float) -> int | None:
        """How many past episodes were at least as surprising; `None` if this point begins none."""
        self.count += 1
        recent = self.recent
        while recent and recent[0][0] < self.count - REFRACTORY:
            recent.popleft()
        begins = surprise > 0 and (not recent or surprise > recent[0][1])
        while recent and recent[-1][1] <= surprise:
            recent.pop()
        if surprise > 0:
            recent.append((self.count, surprise))
        if not begins:
            return None
        greater = len(self.greatest) - bisect_left(self.greatest, surprise)
        insort(self.greatest, surprise)
        if len(self.greatest) > KEPT:
            del self.greatest[0]
        return greater
