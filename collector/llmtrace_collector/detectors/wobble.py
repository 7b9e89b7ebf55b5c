"""By how much windows differ from each other while nothing has changed: a law over it, not one estimate.

Twenty windows do not tell a wobble of 5 % from none; taken for none, every large window is drift, and taken at its
upper bound, no small one ever is. So the standard deviation between windows, `tau`, keeps a posterior law over a grid,
and a p-value is the mean of those under each tau: a test that is right on average over what tau may be.
Source: random effects with residual likelihood (REML), Patterson & Thompson (1971); half-Cauchy prior of a variance
component, Gelman (2006), with a lump at none; posterior predictive p-values, Rubin (1984).
Assumes windows exchangeable. Units: standard deviations of single values. Cost: 30 us for 20 windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NONE = 0.2
"""Prior probability that windows differ by chance alone."""
USUAL = 0.05
"""Median of the prior of tau where they do not."""
TAUS: Floats = np.concatenate([[0.0], np.geomspace(0.005, 2.0, 40)])
WINDOWS = 20
"""A reference is cut into so many where nobody says what its windows were."""
LEAST = 20
"""Values of such a window."""


@dataclass(frozen=True, kw_only=True)
class Wobble:
    """What the windows of a reference teach of further ones."""

    weights: Floats
    """Posterior probability of each of `TAUS`."""
    own: float
    """The share of tau^2 that is in the mean of the reference itself."""

    def mean(self, p_values: Floats) -> float:
        """The p-value, given those under each of `TAUS`."""
        return float(np.dot(self.weights, p_values))

    @property
    def expected(self) -> float:
        """The posterior mean of tau^2."""
        return float(np.dot(self.weights, TAUS**2))


def learn(scores: Floats, windows: Sequence[int] | None = None) -> Wobble:
    """The wobble of a reference.

    Args:
        scores: (n,), of variance 1, in the order they came.
        windows: how many of them each window has, in order, summing to n; `None`: 20 of even length, as nobody knows.
    """
    sizes = np.asarray(_even(scores.size) if windows is None else [size for size in windows if size > 0])
    if int(sizes.sum()) != scores.size:
        raise ValueError(f"windows of {int(sizes.sum())} values in all, but the reference has {scores.size}")
    means = np.add.reduceat(scores, np.concatenate([[0], np.cumsum(sizes)[:-1]])) / sizes
    variances = TAUS[:, None] ** 2 + 1.0 / sizes
    precisions = 1.0 / variances
    level = (precisions * means).sum(axis=1) / precisions.sum(axis=1)
    misfit = (precisions * (means - level[:, None]) ** 2).sum(axis=1)
    likelihood = -0.5 * (np.log(variances).sum(axis=1) + np.log(precisions.sum(axis=1)) + misfit)
    return Wobble(weights=posterior(likelihood), own=float(np.sum((sizes / scores.size) ** 2)))


def _even(count: int) -> list[int]:
    parts = max(min(count // LEAST, WINDOWS), 1)
    return [count * (part + 1) // parts - count * part // parts for part in range(parts)]


def posterior(log_likelihood: Floats, *, usual: float = USUAL) -> Floats:
    """The law over `TAUS`, given the log likelihood of each and the median of the prior of those above 0."""
    density = TAUS[1:] / (1.0 + (TAUS[1:] / usual) ** 2)
    weights = np.concatenate([[NONE], (1.0 - NONE) * density / density.sum()])
    weights = weights * np.exp(log_likelihood - log_likelihood.max())
    return np.asarray(weights / weights.sum())
