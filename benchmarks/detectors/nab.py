"""The Numenta Anomaly Benchmark's standard profile, scored as its documentation says.

Source: Lavin & Ahmad (2015), Evaluating real-time anomaly detection algorithms, arXiv 1510.03336; the data are not
ours and stay outside: github.com/numenta/NAB, MIT.
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FALSE_ALARM = 0.11


@dataclass(frozen=True)
class Series:
    """One file: its points and what each is worth when it is called anomalous."""

    name: str
    times: list[float]
    values: Floats
    windows: int
    worth: Floats
    """(n,): in a window up to 1 (early is better), outside down to -0.11."""
    window: NDArray[np.int64]
    """(n,): index of the window, -1 outside, -2 in the probationary beginning that does not count."""


def load(root: Path) -> list[Series]:
    """Every labelled series under a checkout."""
    labels = json.loads((root / "labels" / "combined_windows.json").read_text())
    return [_series(root, name, windows) for name, windows in sorted(labels.items())]


def _series(root: Path, name: str, windows: list[list[str]]) -> Series:
    with (root / "data" / name).open() as file:
        rows = list(csv.reader(file))[1:]
    times = [_seconds(row[0]) for row in rows]
    spans = [(times.index(_seconds(first)), times.index(_seconds(last))) for first, last in windows]
    window, worth = np.full(len(rows), -1), np.empty(len(rows))
    for index, (first, last) in enumerate(spans):
        window[first : last + 1] = index
    for point in range(len(rows)):
        worth[point] = _worth(point, spans)
    window[: math.ceil(min(math.floor(0.15 * len(rows)), 0.15 * 5000))] = -2
    return Series(name, times, np.array([float(row[1]) for row in rows]), len(spans), worth, window)


def _worth(point: int, spans: list[tuple[int, int]]) -> float:
    before: tuple[int, int] | None = None
    for first, last in spans:
        if first <= point <= last:
            return _sigmoid(-(last - point + 1) / (last - first + 1)) / _sigmoid(-1.0)
        if last < point:
            before = (first, last)
    if before is None:
        return -FALSE_ALARM
    return FALSE_ALARM * _sigmoid((point - before[1]) / (before[1] - before[0]))


def _sigmoid(place: float) -> float:
    return -1.0 if place > 3 else 2 / (1 + math.exp(5 * place)) - 1


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.split(".", maxsplit=1)[0]).replace(tzinfo=UTC).timestamp()


def total(series: Series, scores: Floats, threshold: float) -> float:
    """Points of one series at a threshold; -1 for each window missed."""
    fired = (scores >= threshold) & (series.window > -2)
    found = float(series.worth[fired & (series.window == -1)].sum())
    for index in range(series.windows):
        inside = series.worth[fired & (series.window == index)]
        found += max(float(inside.max()), -1.0) if inside.size else -1.0
    return found


def normalised(all_series: list[Series], all_scores: list[Floats], threshold: float) -> float:
    """0 for a detector that says nothing, 100 for a perfect one."""
    found = sum(total(series, scores, threshold) for series, scores in zip(all_series, all_scores, strict=True))
    windows = sum(series.windows for series in all_series)
    return 100 * (found + windows) / (2 * windows)


def best_threshold(all_series: list[Series], all_scores: list[Floats]) -> float:
    """The threshold that would have scored most."""
    positive = np.concatenate([scores[scores > 0] for scores in all_scores])
    candidates = np.unique(np.quantile(positive, np.linspace(0.5, 1.0, 400)))
    return float(max(candidates, key=lambda threshold: normalised(all_series, all_scores, float(threshold))))
