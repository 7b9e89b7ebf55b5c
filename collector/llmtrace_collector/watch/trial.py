"""What `llmtrace webhooks test` sends: a notice that says it is a test, and its end where a service keeps state."""

from __future__ import annotations

from datetime import datetime

from llmtrace_collector.channels import Channel, Notice
from llmtrace_collector.channels.channel import as_json
from llmtrace_collector.channels.notice import read
from llmtrace_collector.watch.times import iso

_KEEPING_STATE = {"pagerduty", "opsgenie", "alertmanager"}


def notices(channel: Channel, message_id: str, at: datetime) -> list[Notice]:
    """The trial's notices, in the order in which they go out; pure."""
    types = ["test.firing", *(["test.resolved"] if channel.kind in _KEEPING_STATE else [])]
    return [read(f"{message_id}{number or ''}", _body(told, channel, at)) for number, told in enumerate(types)]


def _body(told: str, channel: Channel, at: datetime) -> bytes:
    data = {
        "rule": "llmtrace test",
        "kind": "test",
        "group": {},
        "state": told.removeprefix("test."),
        "reason": "test",
        "since": iso(at),
        "summary": f"This is a test of the channel {channel}: nothing is wrong.",
    }
    return as_json({"type": told, "timestamp": iso(at), "data": data})
