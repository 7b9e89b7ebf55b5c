"""One alert: its figure against the limit, what explains it, the spans behind it, what happened and who was told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import streamlit as st

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.charts import alert as charts
from llmtrace_dashboards.components.plain import code
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.measures.firing import periods
from llmtrace_dashboards.panels import alerts
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import href, page
from llmtrace_dashboards.queries import alerts as queries
from llmtrace_dashboards.state.ranges import DAY_MS, Window
from llmtrace_dashboards.state.view import View, parse

Event = Mapping[str, Any]
BEFORE, AFTER = 24, 12
"""Windows of the rule that are drawn before the alert began and after."""
_STEPS = 48
"""Of one window in which an amount adds up."""
_LONGEST_MS = 40 * DAY_MS

_WHAT = (Column(key="what", label="Attribute"), Column(key="value", label="Value", kind="clip"))
_SHARES = (
    *_WHAT,
    Column(key="share", label="Of these calls", align="end", kind="bar"),
    Column(key="rest", label="Of the others, or before", align="end", kind="bar"),
    Column(key="calls", label="Calls", align="end"),
)
_AMOUNTS = (
    *_WHAT,
    Column(key="part", label="Of the change", align="end", kind="bar"),
    Column(key="amount", label="Now", align="end"),
    Column(key="amount_before", label="Before", align="end"),
    Column(key="by_calls", label="By more calls", align="end"),
    Column(key="by_tokens_per_call", label="By tokens a call", align="end"),
    Column(key="by_price_per_token", label="By price", align="end"),
)
_EVENTS = (
    Column(key="time", label="Time"),
    Column(key="state", label="State"),
    Column(key="value", label="Value", align="end"),
    Column(key="reason", label="Because"),
    Column(key="told", label="Told", kind="wrap"),
)


def detail(current: Current) -> None:
    """The alert of the address."""
    events = database.rows(queries.alert(current.view.alert, current.now_ms))
    if not events:
        st.text("No event of that id is kept: it may be older than the retention, or of another installation.")
        return
    event = next(e for e in events if e["event_id"] == current.view.alert)
    told = next((e for e in reversed(events) if e["at_ms"] <= event["at_ms"] and e["explanation"]), event)
    st.markdown(f"## {code(event['rule'], most=80)} {alerts.group(event, code)}")
    with st.container(horizontal=True, gap="small", key="facts"):
        st.metric("Value", alerts.amount(event, "value"), border=True)
        st.metric("Limit", alerts.amount(event, "limit_value"), border=True)
        if between := _expected(event):
            st.metric("Expected", " to ".join(alerts.written(event, end) for end in between), border=True)
        st.metric("Window", figures.duration(event["window_s"] * 1e9), border=True)
        st.metric("Since", figures.clock(event["since_ms"], current.zone, seconds=False), border=True)
    for text in (event["summary"], told["explanation"]):
        if text:
            st.text(text)
    _series(event, events, current)
    _explained(told)
    _ways(event, told, current)
    _happened(events, current)


def _expected(event: Event) -> tuple[float, float] | None:
    low, high = event["expected_low"], event["expected_high"]
    return None if low is None or high is None else (float(low), float(high))


def drawn(event: Event, ended_ms: int) -> tuple[Window, int]:
    """The time that is drawn of an alert, and how wide its steps are, in milliseconds.

    A spend adds up within its window; of other rules each step is a window.
    """
    width = max(1_000 * int(event["window_s"]), 1_000)
    if event["kind"] == "spend":
        end = max(event["at_ms"], min(ended_ms, event["at_ms"] + width // 4))
        return Window(start_ms=event["at_ms"] - width, end_ms=end), max(width // _STEPS, 1_000)
    steps = max(min(BEFORE, _LONGEST_MS // width), 2)
    after = min(max(ended_ms - event["since_ms"], 0) // width + 1, AFTER)
    end = event["since_ms"] + after * width
    return Window(start_ms=event["since_ms"] - steps * width, end_ms=end), width


def steps(event: Event, rows: Sequence[Mapping[str, Any]], window: Window, width: int) -> list[tuple[int, float]]:
    """Start and figure of each step: amounts have 0 where there were no calls, and a spend adds up."""
    found = {int(row["bucket"]): row["figure"] for row in rows}
    every = range(-(window.length_ms // width), 0)
    adds = measure(event) in queries.AMOUNTS
    values: list[tuple[int, float]] = []
    so_far = 0.0
    for bucket in every:
        figure = found.get(bucket)
        if figure is None and not adds:
            continue
        so_far += float(figure or 0)
        value = so_far if event["kind"] == "spend" else float(figure or 0)
        values.append((window.end_ms + bucket * width, value))
    return values


def measure(event: Event) -> str:
    """What the rule measures, by the catalogue of rules; empty: no figure of calls that can be drawn."""
    name = "cost_usd" if event["kind"] == "spend" and not event["measure"] else str(event["measure"])
    return name if name in queries.AMOUNTS | queries.RATES else ""


def _series(event: Event, events: Sequence[Event], current: Current) -> None:
    name = measure(event)
    if not name:
        return
    fired = periods(events, current.now_ms)
    ended = next((end for start, end in fired if start <= event["at_ms"] <= end), current.now_ms)
    window, width = drawn(event, ended)
    view = replace(alerts.behind(event, current.view), grain="trace")
    rows = steps(event, database.rows(queries.measured(view, window, name, width)), window, width)
    if not rows:
        st.caption("The calls of that time are no longer kept.")
        return
    shown = [
        {
            "start_ms": at,
            "end_ms": at + width,
            "figure": value,
            "told": alerts.written(event, value),
            "time": f"{figures.clock(at, current.zone)} to {figures.clock(at + width, current.zone)}",
        }
        for at, value in rows
    ]
    limit = (float(event["limit_value"]), alerts.amount(event, "limit_value"))
    look = (window, current.zone, current.palette)
    st.vega_lite_chart(
        charts.against(shown, fired, limit, _expected(event), look, unit=alerts.unit(event)),
        theme=None,
        alt="The figure of the rule over time, with its limit and the times in which the alert fired",
        key="chart_alert",
        width="stretch",
    )
    adds = "adding up over the window" if event["kind"] == "spend" else f"each step a window of {_length(width)}"
    st.caption(f"{adds} · dashed: the limit · red: it fired · from the calls that are stored now")


def _length(ms: int) -> str:
    return figures.duration(ms * 1e6)


def attributes(event: Event) -> list[Mapping[str, Any]]:
    """What the explanation found, as the collector wrote it; nothing where that cannot be read."""
    try:
        found = json.loads(event["attributes"] or "[]")
    except ValueError:
        return []
    return [one for one in found if isinstance(one, dict) and "attribute" in one] if isinstance(found, list) else []


def _explained(event: Event) -> None:
    found = attributes(event)[:8]
    if not found:
        return
    amounts = "part" in found[0]
    rows = [_amount(event, one) if amounts else _share(one) for one in found]
    table(_AMOUNTS if amounts else _SHARES, rows, label="What explains it", key="explained")


def _named(one: Event) -> dict[str, Any]:
    return {"what": str(one["attribute"]).replace("_", " "), "value": str(one.get("value", ""))}


def _share(one: Event) -> dict[str, Any]:
    rest = one.get("share_others", one.get("share_before"))
    return _named(one) | {"share": _bar(one.get("share")), "rest": _bar(rest), "calls": _figure(one, "calls")}


def _amount(event: Event, one: Event) -> dict[str, Any]:
    found = _named(one) | {"part": _bar(one.get("part"))}
    for name in ("amount", "amount_before", "by_calls", "by_tokens_per_call", "by_price_per_token"):
        value = one.get(name)
        found[name] = alerts.written(event, value) if isinstance(value, int | float) else ""
    return found


def _figure(one: Event, name: str) -> str:
    value = one.get(name)
    return figures.count(value) if isinstance(value, int | float) else ""


def _bar(share: Any) -> Any:
    if not isinstance(share, int | float):
        return ""
    return cell(figures.percent(share), size=float(share))


def _ways(event: Event, told: Event, current: Current) -> None:
    with st.container(horizontal=True, gap="small", key="alert_ways"):
        behind = alerts.behind(event, current.view).params()
        st.page_link(page("traces"), label="The calls behind it", icon=":material/arrow_forward:", query_params=behind)
        linked, _ = parse(parse_qs(urlsplit(told["explained_link"]).query))
        if linked.window:
            params = replace(linked, tz=current.view.tz).params()
            st.page_link(page("traces"), label="Those explained", icon=":material/query_stats:", query_params=params)
        if runbook(event["runbook"]):
            st.link_button("Runbook", event["runbook"], icon=":material/menu_book:", type="tertiary")
    if told["examples"]:
        rows = [
            {"what": cell(span_id, href=href("trace", View(trace_id=trace_id, span=span_id, tz=current.view.tz)))}
            for trace_id, span_id in (_pair(one) for one in told["examples"][:5])
        ]
        table((Column(key="what", label="Examples"),), rows, label="Examples", key="alert_examples")


def _pair(one: Any) -> tuple[str, str]:
    return (one["trace_id"], one["span_id"]) if isinstance(one, dict) else (one[0], one[1])


def runbook(text: str) -> str:
    """The address if it is one of the web; a rule's text is no script."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme in {"http", "https"} and parts.netloc else ""


def _happened(events: Sequence[Event], current: Current) -> None:
    attempts = database.rows(queries.told([e["event_id"] for e in events], current.now_ms))
    by_event: dict[str, list[str]] = {}
    for attempt in reversed(attempts):
        answer = f" HTTP {attempt['http_status']}" if attempt["http_status"] else ""
        said = f"{attempt['outcome']}{answer}, {attempt['webhook']}"
        by_event.setdefault(attempt["event_id"], []).append(said)
    rows = [
        {
            "time": figures.clock(e["at_ms"], current.zone),
            "state": alerts.state(e),
            "value": alerts.amount(e, "value"),
            "reason": str(e["reason"]).replace("_", " "),
            "told": "; ".join(by_event.get(e["event_id"], [])) or cell("–", muted=True),
        }
        for e in reversed(events[-50:])
    ]
    table(_EVENTS, rows, label="What happened", key="happened")
