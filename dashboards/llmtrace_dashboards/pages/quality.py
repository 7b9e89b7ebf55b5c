"""Is output worse? Did inputs shift?"""

from __future__ import annotations

from functools import partial

import streamlit as st

from llmtrace_dashboards.panels import drift, quality
from llmtrace_dashboards.panels.frame import frame
from llmtrace_dashboards.panels.panel import panel


def show() -> None:
    """Draws the page."""
    current = frame("Quality & drift")
    panel(partial(quality.signs, current), key="signs", title="Is output worse?", height=400)
    panel(partial(drift.drift, current), key="drift", title="Did calls shift?", height=400)
    left, right = st.columns([3, 1], gap="medium")
    with left:
        panel(
            partial(quality.judgements, current), key="judgements", title="What evaluators and people say", height=160
        )
    with right:
        panel(partial(quality.verdicts, current), key="verdicts", title="What guardrails said", height=160)
