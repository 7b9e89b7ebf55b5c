"""A range and what it is compared with, asked together: figures by bucket and as a whole.

Rows have `period` (`now`, `before`) and `bucket_ms`; of 0: the whole period. The period before touches the range, so
one query answers for both; the same time last week does not, and gets a query of its own.
"""

from __future__ import annotations

from typing import Any

from llmtrace_dashboards.queries.calls import STEP_MS, charted
from llmtrace_dashboards.queries.query import Query, bounds
from llmtrace_dashboards.queries.sources import Source, kept, percentiles, source, table
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View


def figures(view: View, window: Window, spans: int | None = None) -> tuple[Query, ...]:
    """Calls, errors, spend, and answers with a known fault of all answers whose faults are told."""
    found = source(view, window, spans)
    return _both(f"figures_{found}", found, view, window)


def latencies(view: View, window: Window, spans: int | None = None) -> tuple[Query, ...]:
    """Percentiles of latency and of the time to the first token."""
    found = percentiles(view, window, spans)
    return _both("latencies" if found is Source.RAW else f"latencies_{found}", found, view, window)


def moved_ms(view: View, window: Window, found: Source) -> int:
    """By how much later the range is than what it is compared with."""
    whole = window.outward(STEP_MS[found])
    against = view.compared(whole)
    return whole.start_ms - against.start_ms if against else 0


def _both(name: str, found: Source, view: View, window: Window) -> tuple[Query, ...]:
    whole = window.outward(STEP_MS[found])
    against = view.compared(whole)
    shared: dict[str, Any] = kept(view, found) | {"bucket_ms": charted(window, found).bucket_ms}

    def asked(start_ms: int, split_ms: int, end_ms: int) -> Query:
        ends = bounds(Window(start_ms=start_ms, end_ms=end_ms)) | {"split_ms": split_ms}
        return Query(name=name, params=ends | shared, instead=table(view) if found is Source.HOURS else ())

    if against is None:
        return (asked(whole.start_ms, whole.start_ms, whole.end_ms),)
    if against.end_ms == whole.start_ms:
        return (asked(against.start_ms, whole.start_ms, whole.end_ms),)
    now = asked(whole.start_ms, whole.start_ms, whole.end_ms)
    return (now, asked(against.start_ms, against.end_ms, against.end_ms))
