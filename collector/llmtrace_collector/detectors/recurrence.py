"""Unknown words that come again: what a new topic does and a slip of the pen does not.

A text's recurrence is, over its terms that no reference text has, the mean of log(1 + recent texts that had the term).
For a reference text the terms that it alone has take their place, so that it is scored against the same recent texts
as the text to judge, which is in neither: all are exchangeable while nothing has changed. Texts are taken in by the
block, so that reference and texts of a block see the same.
Source: burstiness of topical words, Church & Gale (1995); conformal ranks, Vovk, Gammerman & Shafer (2005).
Assumes texts independent. Units: nats. Cost: 0.5 us a term that is rare. State: the rare terms of the last `RECENT`
texts, at most `MOST` of each.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

RECENT = 500
"""Texts looked back."""
MOST = 500
"""Rare terms of a text that count."""
BLOCK = 10
"""Texts taken in at once."""


class Recurrence:
    """How much of what a text brings has come of late already."""

    def __init__(self, reference: Sequence[Collection[str]], frequency: Mapping[str, int]) -> None:
        """Learns the reference.

        Args:
            reference: the terms of each text.
            frequency: in how many of them each term is.
        """
        self.frequency = frequency
        self.owners = {term: row for row, terms in enumerate(reference) for term in terms if frequency[term] == 1}
        """Of terms in one reference text only, which one it is."""
        self.lengths = np.array([max(len(terms), 1) for terms in reference], dtype=np.float64)
        self.sums = np.zeros(len(reference))
        """Of each reference text, over the terms that it alone has."""
        self.counts: Counter[str] = Counter()
        """Recent texts that had a rare term."""
        self.past: deque[list[str]] = deque()
        self.waiting: list[list[str]] = []

    @property
    def own(self) -> NDArray[np.float64]:
        """The recurrence of each reference text, nats."""
        return np.asarray(self.sums / self.lengths)

    def of(self, terms: Collection[str]) -> float:
        """The recurrence of a text that is in neither the reference nor the recent ones, nats."""
        new = [self.counts[term] for term in self._rare(terms) if term not in self.owners and term in self.counts]
        return sum(map(math.log1p, new)) / max(len(terms), 1)

    def take(self, terms: Collection[str]) -> bool:
        """Takes a text among the recent ones, with its block; whether that block is full and all recurrences change."""
        self.waiting.append(self._rare(terms))
        if len(self.waiting) < BLOCK:
            return False
        for rare in self.waiting:
            self.past.append(rare)
            for term in rare:
                self._count(term, 1)
        self.waiting.clear()
        while len(self.past) > RECENT:
            for term in self.past.popleft():
                self._count(term, -1)
        return True

    def _rare(self, terms: Collection[str]) -> list[str]:
        rare = [term for term in terms if self.frequency.get(term, 0) <= 1]
        return rare if len(rare) <= MOST else sorted(rare)[:MOST]

    def _count(self, term: str, step: int) -> None:
        count = self.counts[term] + step
        if term in self.owners:
            self.sums[self.owners[term]] += math.log1p(count) - math.log1p(count - step)
        if count:
            self.counts[term] = count
        else:
            del self.counts[term]
