"""What changed, and what failed last."""

from __future__ import annotations

from collections.abc import Iterator

from llmtrace_dashboards.queries.calls import STEP_MS
from llmtrace_dashboards.queries.query import Query, bounds, either, filters
from llmtrace_dashboards.queries.sources import Source, kept, percentiles, table
from llmtrace_dashboards.queries.traces import lately
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View

MOVERS = 8
FAILED = 5


def movers(view: View, window: Window, spans: int | None = None) -> Query | None:
    """Model, feature and prompt version by their part in what changed; by model alone where a rollup answers.

    None: the view compares with nothing.
    """
    found = percentiles(view, window, spans)
    whole = window.outward(STEP_MS[found])
    before = view.compared(whole)
    if before is None:
        return None
    params = either(whole, before) | kept(view, found) | {"limit": MOVERS}
    if found is Source.HOURS:
        return Query(name="movers_hours", params=params, instead=table(view))
    return Query(name="movers", params=params, instead=(("_in_range", "_in_either"),))


def failing(view: View, window: Window, spans: int | None = None) -> Iterator[Query]:
    """The newest failed span of each of the last `FAILED` traces, over more and more of the range."""
    for part in lately(window, window.end_ms, spans):
        yield Query(name="failing", params=bounds(part) | filters(view) | {"limit": FAILED})
