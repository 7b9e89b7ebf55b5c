"""The nearest questions of a scope: every row is compared, so none is missed."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any, Final

import numpy as np

from llmtrace.cache.entries import Entry
from llmtrace.embedding.embedder import Rows

_SCOPES: Final = 200


class _Block:
    """The rows of a list of entries that grows at its end."""

    def __init__(self, entries: list[Entry], dimension: int) -> None:
        self.entries = entries
        self.rows = np.zeros((16, dimension), np.float32)
        self.many = 0

    def grow(self, embedder: str) -> None:
        new = self.entries[self.many :]
        if self.many + len(new) > len(self.rows):
            wider = np.zeros((2 * (self.many + len(new)), self.rows.shape[1]), np.float32)
            wider[: self.many] = self.rows[: self.many]
            self.rows = wider
        for place, entry in enumerate(new, self.many):
            # One of another embedder keeps its row of zeros: like nothing.
            if entry.embedder == embedder and len(entry.vector) == self.rows.shape[1] * 4:
                self.rows[place] = np.frombuffer(entry.vector, np.float32)
        self.many += len(new)


class Index:
    """Rows of the scopes that were looked at last."""

    def __init__(self, embedder: str, dimension: int) -> None:
        self._embedder = embedder
        self._dimension = dimension
        self._lock = Lock()  # protects _blocks and what is in them
        self._blocks: OrderedDict[str, _Block] = OrderedDict()

    def nearest(self, scope: str, entries: list[Entry], row: Any, *, many: int = 5) -> list[tuple[float, Entry]]:
        """Those with the highest cosine, and that; the highest first."""
        with self._lock:
            block = self._blocks.get(scope)
            if block is None or block.entries is not entries:
                block = self._blocks[scope] = _Block(entries, self._dimension)
            self._blocks.move_to_end(scope)
            while len(self._blocks) > _SCOPES:
                self._blocks.popitem(last=False)
            block.grow(self._embedder)
            rows: Rows = block.rows[: block.many]
        if not len(rows):
            return []
        cosines = rows @ row
        many = min(many, len(cosines))
        best = np.argpartition(-cosines, many - 1)[:many]
        return [(float(cosines[at]), entries[at]) for at in best[np.argsort(-cosines[best])]]
