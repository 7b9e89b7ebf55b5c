"""Groups that a rule has seen: since when, so that new ones are left alone, and until when, so that silence is seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from llmtrace_collector.watch.times import from_ms, to_ms

Known: TypeAlias = Mapping[str, tuple[int, int]]
"""First and last time, milliseconds since 1970, by group key."""

REMEMBERED = timedelta(days=1)
"""After so long without a figure a group is forgotten."""
_OFTEN = timedelta(minutes=1)
"""How exact the last time is kept: a row for each group at every evaluation would be a lot of writing."""


def seen(known: Known, keys: Iterable[str], now: datetime) -> Known:
    """What is known after an evaluation that found figures of `keys`; the same object where nothing has changed."""
    found = dict(known)
    now_ms = to_ms(now)
    for key in keys:
        first, last = found.get(key, (now_ms, 0))
        if now_ms - last >= _OFTEN // timedelta(milliseconds=1):
            found[key] = (first, now_ms)
    for key, (_, last) in list(found.items()):
        if now - from_ms(last) > REMEMBERED:
            del found[key]
    return found if found != known else known


def young(known: Known, now: datetime, delay: timedelta) -> set[str]:
    """Groups that are to be left alone still."""
    return {key for key, (first, _) in known.items() if now - from_ms(first) < delay}
