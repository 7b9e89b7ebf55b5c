"""What happened, why slow, dear or wrong? Hidden from the navigation; found by `?trace_id=`."""

from __future__ import annotations

from functools import partial

import streamlit as st

from llmtrace_dashboards.panels import trace
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.frame import frame
from llmtrace_dashboards.panels.panel import panel


def show() -> None:
    """Draws the page."""
    current = frame("Trace", bar=False)
    trace.back(current)
    if not current.view.trace_id:
        st.text("This page shows one trace. Open it from the list of traces, or add ?trace_id= and 32 hex digits.")
        return
    panel(partial(_trace, current), key="trace", height=600)


def _trace(current: Current) -> None:
    spans = trace.load(current)
    if not spans:
        st.text(
            "No span of this trace is kept. It may be older than the retention, or its id is of another installation."
        )
        return
    trace.facts(spans, current)
    panel(partial(_reading, trace.outline(spans, current.view.trace_id)), key="reading", height=500)


def _reading(found: trace.Outline) -> None:
    """A panel of its own: another span is shown without reading or drawing the trace again."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        span_id = trace.tree(found)
    with right:
        trace.detail(span_id, found)
