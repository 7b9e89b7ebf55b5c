"""`llmtrace forecast`: what a month will cost, from a file of daily or hourly amounts."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llmtrace import forecasts
from llmtrace_collector.commands import series_files
from llmtrace_collector.commands.series_files import SeriesFile
from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.errors import ConfigError

HOUR_S, DAY_S = 3600.0, 86400.0
LONGEST = 4000
"""Amounts ahead that are forecast at most."""


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace forecast ...`; 0 done, 2 a file or option is wrong."""
    parser = argparse.ArgumentParser(
        prog="llmtrace forecast",
        description="What a period will cost in all: the amounts it has so far and those to come, as one JSON object.",
    )
    parser.add_argument("file", metavar="IN.csv", type=Path, help="daily or hourly amounts: columns timestamp,value")
    parser.add_argument(
        "--until",
        required=True,
        metavar="TIMESTAMP",
        help="the end of the period; a day or hour that begins here counts too, unless a month begins with it",
    )
    parser.add_argument("--from", dest="start", metavar="TIMESTAMP", help="its beginning (default: of its month)")
    given = parser.parse_args(argv)
    return guarded("forecast", lambda: _run(given))


def _run(given: argparse.Namespace) -> int:
    until = _time(given.until, "--until")
    start = _time(given.start, "--from") if given.start else _month_of(until)
    series = series_files.read(given.file)
    step_s, first_s, amounts = _regular(series)
    end_s = _end(until, step_s, first_s)
    if end_s <= start.timestamp():
        raise ConfigError(f"--until {given.until} is not after --from {given.start}")
    last_s = first_s + amounts.size * step_s
    begin = max(0, math.ceil((start.timestamp() - first_s) / step_s))
    stop = max(begin, math.ceil((end_s - first_s) / step_s))
    spent = float(amounts[begin:stop].sum())
    skipped = max(0.0, start.timestamp() - last_s) / step_s
    horizon = max(0.0, (end_s - last_s) / step_s)
    if horizon > LONGEST:
        raise ConfigError(
            f"--until {given.until} is {horizon:.0f} rows after the last of {given.file}; the most is {LONGEST}"
        )
    ahead = forecasts.ahead(amounts, horizon, period=7 if step_s == DAY_S else 168, skip=skipped)
    found = {"expected": spent + ahead.expected, "low": spent + ahead.low, "high": spent + ahead.high}
    told = {name: round(value, 9) for name, value in found.items()}
    say(json.dumps({**told, "spent": round(spent, 9), "from": _text(start.timestamp()), "until": _text(end_s)}))
    return 0


def _time(text: str, option: str) -> datetime:
    when = series_files.moment(text)
    if when is None:
        raise ConfigError(f'{option}: "{text}" is no timestamp; write it like 2026-12-01T00:00:00')
    return when


def _month_of(until: datetime) -> datetime:
    """The first instant of the month that ends with, or holds, `until`."""
    inside = until - timedelta(microseconds=1)
    return inside.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _end(until: datetime, step_s: float, first_s: float) -> float:
    """The end of the last day or hour that counts."""
    steps = (until.timestamp() - first_s) / step_s
    begins_month = until.day == 1 and until.hour == until.minute == until.second == until.microsecond == 0
    if begins_month:
        return until.timestamp()
    return first_s + (math.floor(steps + 1e-9) + 1) * step_s


def _regular(series: SeriesFile) -> tuple[float, float, NDArray[np.float64]]:
    """Step, first time and the amounts without gaps (what is missing is 0, rows of one day or hour add up)."""
    times, values = np.array(series.times_s), np.array(series.numbers())
    if times.size < 2:
        raise ConfigError(f"{series.path}: one row is too few for a forecast; give two days or more")
    gaps = np.diff(np.unique(times))
    step_s = HOUR_S if gaps.size and float(np.median(gaps)) < 0.75 * DAY_S else DAY_S
    first_s = float(times.min()) // step_s * step_s if step_s == HOUR_S else float(times.min())
    places = np.floor((times - first_s) / step_s + 1e-9).astype(np.int64)
    if int(places.max()) > 200_000:
        raise ConfigError(
            f"{series.path}: the rows span {int(places.max())} steps; give daily or hourly amounts of some years"
        )
    amounts = np.bincount(places, weights=values).astype(np.float64)
    if amounts.size < 2:
        raise ConfigError(
            f"{series.path}: all rows are of one {'day' if step_s == DAY_S else 'hour'}; give two or more"
        )
    return step_s, first_s, amounts


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
