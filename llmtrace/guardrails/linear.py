"""A linear classifier over hashed n-grams of words: small enough to ship, and read by plain Python.

The file: a line of JSON (format, buckets, bias, scale), then a signed byte for each bucket. Which n-grams a text has
is said here once; ``benchmarks/guardrails/train_injection.py`` fits the weights on the same.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final

FORMAT: Final = 1
MOST_WORDS: Final = 400
"""Of a window; a longer text is looked at in several, and its score is the highest."""
_STEP: Final = 200
_MOST_WINDOWS: Final = 50
_WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]+|[^\W\d_a-z]+|[^\w\s]")
_REPEATED: Final = re.compile(r"(.)\1{3,}")


@dataclass(frozen=True, kw_only=True)
class LinearModel:
    """Weights, and what makes a score of them."""

    buckets: int
    bias: float
    scale: float
    """What a signed byte is worth."""
    weights: bytes
    version: str

    def score(self, text: str) -> float:
        """How likely it is an attack, 0 to 1; of a long text that of its worst window."""
        return max((self._window(words) for words in windows(text)), default=0.0)

    def _window(self, words: list[str]) -> float:
        found = bucket_set(words, self.buckets)
        total = 0
        for bucket in found:
            weight = self.weights[bucket]
            total += weight - 256 if weight > 127 else weight
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, self.bias + self.scale * total / norm(len(found))))))


def norm(count: int) -> float:
    """What a sum over so many n-grams is divided by: so that long texts weigh about as short ones."""
    return math.sqrt(max(1, count))


def windows(text: str) -> Iterable[list[str]]:
    """The words of a text, in windows that overlap by half."""
    words = words_of(text)
    last = max(1, len(words) - _STEP)
    for at in list(range(0, last, _STEP))[:_MOST_WINDOWS]:
        yield words[at : at + MOST_WORDS]


def words_of(text: str) -> list[str]:
    """Words, numbers and signs in lower case; a sign repeated is said three times."""
    return _WORD.findall(_REPEATED.sub(r"\1\1\1", text.lower()))


def bucket_set(words: list[str], buckets: int) -> set[int]:
    """Where the n-grams of one to three words fall, and pairs with a word left out between."""
    said = [word if not word[0].isdigit() else "0" for word in words]
    grams = set(said)
    grams.update(map(" ".join, pairwise(said)))
    grams.update(map(" ".join, zip(said, said[1:], said[2:], strict=False)))
    grams.update(map(" _ ".join, zip(said, said[2:], strict=False)))
    return {zlib.crc32(gram.encode("utf-8", "surrogatepass")) % buckets for gram in grams}


@cache
def load(name: str) -> LinearModel:
    """The model of this name that is shipped.

    Raises:
        ValueError: the file is not of this format.
    """
    head, _, weights = (files("llmtrace.guardrails") / f"{name}.weights").read_bytes().partition(b"\n")
    said = json.loads(head)
    if said.get("format") != FORMAT or len(weights) != said["buckets"]:
        raise ValueError(f"{name}.weights is not of format {FORMAT}")
    return LinearModel(
        buckets=said["buckets"], bias=said["bias"], scale=said["scale"], weights=weights, version=said["version"]
    )
