"""How likely the answer to one question is wrong for another: trees fitted on labelled pairs of questions.

The files beside this one are made by `benchmarks/cache/fit_curves.py` from pairs of questions that people have labelled
as duplicates or not (Quora question pairs): a few hundred small trees over `features.NAMES`, and no text.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from math import exp
from typing import Any, Final, Protocol

from llmtrace.cache.features import features
from llmtrace.cache.guards import conflict
from llmtrace.embedding.embedder import Embedder

_LEAST: Final = 1e-4

Tree = list[tuple[int, float, int, int, float]]
"""Nodes: feature (-1 for a leaf), threshold, the node for values up to it, the node for others, value."""


class Curve(Protocol):
    """Tells how alike two questions are in what they ask."""

    def wrong(self, one: str, other: str, cosine: float) -> tuple[float, str]:
        """The probability that one answer does not serve both, and the guard that holds them apart, or ''."""


class Trees:
    """A curve as a sum of trees."""

    def __init__(self, begin: float, trees: list[Tree], own_cosine: Embedder | None = None) -> None:
        """`own_cosine`: what the curve was fitted with, where the caller's cosine is another's."""
        self._begin = begin
        self._trees = trees
        self._own_cosine = own_cosine

    def wrong(self, one: str, other: str, cosine: float) -> tuple[float, str]:
        """By the guards, then by the trees."""
        if guard := conflict(one, other):
            return 1.0, guard
        if self._own_cosine is not None:
            a, b = self._own_cosine.embed([one, other])
            cosine = float(a @ b)
        values = features(one, other, cosine)
        score = self._begin + sum(_value(tree, values) for tree in self._trees)
        return max(_LEAST, 1 / (1 + exp(min(50.0, score)))), ""


def curve_for(embedder: Embedder) -> Curve:
    """The curve fitted for this embedder; for others the one that goes by spelling."""
    from llmtrace.embedding import LexicalEmbedder

    lexical = LexicalEmbedder()
    if embedder.name in ("all-MiniLM-L6-v2", lexical.name):
        return _read(embedder.name)
    fitted = _read(lexical.name)
    return Trees(fitted._begin, fitted._trees, lexical)  # noqa: SLF001 - the same class


@cache
def _read(name: str) -> Trees:
    data: dict[str, Any] = json.loads((files("llmtrace.cache") / "curves" / f"{name}.json").read_text("utf-8"))
    return Trees(data["begin"], [[tuple(node) for node in tree] for tree in data["trees"]])


def _value(tree: Tree, values: list[float]) -> float:
    feature, threshold, low, high, value = tree[0]
    while feature >= 0:
        feature, threshold, low, high, value = tree[low if values[feature] <= threshold else high]
    return value
