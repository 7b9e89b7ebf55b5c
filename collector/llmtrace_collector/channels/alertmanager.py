"""The webhook JSON of Prometheus Alertmanager, version 4, for receivers that already understand it.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config: one group with one alert. Signed by Standard
Webhooks too where a secret is given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

from llmtrace_collector.channels import signing
from llmtrace_collector.channels.channel import HttpChannel, as_json, json_headers
from llmtrace_collector.channels.message import Request
from llmtrace_collector.channels.notice import Notice, Status
from llmtrace_collector.channels.text import fit

_VALUE = 1_024
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]", re.ASCII)
_NEVER = "0001-01-01T00:00:00Z"
"""The zero time of Go: an alert that has not ended."""


@dataclass(frozen=True, kw_only=True)
class Alertmanager(HttpChannel):
    """A receiver of what Alertmanager's `webhook_config` sends."""

    kind: ClassVar[str] = "alertmanager"

    keys: tuple[bytes, ...] = field(default=(), repr=False)
    """As those of `Webhook`; none: not signed."""

    def message(self, notice: Notice, at: datetime) -> Request:
        """See `Channel`."""
        body = as_json(payload(notice, self.name or "llmtrace"))
        headers = json_headers()
        if self.keys:
            headers |= signing.headers(self.keys, message_id=notice.id, timestamp_s=int(at.timestamp()), body=body)
        return Request(url=self.url, body=body, headers=headers)


def payload(notice: Notice, receiver: str) -> dict[str, Any]:
    """A group of one; acknowledged is firing, as Alertmanager knows no acknowledgement."""
    labels = _labels(notice.labels)
    group = {"alertname": labels.get("alertname", "")}
    status = "resolved" if notice.status is Status.RESOLVED else "firing"
    annotations = {"summary": fit(notice.title, _VALUE), "description": fit(notice.summary, 4 * _VALUE)}
    annotations |= {"runbook_url": notice.runbook} if notice.runbook else {}
    alert = {
        "status": status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": _rfc3339(notice.since),
        "endsAt": _rfc3339(notice.at) if status == "resolved" else _NEVER,
        "generatorURL": notice.link,
        "fingerprint": notice.key[-16:],
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{_quoted(group["alertname"])}"}}:{notice.key}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": _root(notice.link),
        "alerts": [alert],
    }


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    """With names as Prometheus has them: letters, digits and underscores, no digit first."""
    named: dict[str, str] = {}
    for key, value in labels.items():
        name = _NOT_IN_NAMES.sub("_", key) or "_"
        named[f"_{name}" if name[0].isdigit() else name] = fit(value, _VALUE)
    return named


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _root(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.scheme}://{parts.netloc}" if link else ""
