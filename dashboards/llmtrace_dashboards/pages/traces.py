"""Show me exactly these."""

from __future__ import annotations

from functools import partial

from llmtrace_dashboards.panels import traces
from llmtrace_dashboards.panels.frame import frame
from llmtrace_dashboards.panels.panel import panel


def show() -> None:
    """Draws the page."""
    current = frame("Traces")
    panel(partial(traces.listing, current), key="listing", height=600)
