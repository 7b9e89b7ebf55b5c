"""Figures over calls: totals, series, models.

Short windows and filters the rollup does not know are answered from `spans`, exactly; longer ones from `spend_1m`,
whole minutes. Percentiles always come from `spans`.
"""

from __future__ import annotations

from llmtrace_dashboards.queries.query import Query, bounds, filters
from llmtrace_dashboards.state.ranges import DAY_MS, MINUTE_MS, Window
from llmtrace_dashboards.state.view import View

RAW_UP_TO_MS = 2 * DAY_MS
_ROLLUP_FILTERS = ("project", "models", "users")


def is_rolled_up(view: View, window: Window) -> bool:
    """Whether totals and series of this view come from the rollup: then they count whole minutes."""
    return window.length_ms > RAW_UP_TO_MS and not (view.svc or view.env or view.status)


def totals(view: View, window: Window) -> Query:
    """Calls, errors, spend, tokens: rows `now` and `before`."""
    return _spend("totals", view, window, both=True)


def series(view: View, window: Window) -> Query:
    """Calls, errors and spend per bucket."""
    return _spend("series", view, window, both=False)


def latency_totals(view: View, window: Window) -> Query:
    """p95 of latency and of time to first token: rows `now` and `before`."""
    params = bounds(window) | {"start_ms": window.before.start_ms, "split_ms": window.start_ms}
    return Query(name="latency_totals", params=params | filters(view))


def latency_series(view: View, window: Window) -> Query:
    """p50, p95 and p99 of latency per bucket."""
    return Query(name="latency_series", params=bounds(window) | {"bucket_ms": window.bucket_ms} | filters(view))


def by_model(view: View, window: Window) -> Query:
    """One row per model."""
    return Query(name="by_model", params=bounds(window) | filters(view))


def _spend(name: str, view: View, window: Window, *, both: bool) -> Query:
    rolled = is_rolled_up(view, window)
    kept = filters(view)
    bucket_ms = window.bucket_ms  # of the window that was asked for: the chart draws bars of this width
    if rolled:
        window = window.outward(MINUTE_MS)
        kept = {key: kept[key] for key in _ROLLUP_FILTERS}
    params = bounds(window)
    params |= {"start_ms": window.before.start_ms, "split_ms": window.start_ms} if both else {"bucket_ms": bucket_ms}
    return Query(name=f"{name}_{'rollup' if rolled else 'raw'}", params=params | kept)
