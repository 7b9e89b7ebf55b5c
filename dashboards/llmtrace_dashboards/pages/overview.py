"""Is anything wrong now? What changed? What does it cost?"""

from __future__ import annotations

from functools import partial

import streamlit as st

from llmtrace_dashboards import database
from llmtrace_dashboards.panels import alerts, cards, compared, failing, movers, overview
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.empty import empty
from llmtrace_dashboards.panels.frame import frame
from llmtrace_dashboards.panels.panel import panel


def show() -> None:
    """Draws the page."""
    current = frame("Overview", compares=True)
    for part in (compared, movers, failing, overview):
        part.ahead(current)
    panel(partial(alerts.strip, current), key="strip", height=40)
    if _nothing(current):
        panel(partial(empty, current), key="empty")
        return
    panel(partial(cards.draw, current), key="kpis", height=150)
    charts = (
        (overview.calls_chart, "Calls and errors"),
        (overview.spend_chart, "Spend"),
        (overview.latency_chart, "Latency"),
    )
    for column, (body, title) in zip(st.columns(3), charts, strict=True):
        with column:
            panel(partial(body, current), key=body.__name__, title=title, height=200)
    panel(partial(movers.movers, current), key="movers", title="What changed", height=240)
    panel(partial(failing.failing, current), key="failing", title="What failed last", height=180)
    panel(partial(overview.models, current), key="models", title="By model", height=200)


def _nothing(current: Current) -> bool:
    """Whether the range has no calls; a store that fails is left for the panels to tell."""
    try:
        return compared.calls(current).now.whole is None
    except database.StoreError:
        return False
