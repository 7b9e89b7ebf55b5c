"""Realistic rows, made from a fixed seed, and nothing else: what the tests put in the store and compare with.

240 traces over the last 20 hours and 60 over the 20 hours before: trees of 3-8 spans, three priced models and one
without a price, users, services, errors, captured messages, some of them hostile.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

PRICES = {"gpt-5-mini": "0.00000091", "gpt-5": "0.0000071", "text-embedding-3-small": "0.00000002", "local-llama": None}
USERS = ("ana", "bo", "chen", "d'Arc <dora@example.com>", "עידו")
SERVICES = (("assistant", "production"), ("assistant", "staging"), ("indexer", "production"))
HOSTILE = (
    "<script>alert(1)</script>",
    "![x](http://evil.example/x.png)",
    "שלום, [click](javascript:alert(1)) مرحبا",
    "<img src=http://evil.example/y.png onerror=alert(2)> :material/delete: $\\frac{1}{0}$",
)
LONG = "All work and no play. " * 9_000
"""A prompt of 198 kB."""


@dataclass
class Seed:
    """Rows by table."""

    spans: list[dict[str, Any]] = field(default_factory=list)
    span_content: list[dict[str, Any]] = field(default_factory=list)
    alert_events: list[dict[str, Any]] = field(default_factory=list)
    alert_deliveries: list[dict[str, Any]] = field(default_factory=list)

    def calls(self, start_ms: int, end_ms: int, **equal: Any) -> list[dict[str, Any]]:
        """Calls of a window whose columns equal what is given."""
        return [
            s
            for s in self.spans
            if s["is_call"] and start_ms <= millis(s["timestamp"]) < end_ms and all(s[k] == v for k, v in equal.items())
        ]

    def insert(self, client: Any) -> None:
        """Puts the rows into a database that has the schema."""
        for table in ("spans", "span_content", "alert_events", "alert_deliveries"):
            rows: Sequence[dict[str, Any]] = getattr(self, table)
            if rows:
                names = list(rows[0])
                client.insert(table, [[row[n] for n in names] for row in rows], column_names=names)


def millis(when: datetime) -> int:
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def make(now: datetime) -> Seed:
    """The rows as of `now`, which is cut to a minute: traces end before it."""
    rng = random.Random(7)
    now = now.replace(second=0, microsecond=0)
    seed = Seed()
    for n in range(300):
        hours = rng.uniform(0.2, 20) if n < 240 else rng.uniform(26, 46)
        _trace(seed, rng, now - timedelta(hours=hours), n)
    _alerts(seed, now)
    return seed


def _trace(seed: Seed, rng: random.Random, start: datetime, n: int) -> None:
    trace_id = f"{rng.getrandbits(128) | 1:032x}"
    service, environment = rng.choices(SERVICES, (6, 1, 2))[0]
    common = {
        "project": "default",
        "trace_id": trace_id,
        "service_name": service,
        "environment": environment,
        "user_id": rng.choices(USERS, (5, 3, 2, 2, 1))[0],
        "session_id": f"s{n % 40}",
        "resource_attributes": {"service.name": service, "deployment.environment.name": environment},
    }
    root_id = f"{rng.getrandbits(64) | 1:016x}"
    at, failed = start + timedelta(milliseconds=4), False
    for child in range(rng.randint(2, 7)):
        kind = rng.choices(("call", "tool"), (3, 1))[0]
        span = _call(rng, n, child) if kind == "call" else _tool(rng)
        span |= common | {"span_id": f"{rng.getrandbits(64) | 1:016x}", "parent_span_id": root_id, "timestamp": at}
        failed = failed or span["status_code"] == "ERROR"
        seed.spans.append(_complete(span))
        if span["is_call"] and n % 3 == 0:
            seed.span_content.append(_content(span, LONG if not seed.span_content else span["input_preview"]))
        at += timedelta(microseconds=span["duration_ns"] // 1000 + rng.randint(100, 9_000))
    root = common | {
        "span_id": root_id,
        "parent_span_id": "",
        "timestamp": start,
        "name": rng.choice(("answer question", "summarise ticket", "index document")),
        "kind": "SERVER",
        "operation": "invoke_agent",
        "duration_ns": (at - start) // timedelta(microseconds=1) * 1000,
        "status_code": "ERROR" if failed and n % 2 else "UNSET",
    }
    seed.spans.append(_complete(root))


def _call(rng: random.Random, n: int, child: int) -> dict[str, Any]:
    model = rng.choices(list(PRICES), (6, 3, 2, 1))[0]
    error = rng.random() < 0.06
    reported = not error and rng.random() > 0.02
    tokens_in, tokens_out = rng.randint(50, 9_000), rng.randint(1, 900)
    price = PRICES[model]
    latency_ns = int(rng.lognormvariate(0, 0.7) * 9e8)
    streamed = not error and rng.random() < 0.5
    return {
        "name": f"chat {model}",
        "kind": "CLIENT",
        "is_call": True,
        "operation": "chat",
        "provider": "openai",
        "request_model": model,
        "response_model": "" if error else f"{model}-2026-08-07",
        "model": model,
        "duration_ns": latency_ns,
        "status_code": "ERROR" if error else "UNSET",
        "error_type": "RateLimitError" if error else "",
        "status_message": "Error code: 429 - <b>slow down</b>" if error else "",
        "finish_reasons": [] if error else ["stop"],
        "stream": streamed,
        "input_tokens": tokens_in if reported else None,
        "output_tokens": tokens_out if reported else None,
        "cached_input_tokens": tokens_in // 3 if reported else None,
        "cost_usd": Decimal(price) * (tokens_in + 4 * tokens_out) if reported and price else None,
        "time_to_first_token_ns": int(latency_ns * rng.uniform(0.1, 0.6)) if streamed else None,
        **_quality(n, child, error=error),
        "input_preview": HOSTILE[n % len(HOSTILE)] if child == 0 else "What is our refund policy?",
        "output_preview": "" if error else "Refunds are possible within 30 days.",
        "attributes": {
            "gen_ai.request.model": model,
            "server.address": "api.openai.com",
            "app.note": HOSTILE[child % 4],
            **({"llmtrace.guardrail.verdict": "block"} if (3 * n + child) % 50 == 0 else {}),
        },
    }


def _quality(n: int, child: int, *, error: bool) -> dict[str, Any]:
    """What is told of the answer: of an error nothing, of some if they are JSON, of all others if they are whole."""
    version = {"prompt_name": "refunds", "prompt_version": "v2" if n < 120 else "v1"}
    if error:
        return version
    told = n % 4 == 0
    return version | {
        "output_refused": (7 * n + child) % 41 == 0,
        "output_truncated": (5 * n + child) % 67 == 0,
        "output_empty": False,
        "json_valid": n % 20 != 0 if told else None,
        "unlikely_share": ((3 * n + child) % 11) / 40 if told else None,
    }


def _tool(rng: random.Random) -> dict[str, Any]:
    return {
        "name": "execute_tool search_orders",
        "kind": "INTERNAL",
        "operation": "execute_tool",
        "duration_ns": rng.randint(2_000_000, 300_000_000),
        "is_call": False,
        "status_code": "UNSET",
    }


def _content(span: dict[str, Any], text: str) -> dict[str, Any]:
    user = {"role": "user", "parts": [{"type": "text", "content": text}]}
    tool = {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "c1", "name": "search_orders", "arguments": {"q": HOSTILE[0]}}],
    }
    result = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": {"orders": 2}}]}
    answer = {
        "role": "assistant",
        "parts": [{"type": "text", "content": span["output_preview"]}],
        "finish_reason": "stop",
    }
    return {
        "project": span["project"],
        "timestamp": span["timestamp"],
        "trace_id": span["trace_id"],
        "span_id": span["span_id"],
        "system_instructions": json.dumps([{"type": "text", "content": "You are a careful assistant."}]),
        "input_messages": json.dumps([user, tool, result]),
        "output_messages": json.dumps([answer]) if span["output_preview"] else "",
        "tool_definitions": "",
    }


_DEFAULTS: dict[str, Any] = {
    "project": "default",
    "timestamp": None,
    "trace_id": "",
    "span_id": "",
    "parent_span_id": "",
    "name": "",
    "kind": "INTERNAL",
    "service_name": "",
    "environment": "",
    "prompt_name": "",
    "prompt_version": "",
    "output_refused": None,
    "output_truncated": None,
    "output_empty": None,
    "json_valid": None,
    "unlikely_share": None,
    "duration_ns": 0,
    "status_code": "UNSET",
    "status_message": "",
    "error_type": "",
    "is_call": False,
    "operation": "",
    "provider": "",
    "request_model": "",
    "response_model": "",
    "model": "",
    "finish_reasons": [],
    "stream": False,
    "input_tokens": None,
    "output_tokens": None,
    "cached_input_tokens": None,
    "cost_usd": None,
    "time_to_first_token_ns": None,
    "user_id": "",
    "session_id": "",
    "input_preview": "",
    "output_preview": "",
    "attributes": {},
    "resource_attributes": {},
    "received_at": None,
}


def _complete(span: dict[str, Any]) -> dict[str, Any]:
    return _DEFAULTS | span | {"received_at": span["timestamp"] + timedelta(seconds=2)}


def _alerts(seed: Seed, now: datetime) -> None:
    def event(n: int, hours: float, rule: str, group: dict[str, str], state: str, **more: Any) -> None:
        at = now - timedelta(hours=hours)
        seed.alert_events.append(
            {
                "timestamp": at,
                "event_id": f"evt_{n}",
                "project": "default",
                "rule": rule,
                "kind": "spend",
                "group_key": json.dumps(group, sort_keys=True),
                "group_values": group,
                "state": state,
                "reason": "held" if state == "firing" else "back_under" if state == "resolved" else "over_limit",
                "value": Decimal("0.42"),
                "limit_value": Decimal("0.25"),
                "window_s": 3600,
                "since": at,
                "link": link(at, group),
            }
            | more
        )

    ana = {"user": "ana", "model": "gpt-5"}
    dora = {"user": USERS[3], "model": "gpt-5-mini"}
    event(1, 3.1, "hourly spend per user", ana, "pending")
    event(2, 3.0, "hourly spend per user", ana, "firing")
    event(3, 9.0, "hourly spend per user", dora, "firing")
    event(4, 7.5, "hourly spend per user", dora, "resolved", value=Decimal("0.11"))
    event(
        5,
        0.5,
        "daily spend",
        {"model": "gpt-5"},
        "pending",
        value=Decimal("2.1"),
        limit_value=Decimal(2),
        window_s=86_400,
    )
    outcomes = (
        (2, 1, "retry", 503, "Service Unavailable <b>x</b>"),
        (2, 2, "delivered", 200, ""),
        (3, 1, "failed", 0, "no answer"),
    )
    for n, attempt, outcome, status, error in outcomes:
        seed.alert_deliveries.append(
            {
                "timestamp": now - timedelta(hours=3) + timedelta(seconds=5 * attempt),
                "event_id": f"evt_{n}",
                "webhook": "https://hooks.example.com",
                "attempt": attempt,
                "outcome": outcome,
                "http_status": status,
                "error": error,
            }
        )


def link(at: datetime, group: dict[str, str]) -> str:
    """The link of a webhook, as the watch writes it."""
    from urllib.parse import urlencode

    return "/traces?" + urlencode({"from": millis(at) - 3_600_000, "to": millis(at), **group})
