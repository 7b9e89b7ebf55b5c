"""Drift of texts without a model: are the words other ones than in the reference?

Three numbers are taken of a text against the reference's vocabulary: the share of its words and word pairs that no
reference text has (novelty), how rare its words are there (rarity, mean of -log document frequency), and whether what
is unknown of it has come of late already (`recurrence`). For the reference's own texts they are taken as if the text
itself were not in it (leave one out), so that they are what a further text would have. Each becomes a normal score
among the reference's, and their weighted sum is one number, ranked among the reference's and what came later; an
e-detector bets on a share of foreign texts. Also `exceedance`, for whoever compares windows: the share of texts whose
nearest neighbour is farther than 95 % of the reference's (kNN).
Source: document frequency, Sparck Jones (1972); sums of normal scores, Stouffer (1949); e-detectors, arXiv 2203.03532;
kNN distance, Loftsgaarden & Quesenberry (1965).
Assumes texts of a few words or more, in a script with words; texts independent. Units: none.
Cost: about 100 us for 40 words against 2,000; `exceedance` 0.3 ms a text against 2,000. State: the words and pairs of
the reference.
"""

from __future__ import annotations

import hashlib
import math
import re
import zlib
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, stats

from llmtrace_collector.detectors.bets import foreign
from llmtrace_collector.detectors.drift import Verdict
from llmtrace_collector.detectors.recurrence import BLOCK, RECENT, Recurrence
from llmtrace_collector.detectors.references import Later, Reference
from llmtrace_collector.detectors.sequential import ShiryaevRoberts

WEIGHTS = (1.0, 0.5, 1.0)
"""Of novelty, rarity and recurrence in the score of a text."""
SHARES = ((0.05, 0.003), (0.05, 0.01), (0.1, 0.03), (0.3, 0.2))
"""Bets: so large a share of the texts falls into so small an upper tail."""
DIGITS = 9
LONGEST = 20_000
"""Characters of a text that are read."""
FEATURES = 1 << 16
_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """The words of a text in small letters; characters where a script has no spaces between words."""
    found = _WORD.findall(text[:LONGEST].lower())
    return [part for word in found for part in ([word] if word.isascii() or len(word) < 12 else word)]


class Vocabulary:
    """In how many texts of the reference each word and each pair of words is."""

    def __init__(self, texts: Iterable[Collection[str]]) -> None:
        """Learns the terms of each text (`terms_of`)."""
        self.texts = 0
        self.frequency: Counter[str] = Counter()
        for terms in texts:
            self.frequency.update(terms)
            self.texts += 1

    def measure(self, terms: Collection[str], *, is_own: bool = False) -> tuple[float, float]:
        """Novelty (0 to 1) and rarity (nats) of a text; both 0 for one without words.

        Args:
            terms: of the text, see `terms_of`.
            is_own: it is one of the reference's, and is not to count as known from itself.
        """
        if not terms:
            return 0.0, 0.0
        own = 1 if is_own else 0
        counts = [(term, self.frequency[term] - own if term in self.frequency else 0) for term in terms]
        novelty = sum(1 for _, count in counts if count == 0) / len(counts)
        single = [math.log((self.texts - own + 1) / (count + 0.5)) for term, count in counts if " " not in term]
        return round(novelty, DIGITS), round(sum(single) / len(single), DIGITS)


