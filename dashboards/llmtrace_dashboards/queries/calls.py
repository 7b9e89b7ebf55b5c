"""Figures over calls: totals, series, models; from where `sources` says.

`spans` is how many the view matches, as `sources.size` answers; None: not asked, then the length of the window decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmtrace_dashboards.queries.query import Query, bounds
from llmtrace_dashboards.queries.sources import Source, kept, percentiles, source, table
from llmtrace_dashboards.state.ranges import HOUR_MS, MINUTE_MS, Window
from llmtrace_dashboards.state.view import View

STEP_MS = {Source.RAW: 1, Source.MINUTES: MINUTE_MS, Source.HOURS: HOUR_MS}
"""A window is widened to multiples of it."""


def totals(view: View, window: Window, spans: int | None = None) -> Query:
    """Calls, errors, spend, tokens: rows `now` and `before`."""
    return _query("totals", source(view, window, spans), view, window, both=True)


def series(view: View, window: Window, spans: int | None = None) -> Query:
    """Calls, errors and spend per bucket of `bucket_ms`."""
    return _query("series", source(view, window, spans), view, window, buckets=True)


def latency_totals(view: View, window: Window, spans: int | None = None) -> Query:
    """p95 of latency and of time to first token: rows `now` and `before`."""
    return _query("latency_totals", percentiles(view, window, spans), view, window, both=True)


def latency_series(view: View, window: Window, spans: int | None = None) -> Query:
    """p50, p95 and p99 of latency per bucket of `bucket_ms`."""
    return _query("latency_series", percentiles(view, window, spans), view, window, buckets=True)


def by_model(view: View, window: Window, spans: int | None = None) -> Query:
    """One row per model."""
    return _query("by_model", percentiles(view, window, spans), view, window)


def charted(window: Window, found: Source) -> Window:
    """The window with buckets as wide as the answer's: a rollup by hour has none narrower than that."""
    return replace(window, least_bucket_ms=STEP_MS[found]) if found is Source.HOURS else window


def _query(name: str, found: Source, view: View, window: Window, *, both: bool = False, buckets: bool = False) -> Query:
    width = charted(window, found).bucket_ms  # of the window that was asked for: the chart draws bars of this width
    whole = window.outward(STEP_MS[found])
    params: dict[str, Any] = bounds(whole)
    if both:
        params |= {"start_ms": whole.before.start_ms, "split_ms": whole.start_ms}
    if buckets:
        params |= {"bucket_ms": width}
    instead = table(view) if found is Source.HOURS else ()
    return Query(name=_file(name, found), params=params | kept(view, found), instead=instead)


def _file(name: str, found: Source) -> str:
    """`totals_raw`, `totals_rollup`, `totals_hours`; what only spans and hours know has no suffix for spans."""
    plain = found is Source.RAW and name in {"latency_totals", "latency_series", "by_model"}
    return name if plain else f"{name}_{found}"
