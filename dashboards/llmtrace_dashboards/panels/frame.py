"""The frame around every page: navigation at the side, range, filters and freshness on top.

Widgets mirror the URL: before each is drawn, its state is set from the view; its callback writes the URL. So a link,
Back, reload and a second tab all show the same.
"""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from llmtrace import filters
from llmtrace_dashboards import figures, theme
from llmtrace_dashboards.components.links import links
from llmtrace_dashboards.components.plain import code
from llmtrace_dashboards.panels import actor, freshness, pickers
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import go, here, href, page, pages
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.view import View

_NAMES = {"model": "model", "user": "user", "svc": "service", "env": "environment", "status": "status"}
_ENTRIES = (
    ("", "Overview", ":material/monitoring:"),
    ("spend", "Spend", ":material/payments:"),
    ("latency", "Latency", ":material/speed:"),
    ("quality", "Quality", ":material/fact_check:"),
    ("traces", "Traces", ":material/account_tree:"),
    ("alerts", "Alerts", ":material/notifications:"),
    ("health", "Health", ":material/health_and_safety:"),
)


_STYLE = """<style>
.stMainBlockContainer { padding-inline: clamp(1rem, 2.5vw, 2.5rem); }
.stMainBlockContainer :is(p, label) code { font-size: .92em; }
.stMainBlockContainer [data-testid="stCaptionContainer"] code { background: none; padding: 0; color: inherit; }
.stMainBlockContainer h2 code { font-size: 15px; padding-inline: 0; background: none; }
.stMainBlockContainer h1 { padding-block: 0 .5rem; }
[class*="st-key-head_"] { align-items: last baseline; }
[class*="st-key-head_"] > * { flex: 0 0 auto; width: auto; }
[class*="st-key-head_"] > :first-child { flex: 1 1 auto; }
[class*="st-key-head_"] button { min-height: 1.75rem; padding: 0 .25rem; }
.st-key-kpis, .st-key-facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.st-key-kpis { align-items: stretch; }
@media (min-width: 1100px) { .st-key-facts { grid-template-columns: 1.1fr 1fr 1.5fr 1.2fr .7fr; } }
</style>"""
"""Ours, not from outside: the density that theme options cannot set."""


def frame(title: str, *, bar: bool = True, filtered: bool = True, compares: bool = False) -> Current:
    """Draws the frame of the page called `title`, with or without the bar or its filters; what the page is about.

    A page that `compares` lets people choose with what.
    """
    view, notices = here()
    current = _current(view)
    st.html(_STYLE)
    _sidebar(view)
    st.markdown(f"# {title}")
    for notice in notices:
        st.warning(notice, icon=":material/link_off:")
    if bar:
        _bar(current, filtered=filtered, compares=compares)
    return current


def _current(view: View) -> Current:
    now_ms = clock.now_ms()
    name = view.tz or st.context.timezone or "UTC"
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        name, zone = "UTC", ZoneInfo("UTC")
    palette = theme.DARK if st.context.theme.type == "dark" else theme.LIGHT
    return Current(view=view, window=view.window_at(now_ms), now_ms=now_ms, zone=zone, zone_name=name, palette=palette)


def _sidebar(view: View) -> None:
    kept = replace(view, trace_id="", span="", before="", sel="")
    with st.sidebar:
        st.markdown("## llmtrace")
        for path, label, icon in _ENTRIES:
            st.page_link(page(path), label=label, icon=icon, query_params=kept.params(), width="stretch")
        links(pages())
        person = actor.person()
        if person and person.name:
            st.caption(f"{code(person.name)}, {person.role.name.lower()}")
            st.html('<a href="/logout" target="_self">Log out</a>')


def _bar(current: Current, *, filtered: bool, compares: bool) -> None:
    view = current.view
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bar"):
        pickers.ranges(view)
        pickers.custom_range(current)
        if filtered:
            pickers.filters(current)
        if compares:
            pickers.comparison(view)
        freshness.freshness(current)
        with st.popover("Share", icon=":material/link:", type="tertiary"):
            st.caption("This page with its range made fixed, for a colleague or a ticket.")
            st.code(_absolute(current), language=None, wrap_lines=True)
    if view.window or view.filters or view.project or view.q:
        _chips(current)


def _chips(current: Current) -> None:
    view = current.view
    with st.container(horizontal=True, gap="xsmall", key="chips"):
        if view.window:
            start, end = (figures.clock(ms, current.zone) for ms in (view.window.start_ms, view.window.end_ms))
            _chip(f"{start} – {end} {current.zone_name}", "range", replace(view, window=None, before=""))
        if view.project:
            _chip(f"project {code(view.project)}", "project", replace(view, project="", before=""))
        for name, values in view.filters.items():
            for value in values:
                kept = tuple(v for v in values if v != value)
                _chip(f"{_NAMES[name]} {code(value)}", f"{name}_{value}", view.narrowed(**{name: kept}))
        for number, term in enumerate(view.terms):
            left = filters.render(other for other in view.terms if other is not term)
            _chip(code(filters.render([term])), f"q_{number}", replace(view, q=left, before=""))


def _chip(label: str, key: str, without: View) -> None:
    st.button(
        label,
        key=f"chip_{key}",
        icon=":material/close:",
        icon_position="right",
        on_click=go,
        args=(without,),
        help="Remove",
    )


def _absolute(current: Current) -> str:
    base, _, path = (st.context.url or "").rpartition("/")
    return f"{base}/{href(path, current.pinned)}"
