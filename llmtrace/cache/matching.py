"""Which stored question's answer may be given to another question, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from llmtrace.cache.bound import Bound
from llmtrace.cache.curve import Curve, curve_for
from llmtrace.cache.entries import Entry
from llmtrace.cache.index import Index
from llmtrace.embedding import Embedder

_LEAST_COSINE: Final = 0.5
_LOOKED_AT: Final = 3
"""Candidates that the curve is asked about."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """The best candidate for a question."""

    entry: Entry
    similarity: float
    wrong: float
    """Probability that its answer is wrong for the question."""
    guard: str
    """The guard that holds them apart; '' for none."""


class Matcher:
    """Embedder, index and curve of one cache, and its budget of wrong answers."""

    def __init__(self, embedder: Embedder, bound: Bound, curve: Curve | None = None) -> None:
        self.embedder = embedder
        self.bound = bound
        self._curve = curve or curve_for(embedder)
        self._index = Index(embedder.name, embedder.dimension)

    def row(self, text: str) -> bytes:
        """The question as the entry keeps it.

        Raises:
            Exception: of the embedder.
        """
        (row,) = self.embedder.embed([text])
        if row.shape != (self.embedder.dimension,) or not np.isfinite(row).all():
            raise ValueError(f"{self.embedder.name} gave no row of {self.embedder.dimension} numbers")
        kept: bytes = row.astype(np.float32).tobytes()
        return kept

    def best(self, scope: str, entries: list[Entry], text: str, row: bytes, now_s: float) -> Match | None:
        """The candidate least likely to be wrong; None when nothing is near."""
        found = None
        looked = 0
        for cosine, entry in self._index.nearest(scope, entries, np.frombuffer(row, np.float32)):
            if cosine < _LEAST_COSINE or looked >= _LOOKED_AT:
                break
            if entry.expires_s <= now_s:
                continue
            wrong, guard = self._curve.wrong(entry.text, text, cosine)
            looked += not guard
            if found is None or wrong < found.wrong:
                found = Match(entry=entry, similarity=round(cosine, 4), wrong=wrong, guard=guard)
        return found
