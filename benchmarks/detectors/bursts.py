"""One user's spend x10: how soon it is found, and false alarms.

    python -m benchmarks.detectors.bursts [DAYS [SEED]]

200 users, calls as a Poisson process with a rate of their own (log-normal over users, 6 a minute in the median), a
cost a call that is log-normal (sigma 1), +-50 % over the day that nobody tells the detector of. Steps of 10 s, ten
minutes of own history for a young user, half a day for the pool of 50 others. False alarms: a day each of users who are
new, the first minutes with none but the pool's history included.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from benchmarks.detectors.reporting import line, median, rate
from llmtrace_collector.detectors.bursts import Burst, Pool, learn

Floats = NDArray[np.float64]
STEPS_A_MINUTE = 6
DAY = 1440 * STEPS_A_MINUTE
ARL0 = 3_000_000.0
"""Steps; about 1 false alarm in 11 group-months."""


def main(words: list[str]) -> None:
    rng = np.random.default_rng(int(words[1]) if len(words) > 1 else 1)
    days, alarms, found = int(words[0]) if words else 900, 0, 0
    for day in range(days):
        if day % 50 == 0:
            pool = _pool(rng)
        told = _day(rng, pool)
        alarms += len(told)
        found += sum(step < 10 * STEPS_A_MINUTE for step in told)
    line("false alarms a group-month, each day another user", rate(alarms, days / 30), "-", "0.1")
    line("  of them in a user's first ten minutes", str(found))
    for history in (10 * STEPS_A_MINUTE, 6 * 60 * STEPS_A_MINUTE):
        for way in ("calls", "cost of a call"):
            minutes = [_found(rng, pool, history, way) for _ in range(300)]
            name = f"x10 by {way}, after {history // STEPS_A_MINUTE} min of history: s until found"
            line(name, median([60 * m for m in minutes]), "a day at clouds", "60")
            line("  90 % are found within s", f"{60 * np.quantile(minutes, 0.9):.0f}", "", "300")


def _pool(rng: np.random.Generator) -> Pool:
    return learn(np.stack([_spend(rng, _rate(rng), DAY // 2, 0) for _ in range(50)]))


def _day(rng: np.random.Generator, pool: Pool) -> list[int]:
    """The steps at which a usual day of a new user is an alarm."""
    burst, calls, start = Burst(pool, arl0=ARL0), _rate(rng), int(rng.integers(DAY))
    spent = _spend(rng, calls, DAY, start).tolist()
    return [step for step, spend in enumerate(spent) if burst.update(spend)[1]]


def _rate(rng: np.random.Generator) -> float:
    return float(6 * rng.lognormal(0, 0.8) / STEPS_A_MINUTE)


def _spend(
    rng: np.random.Generator, calls: float, steps: int, start: int, *, factor: float = 1.0, price: float = 1.0
) -> Floats:
    usual = 1 + 0.5 * np.sin(2 * np.pi * (start + np.arange(steps)) / DAY)
    counts = rng.poisson(calls * usual * factor)
    costs = rng.lognormal(-5, 1.0, int(counts.sum())) * price
    return np.bincount(np.repeat(np.arange(steps), counts), weights=costs, minlength=steps).astype(np.float64)


def _found(rng: np.random.Generator, pool: Pool, history: int, way: str) -> float:
    calls, start = _rate(rng), int(rng.integers(DAY))
    burst = Burst(pool, arl0=ARL0)
    for spend in _spend(rng, calls, history, start).tolist():
        burst.update(spend)
    factor, price = (10.0, 1.0) if way == "calls" else (1.0, 10.0)
    later = _spend(rng, calls, DAY // 12, start + history, factor=factor, price=price)
    for count, spend in enumerate(later.tolist(), 1):
        if burst.update(spend)[1]:
            return count / STEPS_A_MINUTE
    return later.size / STEPS_A_MINUTE


if __name__ == "__main__":
    main(sys.argv[1:])
