"""The watch's copies of its events and deliveries."""

from __future__ import annotations

from collections.abc import Sequence

from llmtrace_dashboards.queries.query import Query, bounds, filters
from llmtrace_dashboards.state.ranges import DAY_MS, LONGEST_MS, Window
from llmtrace_dashboards.state.view import View

AMOUNTS = frozenset({"calls", "errors", "input_tokens", "output_tokens", "cost_usd", "unpriced"})
"""Measures that add up: a window without calls has 0 of them."""

RATES = frozenset(
    {
        *(f"{what}_p{percent}" for what in ("latency", "ttft") for percent in (50, 90, 95, 99)),
        *("error_rate", "input_tokens_per_call", "output_tokens_per_call", "cost_per_call", "cache_hit_share"),
        *("refusal_rate", "truncation_rate", "empty_rate", "invalid_json_rate", "invalid_schema_rate", "confidence"),
        *("unlikely_share", "unpriced_rate"),
    }
)
"""Measures that do not; with `AMOUNTS`, those that `measured.sql` knows."""

_MOST_EVENTS = 20_000


def now(view: View, now_ms: int) -> Query:
    """The state of every alert now: firing first, then pending, then resolved."""
    return Query(name="alerts_now", params=bounds(_ever(now_ms)) | {"project": view.project})


def history(view: View, window: Window) -> Query:
    """Changes of state in the range."""
    return Query(name="alert_history", params=bounds(window) | {"project": view.project})


def fired(view: View, window: Window) -> Query:
    """Changes of state since `LONGEST_MS` before the end of `window`, newest first."""
    whole = Window(start_ms=window.end_ms - LONGEST_MS, end_ms=window.end_ms)
    return Query(name="fired", params=bounds(whole) | {"project": view.project, "limit": _MOST_EVENTS})


def deliveries(window: Window) -> Query:
    """Delivery attempts in the range."""
    return Query(name="alert_deliveries", params=bounds(window))


def alert(event_id: str, now_ms: int) -> Query:
    """All events of the rule and group that this event is of, oldest first."""
    return Query(name="alert", params=bounds(_ever(now_ms)) | {"event_id": event_id})


def told(events: Sequence[str], now_ms: int) -> Query:
    """Attempts to tell of these events."""
    return Query(name="told", params=bounds(_ever(now_ms)) | {"events": list(events)})


def measured(view: View, window: Window, measure: str, bucket_ms: int) -> Query:
    """`figure` by `bucket`: -1 ends with the window and has `bucket_ms`, -2 is the one before it, and so on."""
    return Query(name="measured", params=bounds(window) | filters(view) | {"measure": measure, "bucket_ms": bucket_ms})


def _ever(now_ms: int) -> Window:
    return Window(start_ms=now_ms - LONGEST_MS, end_ms=now_ms + DAY_MS)
