"""Lists of traces and single traces."""

from __future__ import annotations

from llmtrace_dashboards.queries.query import Query, bounds, filters
from llmtrace_dashboards.state.ranges import DAY_MS, LONGEST_MS, Window
from llmtrace_dashboards.state.view import View

PAGE = 50
"""Traces on a page."""


def matching(view: View, window: Window) -> Query:
    """One row: how many traces, calls and dollars the filters match."""
    return Query(name="matching", params=bounds(window) | filters(view))


def page(view: View, window: Window) -> Query:
    """A page of traces and one more, by which the caller knows that there is a next page."""
    ns, _, trace_id = view.before.partition("-") if view.sort == "newest" else ("", "", "")
    # The cursor is 19 digits at most; an instant beyond Int64 would be refused by the store.
    cursor = {"before_ns": min(int(ns or 0), 2**63 - 1), "before_id": trace_id}
    return Query(name="traces", params=bounds(window) | filters(view) | cursor | {"sort": view.sort, "limit": PAGE + 1})


def when(trace_id: str, now_ms: int) -> Query:
    """When a trace was, looking over all the time spans are kept."""
    window = Window(start_ms=now_ms - LONGEST_MS, end_ms=now_ms + DAY_MS)
    return Query(name="trace_when", params=bounds(window) | {"trace_id": trace_id})


def spans(trace_id: str, window: Window) -> Query:
    """All spans of a trace that lies in `window`."""
    return Query(name="trace", params=bounds(window) | {"trace_id": trace_id})


def content(trace_id: str, span_id: str, start_ns: int) -> Query:
    """The captured messages of one span, if any."""
    start_ms = start_ns // 1_000_000
    window = Window(start_ms=start_ms - 1, end_ms=start_ms + 2)
    return Query(name="content", params=bounds(window) | {"trace_id": trace_id, "span_id": span_id})
