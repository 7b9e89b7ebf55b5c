"""How much of the figure on the public benchmark hangs on the choice of members, which was made on its labels.

    python -m benchmarks.detectors.members CHECKOUT_OF_NAB

Each member's surprises are taken once; then the score is made anew without one member after another, and from ten
other members that were put down once, by no label: three EWMA distances and seven novelties over other bins and lags.
Best threshold, and the threshold from one half of the files with the score of the other (10 halvings).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.detectors import nab
from benchmarks.detectors.anomaly import held_out
from benchmarks.detectors.nab import Floats, Series
from benchmarks.detectors.reporting import line
from llmtrace_collector.detectors.anomaly import DIGITS, WARM_UP, AnomalyDetector, score_of
from llmtrace_collector.detectors.ensemble import joint
from llmtrace_collector.detectors.episodes import Episodes
from llmtrace_collector.detectors.ewma import Ewma
from llmtrace_collector.detectors.novelty import Novelty
from llmtrace_collector.detectors.tails import Tail
from llmtrace_collector.detectors.views import MEAN, VALUE, Views

DAY_S = 86400.0
NAMES = ("EWMA 20", "EWMA 2", "range", "hours", "novelty of means", "novelty of values", "novelty by the hour")


def main(words: list[str]) -> None:
    files = nab.load(Path(words[0]))
    shipped, other = [_shipped(one) for one in files], [_other(one) for one in files]
    told("as shipped", files, shipped)
    for left_out, name in enumerate(NAMES):
        told(f"without {name}", files, [np.delete(one, left_out, axis=1) for one in shipped])
    told("ten other members", files, other)
    told("all seventeen", files, [np.hstack(pair) for pair in zip(shipped, other, strict=True)])


def told(name: str, files: list[Series], surprises: Sequence[Floats]) -> None:
    scores = [_scores(one, series.values) for one, series in zip(surprises, files, strict=True)]
    best = nab.normalised(files, scores, nab.best_threshold(files, scores))
    line(f"{name}: best threshold / held out", f"{best:.1f} / {held_out(files, scores):.1f}")


def _shipped(series: Series) -> Floats:
    detector, origin = AnomalyDetector(), series.times[0]
    rows = []
    for at, value in zip(series.times, series.values.tolist(), strict=True):
        detector.views.update(value)
        rows.append(detector.surprises(value, (at - origin) % DAY_S / DAY_S))
    return np.array(rows)


def _other(series: Series) -> Floats:
    views, origin = Views(), series.times[0]
    distances = (Ewma(5), Ewma(100), Ewma(400, 3000))
    novelties = (
        Novelty(MEAN, 5, (1, 2)),
        Novelty(VALUE, 3, (1, 2, 3)),
        Novelty(MEAN, 9, (1,)),
        Novelty(VALUE, 9, (1,)),
        Novelty(VALUE, 9, phases=24),
        Novelty(MEAN, 5, (1, 5)),
        Novelty(MEAN, 5, (1, 10)),
    )
    tails = [Tail() for _ in (*distances, *novelties)]
    rows = []
    for at, value in zip(series.times, series.values.tolist(), strict=True):
        views.update(value)
        share = (at - origin) % DAY_S / DAY_S
        raw = [*(one.update(value) for one in distances), *(one.update(views.places, share) for one in novelties)]
        rows.append([tail.surprise(score) for tail, score in zip(tails, raw, strict=True)])
    return np.array(rows)


def _scores(surprises: Floats, values: Floats) -> Floats:
    """The score of each point from what the members say of it, as `AnomalyDetector` makes it."""
    episodes, scores = Episodes(), np.zeros(values.size)
    varied = np.flatnonzero(values != values[0])
    for point in range(int(varied[0]) if varied.size else values.size, values.size):
        surprise = round(joint(surprises[point].tolist(), surprises.shape[1]), DIGITS)
        greater = episodes.update(surprise)
        if greater is not None and point + 1 > WARM_UP:
            scores[point] = score_of(surprise, greater, point + 1)
    return scores


if __name__ == "__main__":
    main(sys.argv[1:])