class TextDrift:
    """Sequential drift of texts."""

    def __init__(self, texts: Sequence[str], *, arl0: float) -> None:
        """Learns the reference; `arl0` is the mean number of texts to a false alarm."""
        terms = [terms_of(text) for text in texts]
        self.vocabulary = Vocabulary(terms)
        measured = np.array([self.vocabulary.measure(one, is_own=True) for one in terms]).reshape(-1, 2)
        self.references = [Reference(values) for values in measured.T.tolist()]
        self.fixed = sum(weight * _scores(values) for weight, values in zip(WEIGHTS, measured.T, strict=False))
        """Of each reference text, what novelty and rarity make of its score."""
        self.recurrence = Recurrence(terms, self.vocabulary.frequency)
        self.known: dict[bytes, float] = {}
        """Scores of recent texts: one that is word for word the same again is no further sign of a topic."""
        self.since = Reference(())
        """Scores of the texts that came since, but for the latest."""
        self.later = Later(self.since, len(texts))
        self.detector = ShiryaevRoberts(weights=[1 / len(SHARES)] * len(SHARES), arl0=arl0)
        self._rank()

    def update(self, text: str) -> Verdict:
        """Takes the next text."""
        key = hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest()
        terms = set() if key in self.known else terms_of(text)
        score = self.known[key] if key in self.known else self._score(terms)
        upper = self._upper(score)
        self.later.add(score)
        if key not in self.known:
            self._remember(key, score, terms)
        statistic, alarm = self.detector.update([foreign(upper, share, tail) for share, tail in SHARES])
        return Verdict(statistic=statistic, alarm=alarm)

    def _remember(self, key: bytes, score: float, terms: set[str]) -> None:
        self.known[key] = score
        if len(self.known) > RECENT + BLOCK:
            del self.known[next(iter(self.known))]
        if self.recurrence.take(terms):
            self._rank()

    def _score(self, terms: set[str]) -> float:
        measured = self.vocabulary.measure(terms)
        scores = [reference.score(value) for reference, value in zip(self.references, measured, strict=True)]
        scores.append(self.recurring.score(round(self.recurrence.of(terms), DIGITS)))
        return round(sum(weight * score for weight, score in zip(WEIGHTS, scores, strict=True)), DIGITS)

    def _upper(self, score: float) -> float:
        """The share of texts, of the reference and since, with a score as great, ties halved; a standard error more.

        Few texts have great scores, and the doubt about their share would grow with every text that is judged by it.
        """
        greater = ties = 0
        for values in (self.ranked, self.since.values):
            upto = bisect_right(values, score)
            greater += len(values) - upto
            ties += upto - bisect_left(values, score)
        beyond = greater + 0.5 * (ties + 1)
        return min((beyond + math.sqrt(beyond)) / (len(self.ranked) + len(self.since.values) + 1), 1.0)

    def _rank(self) -> None:
        """Ranks the reference anew, by what is recent now."""
        own = np.round(self.recurrence.own, DIGITS)
        self.recurring = Reference(own.tolist())
        self.ranked: list[float] = np.sort(np.round(self.fixed + WEIGHTS[2] * _scores(own), DIGITS)).tolist()


def exceedance(reference: Sequence[str], window: Sequence[str], *, quantile: float = 0.95) -> float:
    """The share of texts farther from their nearest reference text than `quantile` of the reference's own are.

    About 1 - `quantile` without drift. Similarity is the cosine of hashed words weighted by rarity.
    """
    base, weights = _vectors(reference, None)
    own = base @ base.T
    own.setdiag(0.0)
    usual = np.asarray(own.max(axis=1).todense()).ravel()
    other = np.asarray((_vectors(window, weights)[0] @ base.T).max(axis=1).todense()).ravel()
    return float(np.mean(other < np.quantile(usual, 1 - quantile)))


def terms_of(text: str) -> set[str]:
    """The words of a text and the pairs of neighbours, `first second`."""
    found = words(text)
    return {*found, *(f"{first} {second}" for first, second in pairwise(found))}


def _scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normal scores of values among each other."""
    return np.asarray(stats.norm.ppf(stats.rankdata(values) / (values.size + 1)))


def _vectors(texts: Sequence[str], weights: NDArray[np.float64] | None) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    rows, columns = [], []
    for row, text in enumerate(texts):
        hashed = {zlib.crc32(word.encode()) % FEATURES for word in words(text)}
        rows += [row] * len(hashed)
        columns += sorted(hashed)
    matrix = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(texts), FEATURES))
    if weights is None:
        weights = np.log((len(texts) + 1) / (np.asarray(matrix.sum(axis=0)).ravel() + 0.5))
    weighted = sparse.csr_array(matrix.multiply(weights[None, :]))
    norms = np.sqrt(np.asarray(weighted.power(2).sum(axis=1)).ravel())
    return sparse.csr_array(weighted.multiply(1 / np.maximum(norms, 1e-12)[:, None])), weights
