"""Anomalies of series: a public benchmark with labels, cost and state, and simulated series of an LLM app.

    python -m benchmarks.detectors.anomaly [CHECKOUT OF NAB]

The detector was put together on these labels among others: figures "in sample" flatter it. "Held out" takes the
threshold from one half of the files and scores the other, over 10 random halvings.
"""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.detectors import nab
from benchmarks.detectors.nab import Floats, Series
from benchmarks.detectors.reporting import line, rate, share
from llmtrace_collector.detectors.anomaly import ALERT_SCORE, AnomalyDetector

DAY = 288


def main(words: list[str]) -> None:
    cost()
    simulated()
    if words:
        public(nab.load(Path(words[0])))


def scores_of(times: list[float], values: Floats) -> Floats:
    detector = AnomalyDetector()
    return np.array([detector.update(at, value).score for at, value in zip(times, values.tolist(), strict=True)])


def cost() -> None:
    rng = np.random.default_rng(1)
    values = rng.poisson(100, 100_000).astype(float).tolist()
    detector = AnomalyDetector()
    began = time.process_time()
    for index, value in enumerate(values):
        detector.update(index * 300.0, value)
    spent = (time.process_time() - began) / len(values) * 1e6
    began = time.process_time()
    total = 0
    for index in range(1_000_000):
        total += index % 7
    loop = time.process_time() - began
    line("CPU a point", f"{spent:.1f} us", "1.3-5 us", "20 us")
    line("  the same machine adds a million numbers in", f"{loop:.2f} s")
    line("state of a series, pickled", f"{len(pickle.dumps(detector)):,} bytes", "-", "8,000")


def simulated() -> None:
    """Calls every five minutes over 21 days with weekends; on the last day an hour at three times as many."""
    alerts = found = 0
    runs = 60
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        points = np.arange(21 * DAY)
        usual = 60 * (1 + 0.5 * np.sin(2 * np.pi * points / DAY)) * np.where(points // DAY % 7 >= 5, 0.5, 1.0)
        values = rng.poisson(usual).astype(float)
        begin = 20 * DAY + int(rng.integers(DAY - 12))
        values[begin : begin + 12] = rng.poisson(3 * usual[begin : begin + 12])
        fired = np.flatnonzero(scores_of((points * 300.0).tolist(), values) >= ALERT_SCORE)
        alerts += int(np.sum((fired >= 7 * DAY) & (fired < begin)))
        found += bool(np.any((fired >= begin) & (fired < begin + 12)))
    line("simulated: alerts a series-week without a cause", rate(alerts, runs * 13 / 7))
    line("  an hour at three times the calls is found", share(found, runs))


def public(files: list[Series]) -> None:
    scores = [scores_of(series.times, series.values) for series in files]
    best = nab.best_threshold(files, scores)
    line("in sample, best threshold", f"{nab.normalised(files, scores, best):.1f}", "68.5", "65")
    line("in sample, our own alerts", f"{nab.normalised(files, scores, ALERT_SCORE):.1f}", "-", "60")
    line("threshold held out", f"{held_out(files, scores):.1f}", "59-67", "-")
    for name, change in (
        ("x 1000 + 7", (1000.0, 7.0, 0.0)),
        ("x -1", (-1.0, 0.0, 0.0)),
        ("17 h later", (1.0, 0.0, 61200.0)),
    ):
        factor, offset, later = change
        moved = [scores_of([at + later for at in one.times], one.values * factor + offset) for one in files]
        line(
            f"  values {name}, best threshold of the above",
            f"{nab.normalised(files, moved, best):.1f}",
            "-",
            "identical",
        )
    cut = [scores_of(one.times[: len(one.times) // 2], one.values[: len(one.times) // 2]) for one in files]
    same = all(np.array_equal(part, whole[: part.size]) for part, whole in zip(cut, scores, strict=True))
    line("  the first half alone scores as in the whole", str(same), "-", "identical")


def held_out(files: list[Series], scores: list[Floats], halvings: int = 10) -> float:
    """The score with the threshold from one half of the files, of the other half."""
    points = windows = 0.0
    for seed in range(halvings):
        order = np.random.default_rng(seed).permutation(len(files)).tolist()
        half = len(order) // 2
        for chosen, judged in ((order[:half], order[half:]), (order[half:], order[:half])):
            threshold = nab.best_threshold([files[i] for i in chosen], [scores[i] for i in chosen])
            points += sum(nab.total(files[i], scores[i], threshold) for i in judged)
            windows += sum(files[i].windows for i in judged)
    return 100 * (points + windows) / (2 * windows)


if __name__ == "__main__":
    main(sys.argv[1:])
