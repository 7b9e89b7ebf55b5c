"""How good a policy is, on calls it was not fitted to.

- PGR, the performance gap recovered: ``(quality - weak) / (strong - weak)``; APGR, its mean over all shares of calls to
  the strong model; CPT(x), the least share that recovers x: Ong et al., "RouteLLM" (ICLR 2025; arXiv 2406.18665),
  section 3.1. APGR of chance is 0.5.
- Cost at a quality floor: the line is drawn on the other folds, so that what is reported was not looked at. Bounds are
  of the paired bootstrap over requests (Efron, Tibshirani 1993), one-sided 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmtrace.router.features import Counted
from llmtrace.router.learning import Example, fit
from llmtrace.router.predicting import Fitted

Array = NDArray[np.float64]
Score = Callable[[Counted], tuple[float, float]]
"""Gain of the strong model, and that for what it costs."""
Fit = Callable[[Sequence[Example]], Score]

LEAST_CALLS: Final = 20
_RESAMPLES: Final = 1000
_QUALITIES: Final = tuple(round(0.5 + 0.01 * step, 2) for step in range(51))


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Graded calls with a score each, larger: send it to the strong model; by a policy that did not see the call."""

    scores: Array
    worths: Array
    """The same for what it costs: by these the line at a quality is drawn."""
    folds: NDArray[np.int64]
    weak: Array
    strong: Array
    weak_cost: Array
    strong_cost: Array

    @property
    def gap(self) -> float:
        """How much better the strong model is, in all."""
        return float((self.strong - self.weak).sum())


def cross_validated(calls: Sequence[Example], fit_one: Fit, *, folds: int, seed: int) -> Scored:
    """Scores of each call by a policy fitted to the other folds."""
    numbers = np.random.default_rng(seed).permutation(len(calls)) % folds
    scores, worths = np.zeros(len(calls)), np.zeros(len(calls))
    for fold in range(folds):
        score = fit_one([call for call, number in zip(calls, numbers, strict=True) if number != fold])
        for place in np.flatnonzero(numbers == fold).tolist():
            scores[place], worths[place] = score(calls[place].prompt)
    graded = [call.graded for call in calls]
    columns = np.array([(call.weak, call.strong, call.weak_cost, call.strong_cost) for call in graded]).T
    return Scored(
        scores=scores,
        worths=worths,
        folds=numbers,
        weak=columns[0],
        strong=columns[1],
        weak_cost=columns[2],
        strong_cost=columns[3],
    )


def curve(scored: Scored, places: NDArray[np.int64] | None = None) -> Array | None:
    """PGR by the number of calls to the strong model, highest scores first; None where there is no gap to recover."""
    places = np.arange(len(scored.scores)) if places is None else places
    gains = (scored.strong - scored.weak)[places]
    if gains.sum() <= 0:
        return None
    # Calls of equal score have no order: each stands for their mean.
    _, groups, sizes = np.unique(-scored.scores[places], return_inverse=True, return_counts=True)
    means = np.bincount(groups, weights=gains) / sizes
    recovered: Array = np.concatenate([[0.0], np.cumsum(np.repeat(means, sizes))]) / gains.sum()
    return recovered


def apgr(recovered: Array | None) -> float | None:
    """The area below the curve."""
    return None if recovered is None else float(np.trapezoid(recovered) / (len(recovered) - 1))


def cpt(recovered: Array | None, share: float) -> float | None:
    """Least share of calls to the strong model that recovers a share of the gap."""
    if recovered is None:
        return None
    return float(np.argmax(recovered >= share - 1e-12) / (len(recovered) - 1))


def threshold_for(scored: Scored, floor: float, places: NDArray[np.int64]) -> float:
    """The highest line that keeps a share of the strong model's quality among these calls; -inf: none does."""
    order = places[np.argsort(-scored.worths[places], kind="stable")]
    quality = scored.weak[order].sum() + np.concatenate([[0.0], np.cumsum((scored.strong - scored.weak)[order])])
    enough = np.flatnonzero(quality >= floor * scored.strong[order].sum() - 1e-9)
    if not len(enough):
        return -math.inf
    first = int(enough[0])
    return math.inf if first == 0 else float(np.nextafter(scored.worths[order[first - 1]], -math.inf))


def at_floor(scored: Scored, floor: float, seed: int) -> dict[str, Any]:
    """What is saved at a share of the strong model's quality, and what of that quality is kept, with bounds."""
    to_strong = np.zeros(len(scored.scores), dtype=bool)
    for fold in np.unique(scored.folds):
        line = threshold_for(scored, floor, np.flatnonzero(scored.folds != fold))
        own = scored.folds == fold
        to_strong[own] = scored.worths[own] > line
    quality = np.where(to_strong, scored.strong, scored.weak)
    cost = np.where(to_strong, scored.strong_cost, scored.weak_cost)
    cuts, kept = _resampled(cost, scored.strong_cost, quality, scored.strong, seed)
    return {
        "floor": floor,
        "cost_cut": _cut(cost.sum(), scored.strong_cost.sum()),
        "cost_cut_low": _quantile(cuts, 0.05),
        "quality_kept": _ratio(quality.sum(), scored.strong.sum()),
        "quality_kept_low": _quantile(kept, 0.05),
        "strong_share": round(float(to_strong.mean()), 4),
    }


