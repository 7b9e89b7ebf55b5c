"""Generated calls with a cause planted among them, in a real store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from llmtrace_collector import database
from llmtrace_collector.explain import Explanation, Question, Window, explain

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = Window(start=NOON - HOUR, end=NOON)

Call = dict[str, Any]
Plant = Callable[[Random, Call, bool], None]
"""Changes a call in place; told whether it lies in the window."""


@dataclass
class Store:
    """The embedded ClickHouse of this process."""

    client: Any

    def ask(self, sql: str, parameters: Any) -> list[dict[str, Any]]:
        return database.rows(self.client, sql, dict(parameters))

    def put(self, calls: list[Call]) -> None:
        if calls:
            self.client.insert("spans", [list(call.values()) for call in calls], column_names=list(calls[0]))

    def explain(self, measure: str, **options: Any) -> Explanation:
        given = {"window": WINDOW, "reference": WINDOW.before} | options
        return explain(self.ask, Question(measure=measure, **given))


def nothing(rng: Random, call: Call, now: bool) -> None:
    """No cause."""


def generate(seed: int, *, count: int = 2_000, plant: Plant = nothing, growth: float = 1.0) -> list[Call]:
    """`count` calls in the hour before the window, `growth` times as many in it; then the cause."""
    rng = Random(seed)
    calls = []
    for n in range(round(count * (1 + growth))):
        now = n >= count
        at = (WINDOW.start if now else WINDOW.start - HOUR) + HOUR * rng.random()
        call = _call(rng, at)
        plant(rng, call, now)
        calls.append(call)
    return calls


def fail(call: Call, error: str) -> None:
    """Makes a call fail."""
    call |= {
        "status_code": "ERROR",
        "error_type": error,
        "response_model": "",
        "system_fingerprint": "",
        "finish_reasons": [],
        "output_refused": None,
        "cost_usd": None,
    }


def _call(rng: Random, at: datetime) -> Call:
    model = rng.choices(("gpt-5-mini", "gpt-5", "claude-haiku-4-5"), (6, 3, 1))[0]
    tokens_in, tokens_out = round(rng.lognormvariate(6.5, 0.8)), round(rng.lognormvariate(5, 0.8))
    seconds = rng.lognormvariate(0, 0.6)
    call: Call = {
        "project": "shop",
        "timestamp": at,
        "received_at": at + timedelta(seconds=2),
        "trace_id": f"{rng.getrandbits(128) | 1:032x}",
        "span_id": f"{rng.getrandbits(64) | 1:016x}",
        "kind": "CLIENT",
        "is_call": True,
        "operation": "chat",
        "provider": "anthropic" if model.startswith("claude") else "openai",
        "request_model": model,
        "response_model": f"{model}-2026-08-07",
        "model": model,
        "system_fingerprint": "fp_1",
        "request_service_tier": "default",
        "service_name": rng.choices(("assistant", "search", "mail"), (5, 3, 2))[0],
        "environment": rng.choices(("production", "staging"), (9, 1))[0],
        "status_code": "UNSET",
        "error_type": "",
        "finish_reasons": ["stop"],
        "output_refused": rng.random() < 0.02,
        "stream": rng.random() < 0.5,
        "duration_ns": round(seconds * 1e9),
        "time_to_first_token_ns": round(seconds * 2e8),
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "cost_usd": _cost(tokens_in, tokens_out),
        "user_id": f"user-{min(300, int(rng.paretovariate(0.8)))}",
        "session_id": f"session-{rng.randrange(400)}",
        "prompt_name": "answer",
        "prompt_version": "11",
        "feature": rng.choice(("chat", "summaries", "triage")),
        "team": rng.choice(("blue", "green")),
        "tags": [rng.choice(("a", "b"))],
        "attributes": {"server.address": "api.example.com"},
        "resource_attributes": {"service.version": "1.4.2"},
    }
    if rng.random() < 0.01:
        fail(call, rng.choice(("RateLimitError", "InternalServerError")))
    return call


def _cost(tokens_in: int, tokens_out: int, factor: int = 1) -> Decimal:
    return factor * (Decimal(tokens_in) * Decimal("0.000001") + Decimal(tokens_out) * Decimal("0.000004"))


def reprice(call: Call, factor: int = 1) -> None:
    """The cost of its tokens, so many times the list price."""
    if call["cost_usd"] is not None:
        call["cost_usd"] = _cost(call["input_tokens"], call["output_tokens"], factor)
