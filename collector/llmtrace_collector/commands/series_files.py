"""CSV files of values over time, as `llmtrace detect` and `llmtrace forecast` take and write them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from llmtrace_collector.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class SeriesFile:
    """The rows of a CSV with `timestamp` and `value`, in the file's order."""

    header: list[str]
    rows: list[list[str]]
    """As they stand in the file."""
    times_s: list[float]
    """Seconds since 1970."""
    texts: list[str]
    """The values as text."""
    path: Path

    def numbers(self) -> list[float]:
        """The values as numbers.

        Raises:
            ConfigError: one is none, with its line.
        """
        found = []
        for number, text in enumerate(self.texts, 2):
            try:
                value = float(text)
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                raise ConfigError(f'{self.path}: line {number}: "{text}" is no number; correct it or drop the row')
            found.append(value)
        return found


def read(path: Path) -> SeriesFile:
    """Reads a CSV.

    Raises:
        ConfigError: it is not there, lacks a column or rows, or has a timestamp that is none; with the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [row for row in csv.reader(file) if row]
    except OSError as error:
        raise ConfigError(f"{path}: it cannot be read ({error.strerror}); name a CSV file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: this is no CSV in UTF-8 ({error}); give one") from error
    header = [name.strip().lower() for name in lines[0]] if lines else []
    for name in ("timestamp", "value"):
        if name not in header:
            raise ConfigError(f'{path}: line 1: there is no column "{name}"; the first line must be timestamp,value')
    if len(lines) < 2:
        raise ConfigError(f"{path}: there is no row below the first line")
    for number, row in enumerate(lines, 1):
        if len(row) != len(header):
            raise ConfigError(f"{path}: line {number}: {len(row)} fields where the first line has {len(header)}")
    at, of = header.index("timestamp"), header.index("value")
    return SeriesFile(
        header=lines[0],
        rows=lines[1:],
        times_s=[_seconds(row[at], path, number) for number, row in enumerate(lines[1:], 2)],
        texts=[row[of].strip() if header[of] == "value" else row[of] for row in lines[1:]],
        path=path,
    )


def write(path: Path, series: SeriesFile, names: Sequence[str], columns: Iterable[Sequence[str]]) -> None:
    """Writes the rows of a file with columns added, all at once.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*series.header, *names])
            writer.writerows([*row, *added] for row, added in zip(series.rows, columns, strict=True))
    except OSError as error:
        raise ConfigError(f"{path}: it cannot be written ({error.strerror}); choose another --out") from error


def moment(text: str) -> datetime | None:
    """A time: ISO 8601 (UTC without a zone), or seconds since 1970; `None` if the text is none."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def _seconds(text: str, path: Path, number: int) -> float:
    when = moment(text)
    if when is None:
        raise ConfigError(f'{path}: line {number}: "{text}" is no timestamp; write it like 2026-11-24T08:00:00')
    return when.timestamp()
