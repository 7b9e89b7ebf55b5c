"""Since when: the moment at which a rate rose, from a timeline of counts. A pure function.

The split with the largest likelihood ratio between one Poisson rate and two, the later the higher; of an amount rather
than a count, its unit is taken as the mean by stretch, so that it behaves like one. It locates a rise that a test has
found already; it is no test.
Source: Hinkley, Biometrika 1970. Cost: microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEAST_RISE = 1.5
"""The later rate over the earlier: below it, the rise has no moment."""

LEAST_GAIN = 8.0
"""Of two rates over one, in nats: a timeline of one rate gains as much by chance once in a hundred."""


def onset(amounts: Sequence[float], exposures: Sequence[float]) -> int | None:
    """The index of the first stretch of the higher rate; None: no moment stands out, or it rose before all of this.

    Args:
        amounts: What is counted, by stretch.
        exposures: Out of how many calls, by stretch; all 1.0 for a rate by time.
    """
    counted, exposed = np.asarray(amounts, dtype=np.float64), np.asarray(exposures, dtype=np.float64)
    if counted.size < 2 or counted.sum() <= 0:
        return None
    low, low_of = np.cumsum(counted)[:-1], np.cumsum(exposed)[:-1]
    high, high_of = counted.sum() - low, exposed.sum() - low_of
    possible = (low_of > 0) & (high_of > 0) & (high > 0) & (exposed[1:] > 0)
    early, late = low / np.maximum(low_of, 1e-300), high / np.maximum(high_of, 1e-300)
    possible &= late >= LEAST_RISE * early
    if not possible.any():
        return None
    gain = np.where(possible, _log_likelihood(low, early) + _log_likelihood(high, late), -np.inf)
    one_rate = _log_likelihood(counted.sum(keepdims=True), counted.sum(keepdims=True) / exposed.sum())[0]
    best = int(np.argmax(gain))
    return best + 1 if gain[best] - one_rate >= LEAST_GAIN else None


def _log_likelihood(amounts: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Of a Poisson rate at its maximum, but for what all splits share."""
    logs: np.ndarray = amounts * np.log(np.where(amounts > 0, rates, 1.0))
    return logs
