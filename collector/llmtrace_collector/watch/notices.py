"""The body of a notice and the link in it: pure functions of a transition."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from llmtrace_collector.watch import windows
from llmtrace_collector.watch.groups import group_of
from llmtrace_collector.watch.times import iso, to_ms

if TYPE_CHECKING:
    from llmtrace_collector.explain import Explanation
    from llmtrace_collector.watch.transition import Transition
    from llmtrace_collector.watch.verdict import Number

OVERFLOW = "(other)"
"""The user under which spend_1m sums those beyond its bound; no call carries it, so no link can filter by it."""


def body(transition: Transition, dashboard_url: str) -> bytes:
    """The JSON that is signed and sent, the same bytes on every attempt.

    Money is a JSON number: a double, so exact to 15 digits, which is a thousandth of a millionth of a dollar at a
    limit of 100,000. The exact decimals stand in `alert_events`.
    """
    content: dict[str, Any] = {
        "type": f"alert.{transition.state}",
        "timestamp": iso(transition.at),
        "data": {
            "rule": transition.rule,
            "kind": transition.kind,
            "group": group_of(transition.key),
            "state": str(transition.state),
            "severity": str(transition.severity),
            "reason": str(transition.decision.reason),
            "value": _number(transition.value),
            "limit": _number(transition.limit),
            "window_s": transition.window // timedelta(seconds=1),
            "since": iso(transition.since),
            "link": link(transition, dashboard_url),
        },
    }
    content["data"] |= _told(transition)
    if transition.explanation:
        content["data"] |= transition.explanation.plain()
        content["data"]["explained_link"] = explained_link(transition.explanation, dashboard_url)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _told(transition: Transition) -> dict[str, Any]:
    """What only some rules tell."""
    expected = transition.expected
    found = {
        "measure": transition.measure,
        "unit": transition.unit,
        "summary": transition.summary,
        "expected": {"low": expected[0], "high": expected[1]} if expected else None,
        "runbook": transition.runbook,
    }
    return {name: value for name, value in found.items() if value}


def explained_link(explanation: Explanation, dashboard_url: str) -> str:
    """The dashboard's list of exactly the calls that are explained; empty where there are none."""
    if not explanation.query:
        return ""
    return f"{dashboard_url.rstrip('/')}/traces?{urlencode(explanation.query)}"


def link(transition: Transition, dashboard_url: str) -> str:
    """The dashboard's list of the calls behind the figure: absolute times, so that it shows the same tomorrow."""
    group = group_of(transition.key)
    names = {"user": "user", "model": "model", "project": "p"}
    filters = {name: group[key] for key, name in names.items() if group.get(key, "") not in {"", OVERFLOW}}
    start = windows.start(transition.since, transition.window)
    query = urlencode({"from": to_ms(start), "to": to_ms(transition.at), **filters})
    return f"{dashboard_url.rstrip('/')}/traces?{query}"


def _number(amount: Number) -> float | int:
    return int(amount) if amount == int(amount) else float(amount)
