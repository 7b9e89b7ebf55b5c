"""Where does the money go, and what will the month cost?"""

from __future__ import annotations

from functools import partial

import streamlit as st

from llmtrace_dashboards.panels import spend
from llmtrace_dashboards.panels.frame import frame
from llmtrace_dashboards.panels.panel import panel


def show() -> None:
    """Draws the page."""
    current = frame("Spend", compares=True)
    panel(partial(spend.month, current), key="month", title="This month", height=320)
    spend.grouping(current)
    panel(partial(spend.over_time, current), key="over_time", title="What it is spent on", height=260)
    left, right = st.columns([3, 2])
    with left:
        panel(partial(spend.listing, current), key="listing", title="Dearest first", height=260)
    with right:
        panel(partial(spend.tree, current), key="tree", title="Project, model, feature", height=260)
    panel(partial(spend.a_trace, current), key="a_trace", title="What a trace costs", height=120)