def _resampled(cost: Array, full_cost: Array, quality: Array, full: Array, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    cuts, kept = [], []
    for _ in range(_RESAMPLES):
        drawn = rng.integers(0, len(cost), len(cost))
        cuts.append(_cut(cost[drawn].sum(), full_cost[drawn].sum()))
        kept.append(_ratio(quality[drawn].sum(), full[drawn].sum()))
    return np.array(cuts, dtype=float), np.array(kept, dtype=float)


def summary(scored: Scored, *, seed: int = 0) -> dict[str, Any]:
    """All figures of one policy."""
    recovered = curve(scored)
    return {
        "apgr": _rounded(apgr(recovered)),
        "cpt50": _rounded(cpt(recovered, 0.5)),
        "cpt80": _rounded(cpt(recovered, 0.8)),
        "at_95_percent_quality": at_floor(scored, 0.95, seed),
    }


def learned_scores(calls: Sequence[Example], *, folds: int, seed: int) -> Scored:
    """Scores by a learned policy; what takes the time of all that is here."""
    return cross_validated(calls, _learn(seed), folds=folds, seed=seed)


def measured(calls: Sequence[Example], learned: Scored, *, folds: int, seed: int) -> dict[str, Any]:
    """The whole report: the learned policy, and the trivial ones it must beat."""
    by_length = cross_validated(calls, lambda _: _length, folds=folds, seed=seed)
    report = summary(learned, seed=seed)
    low, high = _apgr_bounds(learned, seed)
    weak, strong = learned.weak, learned.strong
    return {
        "calls": len(calls),
        "folds": folds,
        "seed": seed,
        "weak_quality": _rounded(float(weak.mean())),
        "strong_quality": _rounded(float(strong.mean())),
        "apgr": report["apgr"],
        "apgr_low": low,
        "apgr_high": high,
        "cpt50": report["cpt50"],
        "cpt80": report["cpt80"],
        "at_95_percent_quality": report["at_95_percent_quality"],
        "baselines": {
            "prompt_length": summary(by_length, seed=seed),
            "random": {"apgr": 0.5, "cpt50": 0.5, "cpt80": 0.8, "at_95_percent_quality": _by_chance(learned, 0.95)},
            "always_weak": {
                "apgr": 0.0,
                "cost_cut": _cut(learned.weak_cost.sum(), learned.strong_cost.sum()),
                "quality_kept": _ratio(weak.sum(), strong.sum()),
            },
            "always_strong": {"apgr": 1.0, "cost_cut": 0.0, "quality_kept": 1.0},
        },
    }


def with_thresholds(fitted: Fitted, scored: Scored) -> Fitted:
    """The policy with its lines: each keeps its share of quality at the lower bound, on calls not fitted to."""
    everyone = np.arange(len(scored.scores))
    lines: list[tuple[float, float]] = []
    for quality in _QUALITIES:
        safe = _safe_quality(scored, quality)
        line = threshold_for(scored, safe, everyone) if safe <= 1 else -math.inf
        lines.append((quality, round(float(np.clip(line, -1000, 1000)), 6)))
    return replace(fitted, thresholds=tuple(lines))


def _safe_quality(scored: Scored, quality: float) -> float:
    """The share to aim at, so that the share meant is kept at 95 %: one-sided, by the spread of the paired losses."""
    line = threshold_for(scored, quality, np.arange(len(scored.scores)))
    answered = np.where(scored.worths > line, scored.strong, scored.weak)
    losses = answered - quality * scored.strong
    return quality + 1.645 * float(losses.std()) / math.sqrt(len(losses)) / max(1e-9, float(scored.strong.mean()))


def _learn(seed: int) -> Fit:
    def learned(calls: Sequence[Example]) -> Score:
        fitted = fit(calls, seed=seed)
        return lambda prompt: (fitted.gain(prompt), fitted.worth(prompt))

    return learned


def _length(prompt: Counted) -> tuple[float, float]:
    return float(prompt.characters), float(prompt.characters)


def _by_chance(scored: Scored, floor: float) -> dict[str, Any]:
    """Calls drawn by lot, as many as the floor needs: exact, in expectation."""
    weak, strong = scored.weak.sum(), scored.strong.sum()
    share = 0.0 if strong <= weak else float(np.clip((floor * strong - weak) / (strong - weak), 0, 1))
    cost = share * scored.strong_cost.sum() + (1 - share) * scored.weak_cost.sum()
    return {"floor": floor, "cost_cut": _cut(cost, scored.strong_cost.sum()), "strong_share": round(share, 4)}


def _apgr_bounds(scored: Scored, seed: int) -> tuple[float | None, float | None]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(_RESAMPLES // 4):
        area = apgr(curve(scored, rng.integers(0, len(scored.scores), len(scored.scores))))
        if area is not None:
            found.append(area)
    return _quantile(np.array(found), 0.05), _quantile(np.array(found), 0.95)


def _cut(cost: float, full: float) -> float | None:
    return round(1 - float(cost) / float(full), 4) if full > 0 else None


def _ratio(quality: float, full: float) -> float | None:
    return round(float(quality) / float(full), 4) if full > 0 else None


def _quantile(values: Array, share: float) -> float | None:
    known = values[~np.isnan(values)]
    return round(float(np.quantile(known, share)), 4) if len(known) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
