"""Instants as the watch keeps them: aware UTC, cut to the millisecond, so that what is stored is what was decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Answers with the aware time now; injected, so that tests own the time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def system_clock() -> datetime:
    """The aware UTC time of this machine."""
    return datetime.now(tz=UTC)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970, rounded down; by integers, never through a float."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC time of `to_ms`."""
    return _EPOCH + milliseconds * _MILLISECOND


def whole_ms(moment: datetime) -> datetime:
    """`moment` in UTC, cut to the millisecond."""
    return from_ms(to_ms(moment))


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and a `Z`: `2026-11-01T09:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole_steps(moment: datetime, step_s: int) -> datetime:
    """The end of the last whole step of so many seconds since 1970."""
    return _EPOCH + timedelta(seconds=int(moment.timestamp()) // step_s * step_s)
