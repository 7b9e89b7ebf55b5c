"""Never a blank chart: what to do on a fresh install, and where the data is when the range has none."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import go
from llmtrace_dashboards.queries import surroundings
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import HOUR_MS, RELATIVE, Window
from llmtrace_dashboards.state.view import FILTERS, View

SNIPPET = "import llmtrace\n\nllmtrace.instrument()"


def empty(current: Current) -> None:
    """Draws the state of no data: first steps, or the way back to where data is."""
    newest = database.rows(surroundings.last_span(current.now_ms))[0]
    if newest["spans"]:
        _nothing_here(current, newest["newest_ms"])
    else:
        _first_steps()


def _first_steps() -> None:
    with st.container(border=True, key="first_steps"):
        st.markdown("## No spans yet")
        st.markdown("Add these lines to your application, before it makes its first call:")
        st.code(SNIPPET, language="python")
        st.caption("The first call appears here within seconds of its end. If it does not, `llmtrace doctor` says why.")
        _wait()


@st.fragment(run_every=3)
def _wait() -> None:
    try:
        arrived = database.rows(surroundings.last_span(clock.now_ms()))[0]["spans"]
    except database.StoreError:
        arrived = 0
    if arrived:
        st.rerun()
    st.caption(":material/hourglass_empty: Waiting for the first span")


def _nothing_here(current: Current, newest_ms: int) -> None:
    view = current.view
    with st.container(border=True, key="nothing_here"):
        st.markdown("## Nothing in this range" + (" with these filters" if view.filters else ""))
        kind = " of any kind" if view.filters else ""
        told = (
            f"{figures.ago(newest_ms, current.now_ms)}, at {figures.clock(newest_ms, current.zone)} {current.zone_name}"
        )
        st.text(f"The last span{kind} was {told}.")
        with st.container(horizontal=True):
            if view.filters:
                without = view.narrowed(**dict.fromkeys(FILTERS, ()))
                st.button(
                    "Clear filters", on_click=go, args=(without,), key="clear_filters", icon=":material/filter_alt_off:"
                )
            label, wider = _around(view, newest_ms, current.now_ms)
            st.button(f"Show {label}", on_click=go, args=(wider,), key="show_wider", icon=":material/zoom_out_map:")


def _around(view: View, newest_ms: int, now_ms: int) -> tuple[str, View]:
    """The shortest relative range longer than this one that holds the newest span, or an hour around that span."""
    length_ms = view.window_at(now_ms).length_ms
    for word, ms in RELATIVE.items():
        if newest_ms > now_ms - ms and (view.window or ms > length_ms):
            return f"the last {word}", replace(view, relative=word, window=None, before="")
    window = Window(start_ms=newest_ms - HOUR_MS // 2, end_ms=newest_ms + HOUR_MS // 2)
    return "the hour around it", replace(view, window=window, before="")
