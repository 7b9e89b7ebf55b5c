"""Numeric drift: false alarms and delays, plain and under a daily cycle with noise from day to day.

    python -m benchmarks.detectors.drift [plain] [season]

Log-normal counts of tokens, a reference of 5,000; sigma 0.6 to 0.8. Season: a reference of 14 days, 288 values a day, a
cycle of +-30 % over the day, levels that differ from day to day by a log-normal factor.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.detectors.reporting import line, median, rate
from llmtrace_collector.detectors.drift import NumericDrift

Floats = NDArray[np.float64]
ARL0 = 10_000.0
DAY = 86400


def main(words: list[str]) -> None:
    if not words or "plain" in words:
        plain()
    if not words or "season" in words:
        season()


def plain() -> None:
    for sigma, runs in ((0.8, 400), (0.6, 400)):
        alarms = values = 0
        began = time.process_time()
        for seed in range(runs // 4):
            rng = np.random.default_rng(seed)
            detector = _detector(rng.lognormal(6, sigma, 5000))
            alarms += sum(detector.update(0.0, value).alarm for value in rng.lognormal(6, sigma, 15000).tolist())
            values += 15000
        cost = (time.process_time() - began) / values * 1e6
        line(f"sigma {sigma}: false alarms in 10,000, ARL0 1e4", rate(alarms, values / 1e4), "1.03", "1")
        for factor, known, goal in ((1.1, "538", "450"), (1.25, "134", "110"), (1.5, "52", "45")):
            delays = [_delay(seed, sigma, factor) for seed in range(100, 100 + runs)]
            line(f"sigma {sigma}: delay at x{factor}", median(delays), known, goal)
        line(f"sigma {sigma}: us a value", f"{cost:.1f}")


def _detector(values: Floats) -> NumericDrift:
    return NumericDrift(np.zeros(values.size), values, arl0=ARL0)


def _delay(seed: int, sigma: float, factor: float) -> float:
    rng = np.random.default_rng(seed)
    while True:
        detector = _detector(rng.lognormal(6, sigma, 5000))
        if any(detector.update(0.0, value).alarm for value in rng.lognormal(6, sigma, 500).tolist()):
            continue
        for count in range(1, 20_000):
            if detector.update(0.0, float(rng.lognormal(6, sigma)) * factor).alarm:
                return count


def season() -> None:
    for noise, known, goal in ((0.0, "0.70", "0.3"), (0.03, "3.8", "0.3"), (0.1, "49 (hourly 16)", "0.3")):
        months = 20
        alarms, first = 0, []
        for seed in range(months):
            rng = np.random.default_rng(seed)
            times, values = _days(rng, 14, 0, noise)
            detector = NumericDrift(times, values, arl0=ARL0)
            quiet = _days(rng, 30, 14, noise)
            alarms += sum(
                detector.update(at, value).alarm for at, value in zip(*map(Floats.tolist, quiet), strict=True)
            )
            fresh = NumericDrift(times, values, arl0=ARL0)
            first.append(_first(fresh, *_days(rng, 5, 14, noise, 1.5)))
        line(f"cycle 30 %, day noise {noise:.0%}: false alarms a metric-month", rate(alarms, months), known, goal)
        line("  values until +50 % is found, 288 a day", median(first), "74 at 0 %", "288")
        line("  found within a day", f"{np.mean(np.array(first) <= 288):.2f}")


def _days(rng: np.random.Generator, days: int, after: int, noise: float, factor: float = 1.0) -> tuple[Floats, Floats]:
    times = after * DAY + np.arange(days * 288) * 300.0
    level = np.exp(noise * rng.standard_normal(days)).repeat(288)
    values = rng.lognormal(6, 0.6, times.size) * (1 + 0.3 * np.sin(2 * np.pi * times / DAY)) * level * factor
    return times, values


def _first(detector: NumericDrift, times: Floats, values: Floats) -> float:
    for count, (at, value) in enumerate(zip(times.tolist(), values.tolist(), strict=True), 1):
        if detector.update(at, value).alarm:
            return count
    return float(times.size)


if __name__ == "__main__":
    main(sys.argv[1:])
