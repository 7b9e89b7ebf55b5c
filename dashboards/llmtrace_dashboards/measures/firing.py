"""When an alert fired, from its changes of state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Event = Mapping[str, Any]


def periods(events: Sequence[Event], now_ms: int) -> list[tuple[int, int]]:
    """From when to when the alert fired, in milliseconds; what still fires lasts until now."""
    found: list[tuple[int, int]] = []
    start: int | None = None
    for event in events:
        if event["state"] == "firing":
            start = event["at_ms"] if start is None else start
        elif start is not None and event["state"] in {"resolved", "inactive"}:
            found.append((start, event["at_ms"]))
            start = None
    return [*found, (start, now_ms)] if start is not None else found
