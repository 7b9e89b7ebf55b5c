"""Show me exactly these."""

from __future__ import annotations

from functools import partial

from llmtrace_dashboards.charts import series as charts
from llmtrace_dashboards.panels import narrow, traces
from llmtrace_dashboards.panels.frame import frame
from llmtrace_dashboards.panels.panel import panel


def show() -> None:
    """Draws the page."""
    current = frame("Traces")
    narrow.filter_box(current)
    panel(partial(narrow.strip, current), key="strip", height=charts.STRIP)
    panel(partial(narrow.facets, current), key="facets", height=40)
    panel(partial(traces.listing, current), key="listing", height=600)
