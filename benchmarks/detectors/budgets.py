"""A hundred metrics, evaluated 288 times a day over 30 days without drift: false alerts in all.

    python -m benchmarks.detectors.budgets

Each evaluation gives a normal score (that of one value, or of a window's mean). Per metric the bets and the
Shiryaev-Roberts sum of `drift`, for all metrics at once, at the ARL0 that `budgets` asks for; then the delay this
costs at a shift in half a standard deviation. Also thresholds a round: p < 0.05, and Benjamini-Hochberg.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.detectors.reporting import line
from llmtrace_collector.detectors.bets import SHIFT_WEIGHTS, SHIFTS
from llmtrace_collector.detectors.budgets import arl0
from llmtrace_collector.detectors.sequential import OVERSHOOT

METRICS, A_DAY, DAYS, MONTHS = 100, 288, 30, 10
Floats = NDArray[np.float64]


def main() -> None:
    rng = np.random.default_rng(1)
    tests = naive = corrected = 0
    for _ in range(A_DAY):
        p_values = 2 * stats.norm.sf(np.abs(rng.standard_normal(METRICS)))
        tests += METRICS
        naive += int(np.sum(p_values < 0.05))
        corrected += int(np.sum(stats.false_discovery_control(p_values) < 0.05))
    line("p < 0.05 each round: false tests in 30 days", f"{naive * DAYS:,}", "43,200", "-")
    line("Benjamini-Hochberg each round", f"{corrected * DAYS:,}")
    for allowed, goal in ((4.0, "4"), (1.0, "1")):
        asked = arl0(detectors=METRICS, evaluations_a_day=A_DAY, days=DAYS, false_alerts=allowed)
        alerts = _alerts(rng, asked, MONTHS)
        line(
            f"budget of {allowed:g}: false alerts a month ({MONTHS} months)",
            f"{alerts / MONTHS:.2f}",
            "-",
            goal,
        )
        line("  evaluations until a shift of 0.5 is found, median", f"{np.median(delays(rng, asked, 0.5)):.0f}")


def _alerts(rng: np.random.Generator, asked: float, months: int) -> int:
    sums, alerts = _start(METRICS), 0
    for _ in range(months * DAYS * A_DAY):
        sums, fired = _step(sums, rng.standard_normal(METRICS), asked)
        alerts += int(fired.sum())
    return alerts


def delays(
    rng: np.random.Generator, asked: float, shift: float, *, streams: int = METRICS, steps: int = 2000
) -> Floats:
    """Values until each of many streams is found to have shifted after 500; `steps` where it is not."""
    sums, found = _start(streams), np.full(streams, np.nan)
    for step in range(500 + steps):
        sums, fired = _step(sums, rng.standard_normal(streams) + (shift if step >= 500 else 0.0), asked)
        if step >= 500:
            found[fired & np.isnan(found)] = step - 499
    return np.where(np.isnan(found), float(steps), found)


def _start(streams: int) -> Floats:
    return np.zeros((2 * len(SHIFTS), streams))


def _step(sums: Floats, scores: Floats, asked: float) -> tuple[Floats, NDArray[np.bool_]]:
    shifts = np.array([*SHIFTS, *(-shift for shift in SHIFTS)])[:, None]
    weights = np.array([*SHIFT_WEIGHTS, *SHIFT_WEIGHTS])[:, None] / 2
    sums = (1 + sums) * np.exp(shifts * scores - shifts**2 / 2)
    fired = (weights * sums).sum(axis=0) >= OVERSHOOT * asked
    sums[:, fired] = 0.0
    return sums, fired


if __name__ == "__main__":
    main()
