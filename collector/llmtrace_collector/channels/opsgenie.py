"""Opsgenie by its Alert API (https://docs.opsgenie.com/docs/alert-api): create, acknowledge and close by alias.

Atlassian ends Opsgenie in April 2027 and sells no new accounts; Jira Service Management has the same API at another
URL, which `url` takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from llmtrace_collector.channels.channel import HttpChannel
from llmtrace_collector.channels.message import Request
from llmtrace_collector.channels.notice import Notice, Severity, Status
from llmtrace_collector.channels.text import fit

URL = "https://api.opsgenie.com"
"""Accounts in the EU have https://api.eu.opsgenie.com."""

_PATHS = {Status.ACKNOWLEDGED: "acknowledge", Status.RESOLVED: "close"}
_PRIORITIES = {Severity.CRITICAL: "P1", Severity.WARNING: "P3", Severity.INFO: "P5"}
_MESSAGE = 130
_DESCRIPTION = 15_000
_NOTE = 25_000
_ENTITY = 512
_TAG = 50
_DETAILS = 8_000
"""Of names and values together."""
_DETAIL = 500


@dataclass(frozen=True, kw_only=True)
class Opsgenie(HttpChannel):
    """A team's API integration in Opsgenie."""

    kind: ClassVar[str] = "opsgenie"

    url: str = field(default=URL, repr=False)
    api_key: str = field(repr=False)

    @property
    def account(self) -> str:
        """See `HttpChannel`."""
        return self.api_key

    def message(self, notice: Notice, at: datetime) -> Request:  # noqa: ARG002 - as `Channel` has it
        """See `Channel`."""
        content, path = request(notice)
        return self.post(content, path=path, headers={"authorization": f"GenieKey {self.api_key}"})


def request(notice: Notice) -> tuple[dict[str, Any], str]:
    """The body and the path below the API's URL."""
    if notice.status is not Status.FIRING:
        note = fit(f"{notice.title}. {notice.summary}", _NOTE)
        path = f"/v2/alerts/{notice.key}/{_PATHS[notice.status]}?identifierType=alias"
        return {"source": "llmtrace", "note": note}, path
    links = (("Calls", notice.link), ("Runbook", notice.runbook))
    words = " ".join([notice.summary, *(f"{text}: {link}" for text, link in links if link)])
    return {
        "message": fit(notice.title, _MESSAGE),
        "alias": notice.key,
        "description": fit(words, _DESCRIPTION),
        "priority": _PRIORITIES[notice.severity],
        "source": "llmtrace",
        "entity": fit(notice.labels.get("alertname", ""), _ENTITY),
        "tags": ["llmtrace", fit(notice.labels.get("kind", "alert"), _TAG)],
        "details": _details(notice),
    }, "/v2/alerts"


def _details(notice: Notice) -> dict[str, str]:
    details: dict[str, str] = {}
    room = _DETAILS
    for name, value in notice.facts:
        short, long = fit(name, _DETAIL), fit(value, _DETAIL)
        room -= 2 * (len(short) + len(long))
        if room < 0:
            break
        details[short] = long
    return details
