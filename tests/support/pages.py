"""Every page of the app, by name, as a path that shows something on the seeded store."""

from __future__ import annotations

from support.app import Seeded


def paths(seeded: Seeded) -> dict[str, str]:
    """Path and query of each page."""
    call = next(span for span in seeded.seed.spans if span["is_call"])
    return {
        "overview": "",
        "spend": "spend",
        "latency": "latency",
        "quality": "quality",
        "traces": "traces",
        "trace": f"trace?trace_id={call['trace_id']}&span={call['span_id']}",
        "alerts": "alerts",
        "health": "health",
    }
