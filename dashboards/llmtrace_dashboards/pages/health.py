"""Is llmtrace itself well, and how is it set?"""

from __future__ import annotations

from functools import partial

import streamlit as st

from llmtrace_dashboards.panels import health, settings
from llmtrace_dashboards.panels.frame import frame
from llmtrace_dashboards.panels.panel import panel


def show() -> None:
    """Draws the page."""
    current = frame("Health & settings", bar=False)
    panel(partial(health.checks, current), key="health", title="Is llmtrace well?", height=520)
    panel(health.store, key="store", title="What is stored", height=320)
    panel(partial(settings.settings, current), key="settings", title="Settings", height=320)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        panel(settings.rules, key="rules_code", title="Rules as code", height=240)
    with right:
        panel(settings.retention, key="retention_code", title="Retention as code", height=120)
    panel(partial(health.slowest, current), key="slowest", title="Slowest queries of the app", height=260)
