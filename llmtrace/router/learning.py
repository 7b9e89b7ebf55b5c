"""Fits a policy to graded calls: TF-IDF of hashed words and figures of form, a logistic head for each model.

Ridge logistic regression in its dual form, by iteratively reweighted least squares: Hastie, Tibshirani, Friedman, The
Elements of Statistical Learning, sections 4.4 and 18.3.5. A thousand calls take about a second.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmtrace.router.features import Counted, count
from llmtrace.router.predicting import Fitted, Head, Scales

Array = NDArray[np.float64]
Inputs = NDArray[np.float32]
"""A row for each call: half the memory and time, and far more digits than grades have."""

MAX_CALLS: Final = 2000
"""Drawn from more; the time grows with the cube of it."""
_MAX_WORDS: Final = 16_000
_RIDGE: Final = 3.0
_FORM_WEIGHT: Final = 0.15
_ROUNDS: Final = 12
_SETTLED: Final = 1e-3
"""Of the log odds of any call; less changes no choice."""
_DIGITS: Final = 6


@dataclass(frozen=True, kw_only=True)
class Graded:
    """One request answered by both models."""

    prompt: str
    weak: float
    """Grade of the weak model's answer; the larger the better."""
    strong: float
    weak_cost: float
    """US dollars, or any other unit that both are in."""
    strong_cost: float


@dataclass(frozen=True, kw_only=True)
class Example:
    """A graded call whose prompt is counted: once, for every fold it is in."""

    prompt: Counted
    graded: Graded


def counted(calls: Sequence[Graded]) -> list[Example]:
    """All of them, ready to be fitted to."""
    return [Example(prompt=count(call.prompt), graded=call) for call in calls]


def fit(calls: Sequence[Example], *, seed: int = 0) -> Fitted:
    """A policy without thresholds.

    Args:
        calls: At least two; of more than 2,000, so many are drawn.
        seed: Of that drawing.
    """
    if len(calls) > MAX_CALLS:
        drawn = np.random.default_rng(seed).choice(len(calls), MAX_CALLS, replace=False)
        calls = [calls[place] for place in drawn]
    scales = _scales(calls)
    buckets = {bucket: place for place, bucket in enumerate(sorted(scales.rarity))}
    inputs = _inputs(calls, scales, buckets)
    kernel = (inputs @ inputs.T).astype(np.float64)
    weak, strong = (_head(inputs, kernel, grades, buckets) for grades in _unit_grades(calls))
    return Fitted(scales=scales, weak=weak, strong=strong, extra_cost=_extra_cost(calls))


def _extra_cost(calls: Sequence[Example]) -> tuple[float, float]:
    """A line through what the strong model cost more, by the length of the prompt; the mean call costs 1."""
    extra = np.array([call.graded.strong_cost - call.graded.weak_cost for call in calls])
    if extra.mean() <= 0:
        return 1.0, 0.0
    lengths = np.array([float(call.prompt.characters) for call in calls])
    spread = lengths.var()
    by_character = max(0.0, float(np.mean((lengths - lengths.mean()) * extra) / spread)) if spread > 0 else 0.0
    fixed = max(0.0, float(extra.mean()) - by_character * float(lengths.mean()))
    mean = float(extra.mean())
    return float(f"{fixed / mean:.6g}"), float(f"{by_character / mean:.6g}")


def _scales(calls: Sequence[Example]) -> Scales:
    seen: Counter[int] = Counter()
    for call in calls:
        seen.update(call.prompt.words.keys())
    kept = [(bucket, seen_in) for bucket, seen_in in seen.most_common(_MAX_WORDS) if seen_in > 1]
    figures = np.array([call.prompt.form for call in calls])
    return Scales(
        rarity={bucket: _rounded(math.log((1 + len(calls)) / (1 + seen_in)) + 1) for bucket, seen_in in kept},
        means=[_rounded(value) for value in figures.mean(axis=0)],
        spreads=[_rounded(value) or 1.0 for value in figures.std(axis=0)],
        form_weight=_FORM_WEIGHT,
    )


def _inputs(calls: Sequence[Example], scales: Scales, buckets: dict[int, int]) -> Inputs:
    inputs = np.zeros((len(calls), len(buckets) + len(scales.means)), dtype=np.float32)
    for row, call in enumerate(calls):
        words, figures = scales.numbers(call.prompt)
        for bucket, value in words.items():
            inputs[row, buckets[bucket]] = value
        inputs[row, len(buckets) :] = figures
    return inputs


def _unit_grades(calls: Sequence[Example]) -> tuple[Array, Array]:
    """Grades from 0 to 1, whatever their scale."""
    grades = np.array([(call.graded.weak, call.graded.strong) for call in calls])
    low, high = min(0.0, grades.min()), max(1.0, grades.max())
    unit = (grades - low) / (high - low)
    return unit[:, 0], unit[:, 1]


def _head(inputs: Inputs, kernel: Array, grades: Array, buckets: dict[int, int]) -> Head:
    coefficients, intercept = _logistic(kernel, grades)
    weights = inputs.T @ coefficients.astype(np.float32)
    return Head(
        intercept=_rounded(intercept),
        words={bucket: _rounded(weights[place]) for bucket, place in buckets.items()},
        form=[_rounded(value) for value in weights[len(buckets) :]],
    )


def _logistic(kernel: Array, grades: Array) -> tuple[Array, float]:
    """Coefficients of the calls, and the intercept, which is not held back."""
    mean = float(np.clip(grades.mean(), 1e-3, 1 - 1e-3))
    coefficients, intercept = np.zeros(len(grades)), math.log(mean / (1 - mean))
    ones = np.ones(len(grades))
    odds = np.full(len(grades), intercept)
    for _ in range(_ROUNDS):
        chances = 1 / (1 + np.exp(-odds))
        weights = np.maximum(chances * (1 - chances), 1e-4)
        target = odds + (grades - chances) / weights
        solved = np.linalg.solve(kernel + np.diag(_RIDGE / weights), np.stack([target, ones], axis=1))
        intercept = float(solved[:, 0].sum() / solved[:, 1].sum())
        coefficients = solved[:, 0] - intercept * solved[:, 1]
        before, odds = odds, np.clip(kernel @ coefficients + intercept, -30, 30)
        if float(np.abs(odds - before).max()) < _SETTLED:
            break
    return coefficients, intercept


def _rounded(value: Any) -> float:
    return round(float(value), _DIGITS)
