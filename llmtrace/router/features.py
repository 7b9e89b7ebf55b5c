"""What of a prompt its difficulty is told from: hashed words and pairs of words, and a few figures of its form.

Words are hashed so that a fitted policy holds no text of anybody's prompt.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from zlib import crc32

MAX_CHARS: Final = 6000
"""Of a prompt that are looked at: about 2 ms."""
BUCKETS: Final = 1 << 20

_WORD: Final = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_CHOICE: Final = re.compile(r"^[A-J][.)]", re.MULTILINE)
_SYMBOLS: Final = frozenset("=+-*/^<>\\$%")

FIGURES: Final = 14
"""How many figures of form there are."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A prompt as numbers that depend on nothing but itself."""

    words: Mapping[int, int]
    form: list[float]
    characters: int


def count(prompt: str) -> Counted:
    """The numbers of a prompt."""
    return Counted(words=word_counts(prompt), form=form(prompt), characters=len(prompt))


def word_counts(prompt: str) -> dict[int, int]:
    """How often each word, and each pair of neighbours, is in it, by its bucket."""
    words = _WORD.findall(prompt[:MAX_CHARS].lower())
    counts: dict[int, int] = {}
    for token in (*words, *(f"{one} {other}" for one, other in pairwise(words))):
        bucket = crc32(token.encode("utf-8", "surrogatepass")) % BUCKETS
        counts[bucket] = counts.get(bucket, 0) + 1
    return counts


def form(prompt: str) -> list[float]:
    """Length, numbers, lines, symbols, choices and such: ``FIGURES`` of them."""
    text = prompt[:MAX_CHARS]
    words = _WORD.findall(text.lower())
    numbers = [word for word in words if word[0].isdigit()]
    n, characters = max(1, len(words)), max(1, len(text))
    return [
        math.log1p(len(prompt)),
        math.log(n),
        len(numbers) / n,
        math.log1p(len(numbers)),
        sum(map(len, words)) / n,
        len(set(words)) / n,
        math.log1p(text.count("\n")),
        10 * sum(character in _SYMBOLS for character in text) / characters,
        math.log1p(text.count("?")),
        math.log1p(text.count(".")),
        max(map(len, numbers), default=0) / 5,
        5 * sum(character.isupper() for character in text) / characters,
        float("```" in text or "def " in text or "class " in text),
        math.log1p(len(_CHOICE.findall(text))),
    ]


def weighted(counts: Mapping[int, int], rarity: Mapping[int, float]) -> dict[int, float]:
    """TF-IDF of the buckets that have a ``rarity``, of length 1: ``(1 + ln n) * idf`` (Salton, Buckley 1988)."""
    found = {bucket: (1 + math.log(n)) * rarity[bucket] for bucket, n in counts.items() if bucket in rarity}
    length = math.sqrt(math.fsum(value * value for value in found.values()))
    return {bucket: value / length for bucket, value in found.items()} if length else {}
