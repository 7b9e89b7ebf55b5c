"""Rows from the spelling of texts alone: words, pairs of words and pieces of words, hashed (arXiv 0902.2206)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from math import log1p
from typing import Final

import numpy as np

from llmtrace.embedding.embedder import Rows, unit

_WORD: Final = re.compile(r"\w+")
_LONGEST: Final = 20_000
"""Characters of a text that are looked at."""


@dataclass(frozen=True, kw_only=True)
class LexicalEmbedder:
    """Needs nothing but numpy and knows no meaning; the same on every machine. For tests, and as a floor."""

    dimension: int = 512
    waits: bool = False

    @property
    def name(self) -> str:
        """The kind, its version and its dimension."""
        return f"lexical-1-{self.dimension}"

    def embed(self, texts: Sequence[str]) -> Rows:
        """A row for each text; of zeros for one without a word."""
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for feature, count in Counter(_features(text[:_LONGEST].casefold())).items():
                hashed = _hash(feature)
                row[(hashed >> 1) % self.dimension] += (1 if hashed & 1 else -1) * log1p(count)
        return unit(rows)


def _features(text: str) -> Iterator[str]:
    words = _WORD.findall(text)
    yield from words
    for one, next_one in pairwise(words):
        yield f"{one} {next_one}"
    for word in words:
        padded = f"<{word}>"
        for start in range(max(1, len(padded) - 3)):
            yield padded[start : start + 4]


@lru_cache(maxsize=50_000)
def _hash(feature: str) -> int:
    return int.from_bytes(blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
