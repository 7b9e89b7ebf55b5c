"""Where the money goes: by hour, by what it is for, by trace; costs found later are in every sum."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from llmtrace_dashboards.queries.calls import charted
from llmtrace_dashboards.queries.query import Query, bounds, filters
from llmtrace_dashboards.queries.sources import Source, kept, source, table
from llmtrace_dashboards.state.ranges import HOUR_MS, Window
from llmtrace_dashboards.state.view import View

REST = "\N{HORIZONTAL ELLIPSIS} all others"
"""In the place of all values but the dearest."""

HISTORY_DAYS = 120
"""What a forecast learns from."""

LISTED = 50
"""Values of what spend is split by, at most."""

_IN_HOURS = ("model", "provider", "project", "tree")
_IN_SERVICES = ("service", "environment")
_MOST_ROWS = 2_000


def hours(view: View, now_ms: int, zone: tzinfo) -> Query:
    """Dollars by hour since `HISTORY_DAYS` before today, from the rollup, by those filters that it knows."""
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    first = local.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=HISTORY_DAYS)
    window = Window(start_ms=int(first.timestamp() * 1000), end_ms=now_ms // HOUR_MS * HOUR_MS + HOUR_MS)
    return Query(name="spend_hours", params=bounds(window) | kept(view, Source.HOURS), instead=table(view))


def by_group(view: View, window: Window, group: str, spans: int | None = None) -> Query:
    """Dollars, calls and calls without a price by value of `group`, dearest first, all over the range."""
    return _by(view, window, group, spans, {"top": [], "bucket_ms": 2**62, "limit": LISTED})


def of_values(view: View, window: Window, group: str, top: Sequence[str], spans: int | None = None) -> Query:
    """The same of the values in `top`, and `REST`."""
    return _by(view, window, group, spans, {"top": list(top), "bucket_ms": 2**62, "limit": _MOST_ROWS})


def over_time(view: View, window: Window, group: str, top: Sequence[str], spans: int | None = None) -> Query:
    """The same by bucket as `charted` has it, of the values in `top`, and `REST`."""
    found = charted(window, _source(view, window, group, spans))
    more = {"top": list(top), "bucket_ms": found.bucket_ms, "limit": _MOST_ROWS}
    return _by(view, window, group, spans, more)


def charted_window(view: View, window: Window, group: str, spans: int | None) -> Window:
    """The window with buckets as wide as those of `over_time`."""
    return charted(window, _source(view, window, group, spans))


def tree(view: View, window: Window, spans: int | None = None) -> Query:
    """Dollars by project, model and feature, of which `what` has a line each: the dearest."""
    return _by(view, window, "tree", spans, {"top": [], "bucket_ms": 2**62, "limit": 100})


def a_trace(view: View, window: Window) -> Query:
    """One row: how many traces cost something, and the median and 95 % quantile of what one costs."""
    return Query(name="spend_traces", params=bounds(window) | filters(view))


def estimated(view: View, window: Window) -> Query:
    """One row: calls with estimated tokens, and dollars of the estimates (None: without a price)."""
    return Query(name="estimated", params=bounds(window) | filters(view))


def _source(view: View, window: Window, group: str, spans: int | None) -> Source:
    """The rollup by hour where there are many spans and it knows the group; features are none of its."""
    found = source(view, window, spans)
    return found if found is Source.HOURS and group in {*_IN_HOURS, *_IN_SERVICES} else Source.RAW


def _by(view: View, window: Window, group: str, spans: int | None, more: dict[str, object]) -> Query:
    asked = {"group": group, "rest": REST} | more
    if _source(view, window, group, spans) is Source.RAW:
        return Query(name="spend_by", params=bounds(window) | filters(view) | asked)
    params = bounds(window.outward(HOUR_MS)) | kept(view, Source.HOURS) | asked
    services = (("_hours", "_services"), ("_group_hours", "_group_services"))
    by_service = group in _IN_SERVICES or bool(table(view))
    return Query(name="spend_by_hours", params=params, instead=services if by_service else ())
