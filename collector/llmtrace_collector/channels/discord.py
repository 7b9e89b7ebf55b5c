"""Discord by webhook and one embed (https://docs.discord.com/developers/resources/message#embed-object).

Markdown is escaped, and `allowed_mentions` allows none: whatever a user calls himself, nobody is pinged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from llmtrace_collector.channels.channel import HttpChannel
from llmtrace_collector.channels.message import Request
from llmtrace_collector.channels.notice import Notice, Severity, Status
from llmtrace_collector.channels.text import MARKDOWN, fit

_TITLE = 256
_DESCRIPTION = 4_096
_FIELD_NAME = 256
_FIELD_VALUE = 1_024
_MOST_FIELDS = 25
_ALL = 6_000
"""Of title, description, names, values and footer together."""
_URL = 2_048
_COLOURS = {Severity.CRITICAL: 0xD92D20, Severity.WARNING: 0xF79009, Severity.INFO: 0x2E90FA}
_GREEN = 0x12B76A


@dataclass(frozen=True, kw_only=True)
class Discord(HttpChannel):
    """A channel of a Discord server; its URL is a secret."""

    kind: ClassVar[str] = "discord"

    def message(self, notice: Notice, at: datetime) -> Request:  # noqa: ARG002 - as `Channel` has it
        """See `Channel`."""
        return self.post(payload(notice))


def payload(notice: Notice) -> dict[str, Any]:
    """One embed, within all of Discord's limits."""
    title = fit(notice.title, _TITLE, MARKDOWN)
    description = fit(notice.summary, _DESCRIPTION, MARKDOWN)
    embed: dict[str, Any] = {
        "title": title,
        "description": description,
        "color": _COLOURS[notice.severity] if notice.status is Status.FIRING else _GREEN,
        "timestamp": notice.at.isoformat(),
        "fields": _fields(notice, _ALL - 2 * len(title) - 2 * len(description)),
    }
    if notice.link and len(notice.link) <= _URL:
        embed["url"] = notice.link
    return {"username": "llmtrace", "embeds": [embed], "allowed_mentions": {"parse": []}}


def _fields(notice: Notice, room: int) -> list[dict[str, Any]]:
    """As many facts as there is room for."""
    facts = [*notice.facts, *([("Runbook", notice.runbook)] if notice.runbook else [])]
    fields: list[dict[str, Any]] = []
    for name, value in facts[:_MOST_FIELDS]:
        field = {"name": fit(name, _FIELD_NAME, MARKDOWN) or "-", "value": fit(value, _FIELD_VALUE, MARKDOWN) or "-"}
        room -= 2 * (len(field["name"]) + len(field["value"]))
        if room < 0:
            break
        fields.append(field | {"inline": len(value) < 40})
    return fields
