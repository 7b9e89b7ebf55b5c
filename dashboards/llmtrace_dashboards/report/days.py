"""Which days a report is about, and which it compares them with."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from llmtrace_dashboards.state.ranges import Window

MOST_DAYS = 31
_WEEK = re.compile(r"(\d{4})-?W(\d{2})")
_YEARS = (2020, 2099)


class DaysError(ValueError):
    """What was asked for are no days; the message is a sentence."""


@dataclass(frozen=True, kw_only=True)
class Days:
    """Whole days of a zone, of which the last may not be over."""

    first: date
    after: date
    """The day after the last."""
    zone: tzinfo
    zone_name: str
    until_ms: int | None = None
    """Where the days end earlier: they are not over."""

    @property
    def count(self) -> int:
        """How many there are."""
        return (self.after - self.first).days

    @property
    def window(self) -> Window:
        """From the first midnight on."""
        start_ms, end_ms = self._midnight(self.first), self._midnight(self.after)
        return Window(start_ms=start_ms, end_ms=end_ms if self.until_ms is None else min(self.until_ms, end_ms))

    @property
    def before(self) -> Window:
        """As many days before; of days that are not over, the same part."""
        start_ms = self._midnight(self.first - timedelta(days=self.count))
        if self.until_ms is None:
            return Window(start_ms=start_ms, end_ms=self.window.start_ms)
        return Window(start_ms=start_ms, end_ms=min(start_ms + self.window.length_ms, self.window.start_ms))

    @property
    def each(self) -> list[tuple[date, Window]]:
        """Every day that has begun."""
        days = [replace(self, first=day, after=day + timedelta(days=1)) for day in self._dates()]
        return [(one.first, one.window) for one in days if one._midnight(one.first) < self.window.end_ms]  # noqa: SLF001

    @property
    def told(self) -> str:
        """`16 to 22 November 2026`."""
        last = self.after - timedelta(days=1)
        if last == self.first:
            return f"{last:%-d %B %Y}"
        if last.year != self.first.year:
            return f"{self.first:%-d %B %Y} to {last:%-d %B %Y}"
        return (
            f"{self.first:%-d %B} to {last:%-d %B %Y}"
            if last.month != self.first.month
            else (f"{self.first.day} to {last:%-d %B %Y}")
        )

    @property
    def against(self) -> str:
        """What they are compared with, in words."""
        if self.until_ms is not None:
            return "the same part of the week before" if self.count == 7 else f"the same part of {self._as_many}"
        return "the week before" if self.count == 7 else self._as_many

    @property
    def _as_many(self) -> str:
        return "the day before" if self.count == 1 else f"the {self.count} days before"

    def _dates(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range(self.count)]

    def _midnight(self, day: date) -> int:
        return int(datetime.combine(day, time(), self.zone).timestamp() * 1000)


def last_week(now_ms: int, zone: tzinfo, zone_name: str) -> Days:
    """The last week, Monday to Sunday, that is over."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    return Days(first=monday - timedelta(days=7), after=monday, zone=zone, zone_name=zone_name)


def week(text: str, now_ms: int, zone: tzinfo, zone_name: str) -> Days:
    """The week `text` names: `last`, or as ISO 8601 writes it.

    Raises:
        DaysError: it is none, or has not begun.
    """
    if text == "last":
        return last_week(now_ms, zone, zone_name)
    found = _WEEK.fullmatch(text)
    try:
        year, number = map(int, found.groups() if found else ("0", "0"))
        monday = date.fromisocalendar(year, number, 1)
    except ValueError:
        raise DaysError(f'--week: "{text[:40]}" is not a week; write it like 2026-W48, or last') from None
    after = _possible(monday, "--week") + timedelta(days=7)
    return _begun(Days(first=monday, after=after, zone=zone, zone_name=zone_name), "--week", now_ms)


def between(first: str, last: str, now_ms: int, zone: tzinfo, zone_name: str) -> Days:
    """The days from `first` to `last`, both included.

    Raises:
        DaysError: they are none, too many, or have not begun.
    """
    days = [_day(text, option) for text, option in ((first, "--from"), (last, "--to"))]
    count = (days[1] - days[0]).days + 1
    if not 1 <= count <= MOST_DAYS:
        raise DaysError(f"--to must be the day of --from or a later one, of {MOST_DAYS} days at most in all")
    after = days[1] + timedelta(days=1)
    return _begun(Days(first=days[0], after=after, zone=zone, zone_name=zone_name), "--from", now_ms)


def _day(text: str, option: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise DaysError(f'{option}: "{text[:40]}" is not a day; write it like 2026-11-23') from None
    return _possible(day, option)


def _possible(day: date, option: str) -> date:
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise DaysError(f"{option}: {day} is not between the years {_YEARS[0]} and {_YEARS[1]}")
    return day


def _begun(days: Days, option: str, now_ms: int) -> Days:
    if days.window.start_ms >= now_ms:
        raise DaysError(f"{option}: {days.first} has not begun")
    return days if days.window.end_ms <= now_ms else replace(days, until_ms=now_ms)
