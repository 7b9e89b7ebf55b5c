"""One line a measure: what was found, with its interval, beside what is known and what is aimed at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats


def line(name: str, found: str, known: str = "-", goal: str = "-") -> None:
    print(f"{name:<58} {found:<34} known {known:<16} goal {goal}", flush=True)


def median(values: Sequence[float], seed: int = 1) -> str:
    """The median with a 95 % bootstrap interval."""
    array = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    again = np.median(rng.choice(array, (2000, array.size)), axis=1)
    low, high = np.quantile(again, (0.025, 0.975))
    return f"{np.median(array):.0f} [{low:.0f}, {high:.0f}]"


def rate(events: int, exposure: float, digits: int = 2) -> str:
    """Events per unit of exposure with a 95 % Poisson interval."""
    low = stats.chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    high = stats.chi2.ppf(0.975, 2 * (events + 1)) / 2
    return f"{events / exposure:.{digits}f} [{low / exposure:.{digits}f}, {high / exposure:.{digits}f}]"


def share(hits: int, of: int) -> str:
    """A share with its 95 % Clopper-Pearson interval."""
    low = stats.beta.ppf(0.025, hits, of - hits + 1) if hits else 0.0
    high = stats.beta.ppf(0.975, hits + 1, of - hits) if hits < of else 1.0
    return f"{hits / of:.4f} [{low:.4f}, {high:.4f}]"
