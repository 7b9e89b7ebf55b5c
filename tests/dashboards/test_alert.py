"""One alert in full: its figure as the calls have it, when it fired, what explains it, hostile words and all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from llmtrace_dashboards import database
from llmtrace_dashboards.panels import alert, alerts
from llmtrace_dashboards.queries import alerts as queries
from llmtrace_dashboards.server import SCRIPT
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import HOUR_MS, Window
from llmtrace_dashboards.state.view import View
from support.app import Seeded, owner
from support.seed import HOSTILE

STATES = st.lists(st.sampled_from(["pending", "firing", "resolved", "inactive"]), max_size=30)


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch, seeded: Seeded) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: seeded.now_ms)


def opened(event_id: str) -> str:
    """All text of the page of alerts with this one open."""
    app = AppTest.from_file(str(SCRIPT), default_timeout=30)
    app._page_hash = calc_hash("alerts")
    app.query_params["a"] = event_id
    app.run()
    assert not app.exception, app.exception
    pieces = [e.value for kind in ("markdown", "caption", "text", "warning") for e in app.get(kind)]
    return "\n".join([*map(str, pieces), *(f"{metric.label} {metric.value}" for metric in app.metric)])


def test_an_alert_is_shown_with_its_figure_limit_and_history(store: Seeded) -> None:
    said = opened("evt_2")
    assert "`hourly spend per user` model `gpt-5`, user `ana`" in said
    for line in ("Value $0.42", "Limit $0.25", "Window 1 h", "adding up over the window"):
        assert line in said
    events = database.rows(queries.alert("evt_2", store.now_ms))
    assert [event["event_id"] for event in events] == ["evt_1", "evt_2"]
    assert {told["event_id"] for told in database.rows(queries.told(["evt_2"], store.now_ms))} == {"evt_2"}
    assert "No event of that id" in opened("evt_999")


def test_the_figure_of_a_spend_adds_up_to_what_the_calls_cost(store: Seeded) -> None:
    """From the calls of the group alone, over the window that ended when it fired."""
    event = database.rows(queries.alert("evt_2", store.now_ms))[-1]
    window, width = alert.drawn(event, event["at_ms"])
    view = alerts.behind(event, View())
    rows = database.rows(queries.measured(view, window, "cost_usd", width))
    steps = alert.steps(event, rows, window, width)
    calls = store.seed.calls(window.start_ms, window.end_ms, user_id="ana", model="gpt-5")
    assert steps[-1][1] == pytest.approx(float(sum(c["cost_usd"] or 0 for c in calls)))
    assert [at for at, _ in steps] == list(range(window.start_ms, window.end_ms, width))
    assert [value for _, value in steps] == sorted(value for _, value in steps)


@pytest.mark.parametrize("measure", sorted(queries.AMOUNTS | queries.RATES))
def test_every_measure_is_drawn_from_the_calls(store: Seeded, measure: str) -> None:
    """As counted by hand where that is a line of Python; of all others there is a figure or none."""
    window = Window(start_ms=store.now_ms - 20 * HOUR_MS, end_ms=store.now_ms)
    rows = database.rows(queries.measured(View(), window, measure, 4 * HOUR_MS))
    assert [row["bucket"] for row in rows] == [-5, -4, -3, -2, -1]
    for row in rows:
        start = window.end_ms + row["bucket"] * 4 * HOUR_MS
        calls = store.seed.calls(start, start + 4 * HOUR_MS)
        failed = sum(c["status_code"] == "ERROR" for c in calls)
        tokens = [c["input_tokens"] for c in calls if c["input_tokens"] is not None]
        by_hand = {
            "calls": len(calls),
            "errors": failed,
            "error_rate": failed / len(calls),
            "input_tokens": sum(tokens),
            "input_tokens_per_call": sum(tokens) / len(tokens),
            "cost_usd": float(sum(c["cost_usd"] or 0 for c in calls)),
            "refusal_rate": sum(c["output_refused"] or 0 for c in calls) / (len(calls) - failed),
        }
        if measure in by_hand:
            assert row["figure"] == pytest.approx(by_hand[measure])


def test_what_explains_an_alert_is_text_whatever_it_holds(store: Seeded) -> None:
    """Attributes, sentences and groups of a stranger; a runbook that is a script is none."""
    at = datetime.fromtimestamp(store.now_ms / 1000, UTC) - timedelta(days=50)
    named = [{"attribute": "model", "value": HOSTILE[0], "share": 0.92, "share_others": 0.03, "calls": 12}]
    row = {
        "timestamp": at,
        "event_id": "evt_hostile",
        "rule": HOSTILE[1],
        "kind": "threshold",
        "group_key": "{}",
        "group_values": {"user": HOSTILE[2]},
        "state": "resolved",
        "reason": "back_under",
        "value": Decimal("0.4"),
        "limit_value": Decimal("0.1"),
        "window_s": 600,
        "since": at,
        "measure": "error_rate",
        "unit": "share",
        "summary": HOSTILE[3],
        "explanation": HOSTILE[0],
        "runbook": "javascript:alert(1)",
        "attributes": json.dumps(named),
        "examples": [("ab" * 16, "cd" * 8)],
        "expected_low": 0.01,
        "expected_high": 0.05,
    }
    client = owner(store.stack)
    client.insert("llmtrace.alert_events", [list(row.values())], list(row))
    try:
        said = opened("evt_hostile")
        (event,) = database.rows(queries.alert("evt_hostile", store.now_ms))
    finally:  # others count what is in this store
        client.command("DELETE FROM llmtrace.alert_events WHERE event_id = 'evt_hostile'")
    assert "Expected 1 % to 5 %" in said
    assert f"`{HOSTILE[1]}`" in said
    assert "The calls of that time are no longer kept" in said
    assert alert.attributes(event) == named
    assert alert.runbook(event["runbook"]) == ""


@pytest.mark.parametrize("text", ["", "not JSON", "{}", "[1, null]", '[{"value": "no name"}]'])
def test_attributes_that_cannot_be_read_are_none(text: str) -> None:
    assert alert.attributes({"attributes": text}) == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://runbooks.example.com/spend", True),
        ("http://wiki/x?y=1", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//evil.example/x", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_a_runbook_is_an_address_of_the_web(text: str, kept: bool) -> None:
    assert alert.runbook(text) == (text if kept else "")


@given(states=STATES)
def test_an_alert_fires_from_firing_to_resolved_or_until_now(states: list[str]) -> None:
    """Periods do not overlap, each begins with an event that fires, and none is left out."""
    events = [{"state": state, "at_ms": at} for at, state in enumerate(states)]
    found = alert.periods(events, now_ms=len(states))
    flat = [instant for period in found for instant in period]
    assert flat == sorted(flat)
    assert all(events[start]["state"] == "firing" for start, _ in found)
    inside = {at for start, end in found for at in range(start, end)}
    assert all(at in inside for at, state in enumerate(states) if state == "firing")


@given(
    window_s=st.integers(0, 400 * 86_400),
    kind=st.sampled_from(["spend", "threshold"]),
    since=st.integers(0, 10**9),
    more=st.integers(0, 10**9),
)
def test_what_is_drawn_is_bounded_and_holds_the_alert(window_s: int, kind: str, since: int, more: int) -> None:
    """At most 200 steps, whatever the rule's window; the beginning of the alert is among them."""
    base = 1_700_000_000_000
    event: dict[str, Any] = {"window_s": window_s, "kind": kind, "since_ms": base + since, "at_ms": base + since}
    window, width = alert.drawn(event, base + since + more)
    assert 1 <= window.length_ms / width <= 200
    assert window.start_ms <= event["since_ms"] <= window.end_ms
