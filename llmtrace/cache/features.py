"""What two questions have in common, in numbers: for the curve that tells how likely one answer serves both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final

from llmtrace.cache.guards import read, stem

NAMES: Final = (
    "cosine", "content_jaccard", "content_least", "only_a", "only_b", "swapped_one", "word_jaccard", "grams",
    "grams_least", "in_order", "shorter", "length_gap", "first_same", "last_same", "content_shorter", "names_common",
    "rare_lost", "bigrams", "fillers_gap", "head_same", "lost_longest", "lost_alike",
)  # fmt: skip


def features(one: str, other: str, cosine: float) -> list[float]:
    """A number for each of `NAMES`."""
    a, b = read(one), read(other)
    both, only_a, only_b = _shared(a.content, b.content)
    grams_a, grams_b = _grams(a.words), _grams(b.words)
    common, _, _ = _shared(grams_a, grams_b)
    words_a, words_b = set(map(stem, a.words)), set(map(stem, b.words))
    lost_a, lost_b = list(a.content - b.content), list(b.content - a.content)
    lost = [*lost_a, *lost_b]
    return [
        cosine,
        both / max(1, both + only_a + only_b),
        both / max(1, both + min(only_a, only_b)),
        min(only_a, only_b),
        max(only_a, only_b),
        float(only_a == 1 and only_b == 1),
        len(words_a & words_b) / max(1, len(words_a | words_b)),
        common / max(1, sum((grams_a | grams_b).values())),
        common / max(1, min(grams_a.total(), grams_b.total())),
        SequenceMatcher(None, a.order, b.order, autojunk=False).ratio(),
        min(len(a.words), len(b.words)),
        abs(len(a.words) - len(b.words)),
        float(a.words[:1] == b.words[:1]),
        float([*map(stem, a.words[-1:])] == [*map(stem, b.words[-1:])]),
        min(a.content.total(), b.content.total()),
        len(a.names & b.names),
        sum(len(word) for word in lost),
        _pairs(a.order, b.order),
        len(words_a ^ words_b) - only_a - only_b,
        float(a.words[:3] == b.words[:3]),
        max(map(len, lost), default=0),
        _alike(lost_a, lost_b),
    ]


def _shared(a: Counter[str], b: Counter[str]) -> tuple[int, int, int]:
    return (a & b).total(), (a - b).total(), (b - a).total()


def _grams(words: Sequence[str]) -> Counter[str]:
    text = f" {' '.join(words)} "
    return Counter(text[start : start + 4] for start in range(max(1, len(text) - 3)))


def _pairs(a: Sequence[str], b: Sequence[str]) -> float:
    ours, theirs = set(pairwise(a)), set(pairwise(b))
    return len(ours & theirs) / max(1, len(ours | theirs))


def _alike(lost_a: Sequence[str], lost_b: Sequence[str]) -> float:
    """How alike in spelling the words are that only one of them has: 1 when there are none."""
    if not lost_a and not lost_b:
        return 1.0
    if not lost_a or not lost_b:
        return 0.0
    return sum(max(SequenceMatcher(None, one, other).ratio() for other in lost_b) for one in lost_a) / len(lost_a)
