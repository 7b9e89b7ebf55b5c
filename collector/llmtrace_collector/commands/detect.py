"""`llmtrace detect`: the detectors of the watch, tried on files of one's own."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from llmtrace_collector.commands import series_files
from llmtrace_collector.commands.series_files import SeriesFile
from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.detectors.anomaly import AnomalyDetector
from llmtrace_collector.detectors.categories import CategoricalDrift
from llmtrace_collector.detectors.drift import NumericDrift, Verdict
from llmtrace_collector.detectors.texts import TextDrift
from llmtrace_collector.errors import ConfigError

LEAST = 20
"""Rows that a reference needs."""


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace detect ...`; 0 whether or not anything was found, 2 a file or option is wrong."""
    parser = argparse.ArgumentParser(
        prog="llmtrace detect", description="Try the detectors of the watch on CSV files with columns timestamp,value."
    )
    actions = parser.add_subparsers(dest="action", required=True)
    anomaly = actions.add_parser("anomaly", help="score each value by how improbable it is after those before it")
    anomaly.add_argument("file", metavar="IN.csv", type=Path, help="the series, in its order")
    anomaly.add_argument("--out", required=True, type=Path, help="IN.csv with score (0 to 1) and alert (0 or 1) added")
    drift = actions.add_parser("drift", help="watch values one by one for a change against a reference")
    drift.add_argument("reference", metavar="REF.csv", type=Path, help="values without drift")
    drift.add_argument("file", metavar="IN.csv", type=Path, help="the values to watch, in their order")
    drift.add_argument("--kind", choices=("numeric", "categorical", "text"), default="numeric", help="of the values")
    drift.add_argument(
        "--arl0", type=float, default=10_000.0, metavar="N", help="mean number of values to a false alarm (%(default)g)"
    )
    drift.add_argument("--out", required=True, type=Path, help="IN.csv with statistic and alarm (0 or 1) added")
    given = parser.parse_args(argv)
    return guarded("detect", lambda: _anomaly(given) if given.action == "anomaly" else _drift(given))


def _anomaly(given: argparse.Namespace) -> int:
    series = series_files.read(given.file)
    detector = AnomalyDetector()
    verdicts = [detector.update(at, value) for at, value in zip(series.times_s, series.numbers(), strict=True)]
    series_files.write(given.out, series, ("score", "alert"), ((f"{v.score:.9f}", str(int(v.alert))) for v in verdicts))
    say(f"{len(verdicts)} rows, {sum(verdict.alert for verdict in verdicts)} alerts; written to {given.out}")
    return 0


def _drift(given: argparse.Namespace) -> int:
    if not 1 < given.arl0 < 1e15:
        raise ConfigError(f"--arl0 {given.arl0:g} is no number of values; give one above 1, such as 10000")
    reference, series = series_files.read(given.reference), series_files.read(given.file)
    if len(reference.rows) < LEAST:
        raise ConfigError(
            f"{given.reference}: {len(reference.rows)} rows are too few for a reference; give {LEAST} or more"
        )
    verdicts = list(_WATCHES[given.kind](reference, series, given.arl0))
    columns = ((f"{verdict.statistic:.6g}", str(int(verdict.alarm))) for verdict in verdicts)
    series_files.write(given.out, series, ("statistic", "alarm"), columns)
    say(f"{len(verdicts)} rows, {sum(verdict.alarm for verdict in verdicts)} alarms; written to {given.out}")
    return 0


def _numeric(reference: SeriesFile, series: SeriesFile, arl0: float) -> Iterable[Verdict]:
    detector = NumericDrift(np.array(reference.times_s), np.array(reference.numbers()), arl0=arl0)
    return [detector.update(at, value) for at, value in zip(series.times_s, series.numbers(), strict=True)]


def _categorical(reference: SeriesFile, series: SeriesFile, arl0: float) -> Iterable[Verdict]:
    detector = CategoricalDrift(reference.texts, arl0=arl0)
    return [detector.update(label) for label in series.texts]


def _text(reference: SeriesFile, series: SeriesFile, arl0: float) -> Iterable[Verdict]:
    detector = TextDrift(reference.texts, arl0=arl0)
    return [detector.update(text) for text in series.texts]


_WATCHES: dict[str, Callable[[SeriesFile, SeriesFile, float], Iterable[Verdict]]] = {
    "numeric": _numeric,
    "categorical": _categorical,
    "text": _text,
}
