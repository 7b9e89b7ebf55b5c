"""Month-end forecast at day 7: error and coverage, on simulated spend and, with a path, on a public series.

    python -m benchmarks.detectors.forecasts [FILE.csv]

Simulated: weekdays (weekends at 0.3 to 0.9), a random walk of the level, 8 % noise a day with correlation 0.3.
"""

from __future__ import annotations

import csv
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.detectors.reporting import line, share
from llmtrace.forecasts import ahead

Floats = NDArray[np.float64]


def main(words: list[str]) -> None:
    for history in (0, 30, 90):
        results = [_simulated(seed, history) for seed in range(300)]
        _tell(f"simulated, {history} days before the month", results)
    for path in words:
        days, amounts = _read(Path(path))
        _tell(f"{Path(path).name}, month by month", _months(days, amounts))


def _tell(name: str, results: list[tuple[float, bool]]) -> None:
    if not results:
        return
    errors = np.array([error for error, _ in results])
    line(f"{name}: MAPE of the month", f"{errors.mean():.1%} (n = {errors.size})", "4.1 %", "3 %")
    line("  80 % interval covers", share(sum(inside for _, inside in results), len(results)), "-", "0.75-0.85")


def _simulated(seed: int, history: int) -> tuple[float, bool]:
    rng = np.random.default_rng(seed)
    size = history + 30
    weekend = rng.uniform(0.3, 0.9)
    week = np.where((np.arange(size) + seed) % 7 >= 5, weekend, 1.0)
    noise = np.zeros(size)
    for day in range(1, size):
        noise[day] = 0.3 * noise[day - 1] + 0.08 * rng.standard_normal()
    level = np.exp(np.cumsum(0.01 * rng.standard_normal(size)) + 0.002 * rng.standard_normal() * np.arange(size))
    amounts = 100 * week * level * np.exp(noise)
    return _judge(
        amounts[: history + 7], float(amounts[history : history + 7].sum()), float(amounts[history + 7 :].sum()), 23
    )


def _judge(known: Floats, spent: float, rest: float, horizon: int) -> tuple[float, bool]:
    told = ahead(known, horizon)
    return abs(told.expected - rest) / (spent + rest), told.low <= rest <= told.high


def _months(days: list[date], amounts: Floats) -> list[tuple[float, bool]]:
    results = []
    for index, day in enumerate(days):
        if day.day != 7 or index < 20:
            continue
        after = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        last = index + (after - day).days
        if last > len(days):
            continue
        spent = float(amounts[index - 6 : index + 1].sum())
        results.append(_judge(amounts[: index + 1], spent, float(amounts[index + 1 : last].sum()), last - index - 1))
    return results


def _read(path: Path) -> tuple[list[date], Floats]:
    totals: dict[date, float] = {}
    with path.open() as file:
        for row in list(csv.reader(file))[1:]:
            day = date.fromisoformat(row[0][:10])
            totals[day] = totals.get(day, 0.0) + float(row[1])
    return list(totals), np.array(list(totals.values()))


if __name__ == "__main__":
    main(sys.argv[1:])
