"""PagerDuty by Events API v2 (https://developer.pagerduty.com/docs/events-api-v2-overview).

Firing triggers, acknowledged acknowledges and resolved resolves the incident with the alert's own key, so that an
alert that comes again while its incident is open joins it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from llmtrace_collector.channels.channel import HttpChannel
from llmtrace_collector.channels.message import Request
from llmtrace_collector.channels.notice import Notice, Status
from llmtrace_collector.channels.text import fit

URL = "https://events.pagerduty.com"
"""Accounts in the EU have https://events.eu.pagerduty.com."""

_ACTIONS = {Status.FIRING: "trigger", Status.ACKNOWLEDGED: "acknowledge", Status.RESOLVED: "resolve"}
_SUMMARY = 1_024
_NAME = 255
_DETAIL = 1_024
_MOST_DETAILS = 50
"""At 3 bytes a character well below the 512,000 bytes of an event."""
_LINK = 4_000


@dataclass(frozen=True, kw_only=True)
class PagerDuty(HttpChannel):
    """A service of PagerDuty."""

    kind: ClassVar[str] = "pagerduty"

    url: str = field(default=URL, repr=False)
    routing_key: str = field(repr=False)
    """Of the service's integration "Events API v2"."""

    @property
    def account(self) -> str:
        """See `HttpChannel`."""
        return self.routing_key

    def message(self, notice: Notice, at: datetime) -> Request:  # noqa: ARG002 - as `Channel` has it
        """See `Channel`."""
        return self.post(event(notice, self.routing_key), path="/v2/enqueue")


def event(notice: Notice, routing_key: str) -> dict[str, Any]:
    """The event; only a trigger needs its payload."""
    content: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": _ACTIONS[notice.status],
        "dedup_key": notice.key,
    }
    if notice.status is not Status.FIRING:
        return content
    links = (("See the calls", notice.link), ("Runbook", notice.runbook))
    return content | {
        "client": "llmtrace",
        "links": [{"href": link, "text": text} for text, link in links if link and len(link) <= _LINK],
        "payload": {
            "summary": fit(f"{notice.title}. {notice.summary}", _SUMMARY),
            "source": "llmtrace",
            "severity": str(notice.severity),
            "timestamp": notice.at.isoformat(),
            "component": fit(notice.labels.get("alertname", ""), _NAME),
            "class": fit(notice.labels.get("kind", ""), _NAME),
            "custom_details": {fit(name, _NAME): fit(value, _DETAIL) for name, value in notice.facts[:_MOST_DETAILS]},
        },
    }
