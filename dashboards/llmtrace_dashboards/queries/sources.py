"""Where figures come from: spans, read one by one, or a rollup where they are too many.

Up to a million matching spans are read, whatever the range, and every figure is exact. Beyond that the rollup by hour
answers: whole hours, and percentiles within 4.5 %. Users are not in it; the rollup by minute knows them.
What a view asks by `q` only spans know.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from llmtrace_dashboards.queries.query import Query, bounds, filters
from llmtrace_dashboards.state.ranges import DAY_MS, HOUR_MS, Window
from llmtrace_dashboards.state.view import View


class Source(StrEnum):
    """A table, by how finely it knows time."""

    RAW = "raw"
    MINUTES = "rollup"
    """`spend_1m`: sums by model and user."""
    HOURS = "hours"
    """`span_1h`, `service_1h`: sums and histograms by everything but the user."""


_FILTERS = {
    Source.RAW: ("project", "models", "users", "services", "environments", "statuses", "terms"),
    Source.MINUTES: ("project", "models", "users"),
    Source.HOURS: ("project", "models", "services", "environments", "statuses"),
}

RAW_UP_TO = 1_000_000
"""Spans; about 40 CPU milliseconds for the totals."""

RAW_UP_TO_MS = 2 * DAY_MS
"""Where nobody has counted."""


def size(view: View, window: Window) -> Query:
    """One row: how many spans the filters but the user match in the range and in the one before it."""
    params = bounds(window.outward(HOUR_MS)) | {"start_ms": window.before.start_ms}
    return Query(name="size", params=params | kept(view, Source.HOURS), instead=table(view))


def kept(view: View, found: Source) -> dict[str, Any]:
    """The filters that a source knows."""
    every = filters(view)
    return {name: every[name] for name in _FILTERS[found]}


def table(view: View) -> tuple[tuple[str, str], ...]:
    """Which of the rollups by hour: the one without services and environments is a tenth of the other."""
    return (("_hours", "_services"),) if view.svc or view.env else ()


def source(view: View, window: Window, spans: int | None) -> Source:
    """Where sums of this view come from; `spans` is what `size` answered, None: it was not asked."""
    few = window.length_ms <= RAW_UP_TO_MS if spans is None else spans <= RAW_UP_TO
    if few:
        return Source.RAW
    if spans is not None and not view.user and not view.q:
        return Source.HOURS
    return Source.RAW if view.svc or view.env or view.status or view.q else Source.MINUTES


def percentiles(view: View, window: Window, spans: int | None) -> Source:
    """Where percentiles come from: the rollup by minute has none."""
    found = source(view, window, spans)
    return Source.RAW if found is Source.MINUTES else found
