"""Microsoft Teams by a Workflow's webhook and an Adaptive Card.

The old connectors are retired; a Workflow with the trigger "When a Teams webhook request is received" takes a message
whose attachment is a card (https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook,
https://adaptivecards.io/explorer/AdaptiveCard.html). Text blocks read Markdown, so texts of strangers are escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from llmtrace_collector.channels.channel import HttpChannel, as_json
from llmtrace_collector.channels.message import Request
from llmtrace_collector.channels.notice import Notice, Severity, Status
from llmtrace_collector.channels.text import MARKDOWN, fit

MOST_BYTES = 28 * 1024
"""Of a whole message."""

_TITLE = 300
_SUMMARY = 3_000
_FACT = 500
_MOST_FACTS = 30
_LINK = 4_000
_COLOURS = {Severity.CRITICAL: "Attention", Severity.WARNING: "Warning", Severity.INFO: "Accent"}


@dataclass(frozen=True, kw_only=True)
class Teams(HttpChannel):
    """A channel or chat of Microsoft Teams; its URL is a secret."""

    kind: ClassVar[str] = "teams"

    def message(self, notice: Notice, at: datetime) -> Request:  # noqa: ARG002 - as `Channel` has it
        """See `Channel`."""
        return self.post(payload(notice))


def payload(notice: Notice) -> dict[str, Any]:
    """The card; facts that do not fit into 28 KB are left out from the end."""
    facts = [{"title": fit(n, 100, MARKDOWN), "value": fit(v, _FACT, MARKDOWN)} for n, v in notice.facts[:_MOST_FACTS]]
    while True:
        message = _message(notice, facts)
        if len(as_json(message)) <= MOST_BYTES or not facts:
            return message
        facts.pop()


def _message(notice: Notice, facts: list[dict[str, str]]) -> dict[str, Any]:
    colour = _COLOURS[notice.severity] if notice.status is Status.FIRING else "Good"
    title = {"type": "TextBlock", "text": fit(notice.title, _TITLE, MARKDOWN), "wrap": True}
    body: list[dict[str, Any]] = [
        title | {"size": "Medium", "weight": "Bolder", "color": colour},
        {"type": "TextBlock", "text": fit(notice.summary, _SUMMARY, MARKDOWN), "wrap": True},
    ]
    if facts:
        body.append({"type": "FactSet", "facts": list(facts)})
    card: dict[str, Any] = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": body,
    }
    links = (("See the calls", notice.link), ("Runbook", notice.runbook))
    actions = [{"type": "Action.OpenUrl", "title": t, "url": u} for t, u in links if u and len(u) <= _LINK]
    if actions:
        card["actions"] = actions
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}
