"""A month of spend by the days of a zone: what it has cost, and what it is expected to."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import numpy as np

from llmtrace import forecasts

LEAST_DAYS = 7
"""Of history, for a forecast."""


@dataclass(frozen=True, kw_only=True)
class Month:
    """A month so far, by the days of a zone."""

    days: tuple[date, ...]
    """All of it."""
    today: int
    """Its place among them."""
    spent: tuple[float, ...]
    """Dollars of the days that are over, and of today so far."""
    ahead: tuple[tuple[float, float, float], ...]
    """Expected, low and high in all by the end of today and of each day after it; none: history is too short."""


def month_of(rows: Sequence[Mapping[str, Any]], now_ms: int, zone: tzinfo) -> Month:
    """From dollars by hour: what this month's days cost, and what the rest is expected to.

    Rows have hour_s and cost_usd. A day is one of `zone`, over changes of daylight-saving time.
    """
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    by_day: dict[date, float] = {}
    for row in rows:
        day = datetime.fromtimestamp(int(row["hour_s"]), UTC).astimezone(zone).date()
        by_day[day] = by_day.get(day, 0.0) + float(row["cost_usd"] or 0)
    first = now.date().replace(day=1)
    length = calendar.monthrange(first.year, first.month)[1]
    days = tuple(first + timedelta(days=n) for n in range(length))
    spent = tuple(by_day.get(day, 0.0) for day in days[: now.day])
    begins = min((day for day, usd in by_day.items() if usd > 0), default=now.date())
    past = [by_day.get(begins + timedelta(days=n), 0.0) for n in range((now.date() - begins).days)]
    ahead = _ahead(past, spent, length - now.day, _gone(now))
    return Month(days=days, today=now.day - 1, spent=spent, ahead=ahead)


def _gone(now: datetime) -> float:
    """The share of today that is over, by the wall clock."""
    return (now.hour * 60 + now.minute) / 1440


def _ahead(
    past: Sequence[float], spent: Sequence[float], days_left: int, gone: float
) -> tuple[tuple[float, float, float], ...]:
    if len(past) < LEAST_DAYS:
        return ()
    so_far, amounts = sum(spent), np.array(past)
    found = []
    for day in range(days_left + 1):
        told = forecasts.ahead(amounts, day + 1, skip=gone)
        found.append((so_far + told.expected, so_far + told.low, so_far + told.high))
    return tuple(found)
