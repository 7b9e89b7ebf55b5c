"""Buckets of groups against their hour of the week: false alarms, what is found, cost and state.

    python -m benchmarks.detectors.baselines [young]

Calls every five minutes, +-50 % over the day, half at weekends, Poisson (or Poisson with a log-normal level for each
day), 28 days. On the 29th an hour of so many times the calls. Limits: score 0.9999, and beside it the same with a
least effect of 50 %. Mean latencies: of log-normal durations (sigma 0.8) of a Poisson number of calls, its volume
told. Young: 20 groups teach a pool for 28 days; then groups of other levels begin at a random hour, with and without
that pool.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from benchmarks.detectors.reporting import line, rate, share
from llmtrace_collector.detectors.baselines import Baseline, Limits, Pool

Floats = NDArray[np.float64]
STEP_S, DAY, RUNS = 300.0, 288, 40
WEEK = 7 * DAY
PLAIN, WIDE = Limits(score=0.9999), Limits(score=0.9999, least_effect=0.5)
BEGIN_S = 4 * 86400.0
"""A Monday."""


def main(words: list[str]) -> None:
    if "young" in words:
        young()
        return
    for level, noise in ((0.3, 0.0), (3.0, 0.0), (60.0, 0.0), (1000.0, 0.0), (60.0, 0.1), (1000.0, 0.1)):
        calls(level, noise)
    latencies()
    young()
    cost()


def usual(points: NDArray[np.int64], level: float) -> Floats:
    weekend = np.where(points // DAY % 7 >= 5, 0.5, 1.0)
    return np.asarray(level * (1 + 0.5 * np.sin(2 * np.pi * points / DAY)) * weekend)


def calls(level: float, noise: float) -> None:
    alerts, wide = np.zeros(4, dtype=int), 0
    found = dict.fromkeys((0.0, 0.5, 1.5, 2.0, 3.0), 0)
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        points = np.arange(29 * DAY)
        means = usual(points, level) * np.exp(noise * rng.standard_normal(29)).repeat(DAY)
        values = rng.poisson(means).astype(float).tolist()
        baseline = Baseline(step_s=STEP_S)
        for point in range(4 * WEEK):
            told = baseline.update(BEGIN_S + STEP_S * point, values[point], PLAIN)
            alerts[point // WEEK] += told.unusual
            wide += point >= WEEK and told.unusual and abs(values[point] - told.expected) >= 0.5 * told.expected
        begin = 4 * WEEK + int(rng.integers(DAY - 12))
        for factor in found:
            changed = rng.poisson(means[begin : begin + 12] * factor).tolist()
            found[factor] += _is_found(copy.deepcopy(baseline), values[4 * WEEK : begin], changed, begin)
    name = f"{level:g} calls a bucket, day noise {noise:.0%}"
    line(f"{name}: unusual buckets a group-week, week 1", rate(int(alerts[0]), RUNS))
    line("  weeks 2 to 4", rate(int(alerts[1:].sum()), 3 * RUNS))
    line("  the same with a least effect of 50 %", rate(wide, 3 * RUNS))
    for factor, hits in found.items():
        line(f"  an hour at x{factor:g} is found", share(hits, RUNS))


def _is_found(baseline: Baseline, before: Sequence[float], changed: Sequence[float], begin: int) -> bool:
    for point, value in enumerate(before, begin - len(before)):
        baseline.update(BEGIN_S + STEP_S * point, value, PLAIN)
    told = [
        baseline.update(BEGIN_S + STEP_S * point, float(value), PLAIN).unusual
        for point, value in enumerate(changed, begin)
    ]
    return any(told)


def latencies() -> None:
    alerts = found = 0
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        points = np.arange(4 * WEEK + 12)
        counts = np.maximum(rng.poisson(usual(points, 20.0)), 1)
        means = [float(rng.lognormal(0, 0.8, count).mean()) for count in counts.tolist()]
        baseline = Baseline(step_s=STEP_S)
        for point in points.tolist():
            late = point >= 4 * WEEK
            value = means[point] * (2.0 if late else 1.0)
            told = baseline.update(BEGIN_S + STEP_S * point, value, PLAIN, volume=float(counts[point]))
            alerts += told.unusual and WEEK <= point < 4 * WEEK
            if late and told.unusual:
                found += 1
                break
    line("mean latency of about 20 calls: unusual buckets a group-week, weeks 2 to 4", rate(alerts, 3 * RUNS))
    line("  an hour at x2 is found", share(found, RUNS))


def young() -> None:
    rng = np.random.default_rng(1)
    levels = (30 * rng.lognormal(0, 1, 20)).tolist()
    pool, groups = Pool(), [Baseline(step_s=STEP_S) for _ in levels]
    values = [rng.poisson(usual(np.arange(4 * WEEK), level)).astype(float).tolist() for level in levels]
    alerts = 0
    for point in range(4 * WEEK):
        for group, series in zip(groups, values, strict=True):
            told = group.update(BEGIN_S + STEP_S * point, series[point], PLAIN, pool=pool)
            alerts += point >= WEEK and told.unusual
    line("groups that teach a pool: unusual buckets a group-week, weeks 2 to 4", rate(alerts, 3 * len(levels)))
    for name, given in (("with the pool", pool), ("without", None)):
        alerts = found = 0
        for seed in range(2 * RUNS):
            rng = np.random.default_rng(seed)
            first, level = int(rng.integers(WEEK)), float(30 * rng.lognormal(0, 1))
            points = first + np.arange(DAY)
            series = rng.poisson(usual(points, level)).astype(float)
            group, shared = Baseline(step_s=STEP_S), copy.deepcopy(given)
            begin = 24 + int(rng.integers(DAY - 36))
            for index in range(begin):
                at = BEGIN_S + STEP_S * float(points[index])
                alerts += group.update(at, float(series[index]), PLAIN, pool=shared).unusual
            changed = rng.poisson(3 * usual(points[begin : begin + 12], level)).tolist()
            found += any(
                group.update(BEGIN_S + STEP_S * float(at), float(value), PLAIN, pool=shared).unusual
                for at, value in zip(points[begin : begin + 12].tolist(), changed, strict=True)
            )
        line(f"first day of a group, {name}: unusual buckets a group", rate(alerts, 2 * RUNS))
        line("  an hour at x3, two hours old at least, is found", share(found, 2 * RUNS))


def cost() -> None:
    rng = np.random.default_rng(1)
    values = rng.poisson(100, 50_000).astype(float).tolist()
    baseline, pool = Baseline(step_s=STEP_S), Pool()
    began = time.process_time()
    for index, value in enumerate(values):
        baseline.update(index * STEP_S, value, PLAIN, pool=pool)
    spent = (time.process_time() - began) / len(values) * 1e6
    line("CPU a bucket, with a pool to teach", f"{spent:.1f} us", "-", "20 us")
    line("state of a group, as JSON", f"{len(json.dumps(asdict(baseline))):,} bytes", "-", "8,000")


if __name__ == "__main__":
    main(sys.argv[1:])
