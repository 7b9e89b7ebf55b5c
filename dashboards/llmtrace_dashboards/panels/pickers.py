"""The controls that narrow a view: relative range, custom range and zone, filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time

import streamlit as st

from llmtrace_dashboards import database
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import go, here
from llmtrace_dashboards.queries import surroundings
from llmtrace_dashboards.state.ranges import LATEST_MS, LONGEST_MS, MINUTE_MS, RELATIVE, Window
from llmtrace_dashboards.state.view import COMPARISONS, STATUSES, View

_COMPARED = {"prev": "vs. period before", "week": "vs. last week", "off": "no comparison"}
_LABELS = {"model": "Model", "user": "User", "svc": "Service", "env": "Environment"}


def ranges(view: View) -> None:
    """The relative ranges; none is marked while the range is absolute."""
    st.session_state["range"] = None if view.window else view.relative

    def picked() -> None:
        if word := st.session_state["range"]:
            go(replace(here()[0], relative=word, window=None, before=""))

    st.segmented_control("Time range", list(RELATIVE), key="range", on_change=picked, label_visibility="collapsed")


def comparison(view: View) -> None:
    """What figures and charts are compared with."""
    st.session_state["cmp"] = view.cmp

    def picked() -> None:
        go(replace(here()[0], cmp=st.session_state["cmp"] or "prev"))

    st.selectbox(
        "Compare with",
        COMPARISONS,
        key="cmp",
        on_change=picked,
        format_func=_COMPARED.__getitem__,
        label_visibility="collapsed",
        width=165,
    )


def custom_range(current: Current) -> None:
    """Start and end by the clock, and the zone that clock is in."""
    with st.popover("Time", icon=":material/schedule:"):
        ends_ms = (current.window.start_ms, current.window.end_ms)
        ends = [datetime.fromtimestamp(ms / 1000, UTC).astimezone(current.zone) for ms in ends_ms]
        # The keys carry the window: a form keeps what was typed only as long as the range it was typed over.
        mark = f"{current.view.window or current.view.relative}_{current.zone_name}"
        with st.form(f"custom_{mark}", border=False):
            days, clocks = [], []
            for label, end in zip(("From", "To"), ends, strict=True):
                left, right = st.columns(2, vertical_alignment="bottom")
                minute = end.time().replace(second=0, microsecond=0)
                days.append(left.date_input(label, end.date(), key=f"day_{label}_{mark}"))
                clocks.append(right.time_input(f"{label}, time", minute, step=60, key=f"time_{label}_{mark}"))
            if st.form_submit_button("Apply", width="stretch"):
                _apply(current, days, clocks)
        zones = ["", "UTC"] + ([current.view.tz] if current.view.tz not in {"", "UTC"} else [])
        st.session_state["tz"] = current.view.tz

        def zoned() -> None:
            go(replace(here()[0], tz=st.session_state["tz"]))

        st.selectbox(
            "Time zone",
            zones,
            key="tz",
            on_change=zoned,
            format_func=lambda z: z or f"Browser ({st.context.timezone or 'UTC'})",
        )


def _apply(current: Current, days: Sequence[object], clocks: Sequence[object]) -> None:
    ends = [
        round(datetime.combine(day, at, tzinfo=current.zone).timestamp() * 1000)
        for day, at in zip(days, clocks, strict=True)
        if isinstance(day, date) and isinstance(at, time)  # a cleared field is None, whatever its declared type
    ]
    if len(ends) == 2 and 0 <= ends[0] < ends[1] <= LATEST_MS and ends[1] - ends[0] <= LONGEST_MS:
        go(replace(current.view, window=Window(start_ms=ends[0], end_ms=ends[1]), before=""))
        st.rerun()
    st.error("The end must lie after the start, by 400 days at most.", icon=":material/error:")


def filters(current: Current) -> None:
    """Model, user, service, environment, status; each offers its busiest values of the range."""
    view = current.view
    number = sum(len(values) for values in view.filters.values())
    offered = _offered(current)

    def picked(name: str) -> None:
        go(here()[0].narrowed(**{name: tuple(sorted(st.session_state[f"filter_{name}"]))}))

    with st.popover(f"Filters ({number})" if number else "Filters", icon=":material/filter_alt:"):
        projects = offered.get("project", [])
        if len(projects) > 1 or view.project:
            _project(view, projects)
        for name, label in _LABELS.items():
            chosen = list(getattr(view, name))
            options = [*chosen, *(value for value in offered.get(name, []) if value not in chosen)]
            st.session_state[f"filter_{name}"] = chosen
            st.multiselect(
                label,
                options,
                key=f"filter_{name}",
                on_change=picked,
                args=(name,),
                accept_new_options=True,
                max_selections=20,
                placeholder="All",
            )
        st.session_state["filter_status"] = list(view.status)
        st.pills("Status", STATUSES, selection_mode="multi", key="filter_status", on_change=picked, args=("status",))


def _project(view: View, projects: list[str]) -> None:
    st.session_state["filter_project"] = view.project

    def picked() -> None:
        go(replace(here()[0], project=st.session_state["filter_project"] or "", before=""))

    options = ["", *sorted({*projects, view.project} - {""})]
    st.selectbox("Project", options, key="filter_project", on_change=picked, format_func=lambda p: p or "All")


def _offered(current: Current) -> dict[str, list[str]]:
    window = current.window.outward(MINUTE_MS)
    try:
        rows = _choices(current.view.project, window.start_ms, window.end_ms)
    except database.StoreError:
        return {}
    offered: dict[str, list[str]] = {}
    for row in rows:
        offered.setdefault(row["field"], []).append(row["value"])
    return offered


@st.cache_data(ttl=30, max_entries=200, show_spinner=False)
def _choices(project: str, start_ms: int, end_ms: int) -> list[dict[str, str]]:
    return database.rows(surroundings.choices(View(project=project), Window(start_ms=start_ms, end_ms=end_ms)))
