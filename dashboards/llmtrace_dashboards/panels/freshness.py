"""How fresh the page is: one cheap query every ten seconds, and a button that says what waits behind it.

Nothing redraws by itself unless Live is on; and as all selections are in the URL, a redraw loses none.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import go, here
from llmtrace_dashboards.queries import surroundings
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import DAY_MS, Window

EVERY_S = 10


def freshness(current: Current) -> None:
    """Draws the Live switch and the watermark; nothing for a range that has ended."""
    if current.view.window:
        return
    st.session_state["live"] = current.view.live

    def switched() -> None:
        go(replace(here()[0], live=st.session_state["live"]))

    st.toggle(
        "Live",
        key="live",
        on_change=switched,
        help=f"Redraw by itself when new spans have arrived, every {EVERY_S} s at most.",
    )
    _watermark(current)


@st.fragment(run_every=EVERY_S)
def _watermark(current: Current) -> None:
    now_ms = clock.now_ms()
    # Late spans older than a day are rare; looking for them every ten seconds would scan a month.
    window = Window(start_ms=max(current.window.start_ms, current.now_ms - DAY_MS), end_ms=now_ms + 1000)
    try:
        new = database.rows(surroundings.watermark(current.view, window, current.now_ms))[0]["spans"]
    except database.StoreError:
        st.markdown(":red[:material/cloud_off: Store not reachable]")
        return
    if new and current.view.live:
        st.rerun()
    if not new:
        st.caption(f"As of {figures.clock(current.now_ms, current.zone)}")
    elif st.button(f"{figures.plural(new, 'new span')} · refresh", icon=":material/refresh:", key="refresh"):
        st.rerun()
