"""The script Streamlit runs for every session and interaction."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from llmtrace_dashboards.pages import alerts, health, latency, overview, quality, spend, trace, traces
from llmtrace_dashboards.panels import navigation


def _home() -> None:
    """The Overview under its own name: it lives at the root."""
    st.switch_page(navigation.page(""), query_params=navigation.here()[0].params())


def main() -> None:
    """Finds the page of the URL and draws it."""
    st.set_page_config(
        page_title="llmtrace",
        page_icon=str(Path(__file__).parent / "static" / "icon.png"),
        layout="wide",
        initial_sidebar_state=208,
        menu_items={"Get help": None, "Report a bug": None, "About": None},
    )
    pages = {
        "": st.Page(overview.show, title="Overview", default=True),
        "overview": st.Page(_home, title="Overview", url_path="overview", visibility="hidden"),
        "spend": st.Page(spend.show, title="Spend", url_path="spend"),
        "latency": st.Page(latency.show, title="Latency & reliability", url_path="latency"),
        "quality": st.Page(quality.show, title="Quality & drift", url_path="quality"),
        "traces": st.Page(traces.show, title="Traces", url_path="traces"),
        "trace": st.Page(trace.show, title="Trace", url_path="trace", visibility="hidden"),
        "alerts": st.Page(alerts.show, title="Alerts", url_path="alerts"),
        "health": st.Page(health.show, title="Health & settings", url_path="health"),
    }
    navigation.register(pages)
    st.navigation(list(pages.values()), position="hidden").run()


main()
