"""How slow, where, for whom; and what fails?"""

from __future__ import annotations

from functools import partial

import streamlit as st

from llmtrace_dashboards.panels import cards, compared, explain, latency, overview
from llmtrace_dashboards.panels.frame import frame
from llmtrace_dashboards.panels.panel import panel
from llmtrace_dashboards.state import box


def show() -> None:
    """Draws the page."""
    current = frame("Latency & reliability", compares=True)
    drawn = box.parse(current.view.sel)
    if drawn:
        explain.ahead(current, drawn)
    for part in (compared, overview):
        part.ahead(current)
    panel(partial(cards.draw, current, ("Error rate", "Latency, p95", "First token, p95")), key="kpis", height=150)
    figure = latency.figure(current)
    panel(partial(latency.heatmap, current, figure), key="heatmap", title="Every call", height=240)
    if drawn:
        panel(partial(explain.box, current, drawn), key="explain", title="What sets these calls apart", height=260)
    left, right = st.columns(2)
    with left:
        panel(partial(overview.latency_chart, current), key="percentiles", title="Latency", height=200)
    with right:
        panel(partial(latency.errors, current), key="errors", title="Failed calls by type", height=200)
    panel(partial(overview.models, current), key="models", title="By model", height=200)
