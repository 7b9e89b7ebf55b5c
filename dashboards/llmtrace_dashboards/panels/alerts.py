"""The panels about alerts: those that stand now, what happened, and whether anyone was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import streamlit as st

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.components.plain import code
from llmtrace_dashboards.components.table import Column, Tone, cell, table
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import href, page
from llmtrace_dashboards.queries import alerts as queries
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View, parse

Event = Mapping[str, Any]
_TONES: dict[str, Tone] = {"firing": "error", "pending": "warn", "resolved": "good", "inactive": "off"}
_OUTCOMES: dict[str, Tone] = {"delivered": "good", "retry": "warn", "failed": "error", "held": "off"}
_LISTED = 3
"""Firing alerts named in the strip; more are counted."""

_CURRENT = (
    Column(key="state", label="State"),
    Column(key="rule", label="Rule", kind="clip"),
    Column(key="group", label="For", kind="wrap"),
    Column(key="value", label="Value", align="end"),
    Column(key="limit", label="Limit", align="end"),
    Column(key="window", label="Window", align="end"),
    Column(key="since", label="Since"),
    Column(key="reason", label="Because", kind="clip"),
    Column(key="said", label="What is known", kind="wrap"),
    Column(key="link", label="Behind it"),
)
_HISTORY = (Column(key="time", label="Time"), *_CURRENT[:5], *_CURRENT[7:])
_DELIVERIES = (
    Column(key="time", label="Time"),
    Column(key="outcome", label="Outcome"),
    Column(key="webhook", label="Receiver"),
    Column(key="attempt", label="Attempt", align="end"),
    Column(key="answer", label="Answer", align="end"),
    Column(key="error", label="Error", kind="wrap"),
    Column(key="event", label="Event", kind="clip"),
)


def strip(current: Current) -> None:
    """What is firing, in a line; nothing when nothing is."""
    firing = [e for e in database.rows(queries.now(current.view, current.now_ms)) if e["state"] == "firing"]
    if not firing:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="firing"):
        st.markdown(f":red[:material/notifications_active: **{figures.plural(len(firing), 'alert')} firing**]")
        for event in firing[:_LISTED]:
            since = figures.clock(event["since_ms"], current.zone, seconds=False)
            said = f"{code(event['rule'], most=40)} {group(event, code)} since {since}"
            to = replace(current.pinned, alert=event["event_id"]).params()
            st.page_link(page("alerts"), label=said, query_params=to)
        if len(firing) > _LISTED:
            st.page_link(page("alerts"), label=f"and {len(firing) - _LISTED} more", query_params=current.view.params())


def standing(current: Current) -> None:
    """Firing, pending and lately resolved alerts."""
    events = [
        e
        for e in database.rows(queries.now(current.view, current.now_ms))
        if e["state"] != "resolved" or e["at_ms"] >= current.window.start_ms
    ]
    if not events:
        st.markdown(":green[:material/check_circle: **Nothing is firing**]")
        st.caption("No alert is firing or pending, and none was resolved in this range.")
        return
    table(_CURRENT, [_event(e, current) for e in events], label="Alerts", key="standing")


def history(current: Current) -> None:
    """Changes of state in the range, newest first."""
    events = database.rows(queries.history(current.view, current.window))
    if not events:
        st.caption("No alert changed its state in this range.")
        return
    table(_HISTORY, [_event(e, current) for e in events], label="History of alerts", key="history")


def deliveries(current: Current) -> None:
    """Attempts to reach the webhooks in the range, newest first."""
    attempts = database.rows(queries.deliveries(current.window))
    if not attempts:
        st.caption("No webhook was called in this range.")
        return
    rows = [
        {
            "time": figures.clock(a["at_ms"], current.zone),
            "outcome": cell(a["outcome"], tone=_OUTCOMES.get(a["outcome"])),
            "webhook": a["webhook"],
            "attempt": str(a["attempt"]),
            "answer": f"HTTP {a['http_status']}" if a["http_status"] else cell("no answer", muted=True),
            "error": a["error"],
            "event": a["event_id"],
        }
        for a in attempts
    ]
    table(_DELIVERIES, rows, label="Deliveries", key="deliveries")


def behind(event: Event, view: View) -> View:
    """The traces behind an event: its own link's range and filters, else its window and group."""
    linked, _ = parse(parse_qs(urlsplit(event["link"]).query))
    if linked.window:
        return replace(linked, tz=view.tz)
    start_ms = max(event["since_ms"] - 1000 * event["window_s"], 0)
    filters, _ = parse({name: [value] for name, value in event["group_values"].items()})
    window = Window(start_ms=start_ms, end_ms=max(event["at_ms"], start_ms + 1))
    return replace(filters, window=window, relative=View().relative, tz=view.tz)


def _event(event: Event, current: Current) -> dict[str, Any]:
    return {
        "time": figures.clock(event["at_ms"], current.zone),
        "state": state(event),
        "rule": cell(event["rule"], href=href("alerts", replace(current.pinned, alert=event["event_id"]))),
        "group": group(event, str) or "everything",
        "value": amount(event, "value"),
        "limit": amount(event, "limit_value"),
        "window": figures.duration(event["window_s"] * 1e9),
        "since": f"{figures.clock(event['since_ms'], current.zone)} ({figures.ago(event['since_ms'], current.now_ms)})",
        "reason": str(event["reason"]).replace("_", " "),
        "said": " ".join(text for text in (event["summary"], event["explanation"]) if text),
        "link": cell("Show traces", href=href("traces", behind(event, current.view))),
    }


def group(event: Event, shown: Any) -> str:
    """The values of the group, each as `shown` writes it, and their names where they are no plain words."""
    return ", ".join(
        f"{name if name.replace('_', '').isalnum() else shown(name)} {shown(value or '(none)')}"
        for name, value in sorted(event["group_values"].items())
    )


def state(event: Event) -> Any:
    """With its severity where it fires; a warning has the colour of one."""
    name, severity = event["state"], event["severity"]
    if name != "firing" or not severity:
        return cell(name, tone=_TONES.get(name))
    return cell(f"{name}, {severity}", tone="warn" if severity == "warning" else "error")


def amount(event: Event, key: str) -> str:
    """A figure of the event, in the unit of the rule's measure."""
    return written(event, event[key])


def written(event: Event, value: Any) -> str:
    """A figure in the unit of the rule's measure."""
    known = unit(event)
    if known == "USD":
        return figures.money(value)
    if known == "share":
        return f"{float(value) * 100:.3g} %"
    if known == "s":
        return figures.duration(float(value) * 1e9)
    return figures.count(float(value))


def unit(event: Event) -> str:
    """Of the rule's measure; events from before there were others are of dollars."""
    return str(event["unit"]) or ("USD" if event["kind"] == "spend" else "")
