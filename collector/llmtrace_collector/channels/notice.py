"""What people are told, whatever the channel: read from the body that webhooks get, put into words once.

    {"type": "alert.firing", "timestamp": ..., "data": {"rule": ..., "group": {...}, ...}}

Fields a body does not have are left out of the words, so bodies of older and newer versions are told too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from llmtrace_collector.channels.text import clean

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_ALERTS = 5
_EPOCH = "1970-01-01T00:00:00.000Z"
_STATES = {
    "alert.firing": "firing",
    "alert.resolved": "resolved",
    "alert.acknowledged": "acknowledged",
    "test.firing": "firing",
    "test.resolved": "resolved",
}


class Status(StrEnum):
    """What a notice does to what it is about."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Severity(StrEnum):
    """How much it matters."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One notice in words. Texts are as they came, of any length: a channel escapes and cuts them."""

    id: str
    """The `webhook-id`, constant over attempts, restarts and receivers."""
    key: str
    """The identity of what it is about, the same from firing to resolved and for the next episode; 42 characters."""
    status: Status
    severity: Severity
    at: datetime
    since: datetime
    title: str
    summary: str
    """One sentence."""
    facts: tuple[tuple[str, str], ...] = ()
    """What else is known, in the order in which it is shown."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """`alertname`, `severity`, `kind` and the group by key."""
    link: str = ""
    """Where to look, http or https; empty: nowhere."""
    runbook: str = ""
    """What to do, http or https; empty: nobody wrote it down."""
    body: bytes = field(default=b"", repr=False)
    """The JSON that webhooks get, byte for byte."""


def read(message_id: str, body: bytes) -> Notice:
    """The notice in `body`, as the outbox has it."""
    content = json.loads(body)
    data: dict[str, Any] = content.get("data") or {}
    told: str = content["type"]
    group = {str(key): str(value) for key, value in (data.get("group") or {}).items()}
    rule = str(data.get("rule") or told)
    severity = data.get("severity")
    severity = Severity(severity) if severity in set(Severity) else _severity(told)
    status = Status(_STATES.get(told, "firing"))
    at = str(content.get("timestamp") or _EPOCH)
    return Notice(
        id=message_id,
        key=_told_key(data) or key_of(rule, group),
        status=status,
        severity=severity,
        at=_moment(at),
        since=_moment(str(data.get("since") or at)),
        title=_title(told, status, rule, group, data),
        summary=_told(data.get("summary")) or _told(_sentence(status, data, group)) or "A notice of llmtrace.",
        facts=tuple(_facts(data, group, message_id)),
        labels={"alertname": rule, "severity": str(severity), "kind": str(data.get("kind") or told), **group},
        link=_web(data.get("link")),
        runbook=_web(data.get("runbook")),
        body=body,
    )


def _title(told: str, status: Status, rule: str, group: Mapping[str, str], data: Mapping[str, Any]) -> str:
    if told == "heartbeat":
        return rule
    count = data.get("count")
    several = f", {count} alerts" if isinstance(count, int) and count > 1 else ""
    return f"{status.upper()}: {rule}{_of(group)}{several}"


def _severity(told: str) -> Severity:
    return Severity.INFO if told.startswith("test.") else Severity.CRITICAL


def _told_key(data: Mapping[str, Any]) -> str:
    key = data.get("dedup_key")
    return key if isinstance(key, str) and _KEY.fullmatch(key) else ""


def key_of(rule: str, group: Mapping[str, str]) -> str:
    """The identity of an alert alone, as services that keep state have it; 42 characters."""
    text = json.dumps([rule, dict(group)], sort_keys=True)
    return "llmtrace-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:33]


def _of(group: Mapping[str, str]) -> str:
    return " (" + ", ".join(f"{key} {value}" for key, value in group.items()) + ")" if group else ""


def _told(text: object) -> str:
    """`text` where anything of it can be seen."""
    return str(text) if text and clean(str(text)) else ""


def _sentence(status: Status, data: Mapping[str, Any], group: Mapping[str, str]) -> str:
    """What is so, in the words of the kind of rule where it is known."""
    value, limit = data.get("value"), data.get("limit")
    if value is None or limit is None:
        return str(data.get("reason") or "A notice of llmtrace.")
    who = "All calls together" if not group else "Calls of " + ", ".join(f"{k} {v}" for k, v in group.items())
    over = f" over {_duration(data['window_s'])}" if data.get("window_s") else ""
    if data.get("kind") == "spend":
        shown, most = _dollars(value), _dollars(limit)
        verb = "cost"
    else:
        shown, most, verb = f"{value}", f"{limit}", "measure"
    if status is Status.FIRING:
        return f"{who} {verb} {shown}{over}, more than the limit of {most}."
    why = {"rule_removed": "the rule was removed", "rule_changed": "the rule was changed"}.get(str(data.get("reason")))
    return f"{who} {verb} {shown}{over}; {why or f'the limit is {most}'}."


def _facts(data: Mapping[str, Any], group: Mapping[str, str], message_id: str) -> list[tuple[str, str]]:
    money = _dollars if data.get("kind") == "spend" else str
    facts = [(key.capitalize(), value) for key, value in group.items()]
    facts += [(name.capitalize(), money(data[name])) for name in ("value", "limit") if name in data]
    if "expected" in data:
        facts.append(("Expected", _range(data["expected"], money)))
    if _told(data.get("explanation")):
        facts.insert(len(group), ("Why", str(data["explanation"])))
    if data.get("window_s"):
        facts.append(("Window", _duration(data["window_s"])))
    facts += [
        (name.capitalize(), str(data[name])) for name in ("since", "reason", "channel", "error") if data.get(name)
    ]
    return [*facts, *_alerts(data), ("Notice", message_id)]


def _alerts(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The alerts of a group, the first few of them: each in its own words."""
    several = data.get("alerts")
    alerts = [alert for alert in several if isinstance(alert, dict)] if isinstance(several, list) else []
    facts = []
    for alert in alerts[:_MOST_ALERTS]:
        group = {str(key): str(value) for key, value in (alert.get("group") or {}).items()}
        status = Status.RESOLVED if alert.get("state") == "resolved" else Status.FIRING
        words = _told(alert.get("summary")) or _sentence(status, alert, group)
        facts.append((status.capitalize(), f"{alert.get('rule')}: {words}"))
    more = len(alerts) - _MOST_ALERTS
    return [*facts, ("More", f"{more} alerts")] if more > 0 else facts


def _range(expected: object, words: Callable[[object], str]) -> str:
    if isinstance(expected, dict) and {"low", "high"} <= set(expected):
        return f"{words(expected['low'])} to {words(expected['high'])}"
    return words(expected)


def _dollars(amount: object) -> str:
    """With cents, or with as many digits as a small amount needs."""
    if not isinstance(amount, int | float):
        return f"{amount}"
    return f"${amount:,.2f}" if amount == 0 or abs(amount) >= 0.1 else f"${amount:.4g}"


def _duration(seconds: object) -> str:
    if not isinstance(seconds, int) or seconds <= 0:
        return f"{seconds} s"
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _web(link: object) -> str:
    return link if isinstance(link, str) and link.startswith(("http://", "https://")) else ""
