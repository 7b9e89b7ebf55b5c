"""Surprise at an order of values not seen before: n-grams over bins, by count.

The next bin together with those some points back (`lags`), or with the hour, is a word; its surprise is -log of the
share it had so far, a little added to each count. `conditional`: the share among words with the same past.
Source: t-stide, Warrender, Forrest & Pearlmutter (1999), for sequences of symbols; additive smoothing, Lidstone
(1920).
Assumes a series that repeats itself. Units: nats. Cost: 0.8 us; state: 4 bytes a word, at most 343 words here.
"""

from __future__ import annotations

import math
from array import array
from collections import deque

from llmtrace_collector.detectors.views import bin_of

ADDED = 0.3


class Novelty:
    """The words of one view of a series."""

    __slots__ = ("bins", "conditional", "counts", "lags", "past", "phases", "total", "view")

    def __init__(
        self, view: int, bins: int, lags: tuple[int, ...] = (), *, phases: int = 1, conditional: bool = False
    ) -> None:
        self.view = view
        self.bins = bins
        self.lags = lags
        self.phases = phases
        """Parts of a day that are told apart; 1 for none."""
        self.conditional = conditional
        self.counts = array("I", [0]) * (bins ** (len(lags) + 1) * phases)
        self.past: deque[int] = deque([bins // 2] * max(lags, default=0), maxlen=max(lags, default=0))
        self.total = 0

    def update(self, places: list[float], days: float) -> float:
        """The surprise at the next point, nats; 0 the first time that an hour comes round.

        Args:
            places: of the views, see `views`.
            days: since the first point, of which the time of day counts.
        """
        now, bins, past = bin_of(places[self.view], self.bins), self.bins, self.past
        word = int(days % 1.0 * self.phases) if self.phases > 1 else 0
        for lag in self.lags:
            word = word * bins + past[-lag]
        first = word * bins
        word = first + now
        past.append(now)
        count = self.counts[word]
        self.counts[word] = count + 1
        if self.conditional:
            seen, kinds = sum(self.counts[first : first + bins]) - 1, bins
        else:
            seen, kinds = self.total, len(self.counts)
        self.total += 1
        if seen == 0 and self.phases > 1:
            return 0.0
        return math.log((seen + ADDED * kinds) / (count + ADDED))
