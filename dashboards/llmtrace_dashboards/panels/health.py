"""The panels of Health & settings about how llmtrace is: checks, tables, and how long the app's own queries take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from llmtrace_dashboards import collector, database, figures, installed, timings
from llmtrace_dashboards.collector import CollectorError
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.database import StoreDownError, StoreError, StoreRefusedError
from llmtrace_dashboards.measures import health
from llmtrace_dashboards.measures.health import Check
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import href
from llmtrace_dashboards.queries import calls, sources, surroundings
from llmtrace_dashboards.queries import health as queries
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import ending_at
from llmtrace_dashboards.state.view import View

_WORDS = {"good": "good", "warn": "warning", "error": "error", "off": "–"}
_CHECKS = (
    Column(key="what", label="Part"),
    Column(key="state", label="State"),
    Column(key="figure", label="Figure", kind="wrap"),
    Column(key="advice", label="What it means, what to do", kind="wrap"),
)
_TABLES = (
    Column(key="name", label="Table"),
    Column(key="rows", label="Rows", align="end"),
    Column(key="size", label="On disk", align="end", kind="bar"),
    Column(key="kept", label="Kept for", kind="wrap"),
)
_TIMINGS = (
    Column(key="name", label="Query"),
    Column(key="count", label="Times", align="end"),
    Column(key="p50", label="p50", align="end"),
    Column(key="p95", label="p95", align="end", kind="bar"),
    Column(key="slowest", label="Slowest", align="end"),
    Column(key="rows", label="Most rows", align="end"),
    Column(key="failed", label="Failed", align="end"),
    Column(key="newest", label="Last"),
)
_SLOWEST = 15


def checks(current: Current) -> None:
    """Every part of llmtrace, each judged by itself: what cannot be asked leaves the others as they are."""
    now_ms = clock.now_ms()
    found = [*_of_collector(now_ms), *_of_store(now_ms), *_of_prices(current, now_ms)]
    bad = [check for check in found if check.state in {"warn", "error"}]
    if bad:
        colour, icon = ("red", "error") if any(check.state == "error" for check in bad) else ("orange", "warning")
        need = "needs" if len(bad) == 1 else "need"
        st.markdown(f":{colour}[:material/{icon}: **{len(bad)} of {len(found)} {need} a look**]")
        # As text: a sentence may repeat what others wrote. A phone shows the table's last column only when scrolled.
        st.text("\n".join(f"{check.what}: {_said(check)}" for check in bad))
    else:
        st.markdown(":green[:material/check_circle: **Nothing needs a look**]")
    table(_CHECKS, [_shown(check) for check in found], label="Checks", key="checks")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Check again", key="check_again", icon=":material/refresh:")
        st.caption(f"As of {figures.clock(now_ms, current.zone)} {current.zone_name}")


def _said(check: Check) -> str:
    return f"{check.figure}; {check.advice}" if check.advice else check.figure


def _shown(check: Check) -> dict[str, Any]:
    word = cell(_WORDS[check.state], tone=None if check.state == "off" else check.state, muted=check.state == "off")
    figure = cell(check.figure, href=check.leads, muted=check.state == "off")
    return {"what": check.what, "state": word, "figure": figure, "advice": check.advice}


def _of_collector(now_ms: int) -> list[Check]:
    known = collector.nearby()
    if known is None:
        return health.silent("start the app with `--collector URL` to see how it is", "")
    try:
        return health.collector(known.ready(), known.refused(), known.shown, now_ms)
    except CollectorError as error:
        return health.silent(str(error), known.shown)


def _of_store(now_ms: int) -> list[Check]:
    address = database.address().shown
    try:
        row = database.rows(queries.arrivals(now_ms))[0]
        newest = database.rows(surroundings.last_span(now_ms))[0]
    except StoreError as error:
        gone = isinstance(error, StoreDownError | StoreRefusedError)
        first = Check(what="Store", state="error" if gone else "warn", figure=address, advice=str(error))
        return [first] if gone else [first, *_left_out(now_ms)]
    newest_ms = newest["newest_ms"] if newest["spans"] else None
    return [
        Check(what="Store", state="good", figure=f"ClickHouse {row['version']} at {address}"),
        health.arriving(row, queries.LATELY_MS, newest_ms, now_ms),
        health.lagging(row),
        *_left_out(now_ms),
    ]


def _left_out(now_ms: int) -> list[Check]:
    return [
        _asked("Quarantined", lambda: health.quarantined(database.rows(queries.quarantined(now_ms)))),
        _asked("Rollups", lambda: health.rolled_up(database.rows(queries.rolled_up(now_ms))[0])),
        replace(
            _asked("Deliveries", lambda: health.delivered(database.rows(queries.delivered(now_ms)))),
            leads=href("alerts", View(relative="24h")),
        ),
    ]


def _of_prices(current: Current, now_ms: int) -> list[Check]:
    version, installed_ms = installed.price_list()
    return [
        health.price_list(version, installed_ms, now_ms),
        _asked("Prices", lambda: _priced(current, now_ms)),
    ]


def _priced(current: Current, now_ms: int) -> Check:
    """By the figures of the Overview, of the last day and of all projects."""
    view, window = View(tz=current.view.tz), ending_at(now_ms, "24h")
    spans = int(database.rows(sources.size(view, window))[0]["spans"])
    rows = {row["period"]: row for row in database.rows(calls.totals(view, window, spans))}
    now: Mapping[str, Any] = rows.get("now", {"calls": 0, "unpriced": 0})
    to = replace(view, window=window, grain="span").asking("is:unpriced")
    return health.priced(int(now["calls"]), int(now["unpriced"]), href("traces", to))


def _asked(what: str, ask: Callable[[], Check]) -> Check:
    try:
        return ask()
    except StoreError as error:
        return Check(what=what, state="off", figure="not known", advice=str(error))


def store() -> None:
    """What is kept: table by table, with what it takes and for how long."""
    now_ms = clock.now_ms()
    tables = database.rows(queries.tables(now_ms))
    kept: dict[str, list[str]] = {}
    for row in database.rows(queries.kept(now_ms)):
        if row["project"]:
            kept.setdefault(row["name"], []).append(f"{row['project']}: {figures.plural(row['kept_days'], 'day')}")
    filled = [row for row in tables if int(row["total_rows"] or 0)]
    total = sum(int(row["total_bytes"] or 0) for row in tables)
    if filled:
        rows = [_table(row, kept.get(row["name"], [])) for row in filled]
        table(_TABLES, rows, label="Tables of the store", key="tables")
    empty = len(tables) - len(filled)
    st.caption(
        f"{figures.size(total)} in {figures.plural(len(filled), 'table')}, {figures.count(empty)} more are empty"
        " · `llmtrace data retention set TABLE DAYS` changes how long rows are kept"
    )


def _table(row: Mapping[str, Any], projects: list[str]) -> dict[str, Any]:
    size = int(row["total_bytes"] or 0)
    return {
        "name": row["name"],
        "rows": figures.count(int(row["total_rows"])),
        "size": cell(figures.size(size), size=size),
        "kept": ", ".join([health.kept_for(row["engine_full"]), *projects]),
    }


def slowest(current: Current) -> None:
    """The app's own queries by how long they took, whoever asked."""
    kept = timings.queries.kept()
    if not kept:
        st.caption("The app has asked the store nothing yet.")
        return
    found = timings.by_name(kept)
    table(_TIMINGS, [_timing(one, current) for one in found[:_SLOWEST]], label="Queries of the app", key="timings")
    st.caption(f"the last {figures.plural(len(kept), 'query', 'queries')} of this process, with the way to the store")


def _timing(one: timings.Summary, current: Current) -> dict[str, Any]:
    return {
        "name": one.name,
        "count": figures.count(one.count),
        "p50": figures.duration(one.p50_ms * 1e6),
        "p95": cell(figures.duration(one.p95_ms * 1e6), size=one.p95_ms),
        "slowest": figures.duration(one.slowest_ms * 1e6),
        "rows": "–" if one.most_rows is None else figures.count(one.most_rows),
        "failed": cell(figures.count(one.failed), tone="error") if one.failed else "0",
        "newest": figures.clock(one.newest_ms, current.zone),
    }
