"""Calendar periods in a zone: the day, week or month that an instant lies in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Length(StrEnum):
    """How long a budget is for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, kw_only=True)
class Period:
    """From one local midnight to another; an hour longer or shorter where the clocks are changed."""

    start: datetime
    """Aware, UTC."""
    end: datetime
    """The first instant that is not in it."""

    @property
    def length(self) -> timedelta:
        """By the clock that never jumps."""
        return self.end - self.start


def period_of(now: datetime, length: Length, zone: ZoneInfo) -> Period:
    """The period that `now` lies in.

    A midnight that the zone skips is the first instant after it; one that it has twice is the first of them.
    """
    today = now.astimezone(zone).date()
    if length is Length.DAY:
        first, last = today, today + timedelta(days=1)
    elif length is Length.WEEK:
        first = today - timedelta(days=today.weekday())
        last = first + timedelta(days=7)
    else:
        first = today.replace(day=1)
        last = (first + timedelta(days=32)).replace(day=1)
    return Period(start=_midnight(first, zone), end=_midnight(last, zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
