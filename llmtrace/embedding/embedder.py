"""What makes numbers of texts, as the rest of llmtrace sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
"""A row a text, (texts, dimension), each of length 1: the product of two rows is their cosine. A text without content
may be a row of zeros."""


class Embedder(Protocol):
    """Texts into rows. Called from many threads."""

    @property
    def name(self) -> str:
        """Which numbers these are: rows of embedders with different names are never compared."""

    @property
    def dimension(self) -> int:
        """Length of a row."""

    @property
    def waits(self) -> bool:
        """Whether it takes longer than an event loop can stand still: a network."""

    def embed(self, texts: Sequence[str]) -> Rows:
        """A row for each text, in one go where it can be.

        Raises:
            Exception: whatever goes wrong; callers go on without.
        """


def unit(rows: Rows) -> Rows:
    """The rows with length 1; one of zeros stays so."""
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    result: Rows = (rows / np.where(length > 0, length, 1)).astype(np.float32)
    return result
