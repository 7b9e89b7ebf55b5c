"""Times as explanations need them: milliseconds for queries, words for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(when: datetime) -> int:
    """Milliseconds since 1970."""
    return (when - _EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The aware time of so many milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=ms)


def iso(when: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and a `Z`."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def told(when: datetime, now: datetime) -> str:
    """`10:41 UTC`; with the day, where that was not the day of `now`."""
    when, now = when.astimezone(UTC), now.astimezone(UTC)
    return f"{when:%H:%M} UTC" if when.date() == now.date() else f"{when:%Y-%m-%d %H:%M} UTC"
