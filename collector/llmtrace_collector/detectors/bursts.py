"""One user spends many times as much: found within minutes, from a baseline that young users borrow.

Spend in a short step (10 s, say), in units of a typical call's cost, counts like calls: scaled Poisson. A user's mean
a step is the posterior of a gamma prior that the pool of users sets, so that a young user is taken for one of them,
with the doubt that goes with it. The evidence for "`factor` times the mean" is weighed against "up to twice the mean",
which a busy hour may well be, with that doubt integrated out (gamma-Poisson); no single step counts for more than a
few nats, as single calls may be dear. A Shiryaev-Roberts sum turns it into an alarm.
Source: gamma-Poisson predictive, Gelman et al., Bayesian Data Analysis; Shin, Ramdas & Rinaldo (arXiv 2203.03532).
Assumes steps independent given the mean. Units: spend in any one unit, times in steps. Cost: about 3 us a step; state:
a hundred and thirty floats.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmtrace_collector.detectors.sequential import ShiryaevRoberts

FACTORS = (5.0, 10.0)
"""Bets: the spend is so many times the usual."""
TOLERATED = 2.0
"""So many times the usual is nothing to tell of."""
MEMORY = 5_000.0
"""Steps a user's own mean looks back."""
MOST_NATS = 7.0
"""What one step may count at most."""
LAG = 60
"""Steps that pass before one is learnt from, so that a burst does not become the usual before it is told of; half a
user's steps while those are fewer: who has spent much from the first is no burst, and is known soon."""
OWN_AFTER = 30.0
"""Calls after which a user's own size of call counts as much as the pool's."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """What users are like, learnt from many."""

    mean: float
    """Spend a step, mean over users."""
    shape: float
    """Of the gamma law of users' means: 1 / (coefficient of variation)^2; small where users differ much."""
    size: float
    """Variance over mean of a user's steps: what a typical call counts, in the unit of the spend."""


def learn(spend: NDArray[np.float64]) -> Pool:
    """The pool from users' history.

    Args:
        spend: (users, steps), what each spent in each step; at least 2 steps; all zero is a pool of size 1.
    """
    means = spend.mean(axis=1)
    active = means > 0
    if not active.any():
        return Pool(mean=0.0, shape=1.0, size=1.0)
    size = float(np.median(spend[active].var(axis=1, ddof=1) / means[active]))
    mean = float(means[active].mean())
    between = float(means[active].var()) - size * mean / spend.shape[1]
    shape = min(max(mean**2 / between, 0.1), 20.0) if between > 0 else 20.0
    return Pool(mean=mean, shape=shape, size=max(size, 1e-12))


class Burst:
    """Watches one user's spend, step by step."""

    def __init__(self, pool: Pool, *, arl0: float) -> None:
        """Starts from the pool; `arl0` is the mean number of steps to a false alarm."""
        self.pool = pool
        self.calls = pool.shape
        """Spend in units of a call: shape of the posterior; `steps` its rate."""
        self.steps = pool.shape * pool.size / max(pool.mean, 1e-9 * pool.size)
        self.spent = pool.size * OWN_AFTER
        self.squares = pool.size**2 * OWN_AFTER
        self.seen = 0
        """Steps so far."""
        self.waiting: deque[tuple[float, float]] = deque()
        self.detector = ShiryaevRoberts(weights=[1 / len(FACTORS)] * len(FACTORS), arl0=arl0)

    @property
    def expected(self) -> float:
        """Usual spend a step."""
        return self.calls / self.steps * self.size

    @property
    def size(self) -> float:
        """What a typical call of this user counts, in the unit of the spend."""
        return max(self.squares / self.spent, 0.1 * self.pool.size)

    def update(self, spend: float, usual: float = 1.0) -> tuple[float, bool]:
        """Takes one step.

        Args:
            spend: in this step, 0 or more.
            usual: how much busier this time of day is than the mean, 1 for as busy; from the pool.

        Returns:
            Evidence as a share of what an alarm takes, and whether this is one.
        """
        calls = spend / self.size
        statistic, alarm = self.detector.update([self._log_e(calls, usual, factor) for factor in FACTORS])
        self.seen += 1
        self.waiting.append((spend, usual))
        lag = 0 if alarm else min(LAG, self.seen // 2)
        while len(self.waiting) > lag:
            self._learn(*self.waiting.popleft())
        return statistic, alarm

    def _log_e(self, calls: float, usual: float, factor: float) -> float:
        more, tolerated = factor * usual, TOLERATED * usual
        doubt = math.log((self.steps + more) / (self.steps + tolerated))
        return min(MOST_NATS, calls * math.log(more / tolerated) - (self.calls + calls) * doubt)

    def _learn(self, spend: float, usual: float) -> None:
        keep = 1 - 1 / MEMORY if self.steps > MEMORY else 1.0
        self.calls = self.calls * keep + spend / self.size / usual
        self.steps = self.steps * keep + 1.0
        if spend > 0:
            above = max(spend - self.expected * usual, 0.0)
            self.spent += spend
            self.squares += min(above, 20 * self.pool.size) * min(spend, 20 * self.pool.size)
