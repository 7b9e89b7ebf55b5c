"""Columns that people group and filter by, promoted from the map of attributes."""

from __future__ import annotations

from typing import Any

from llmtrace_collector.database import rows
from llmtrace_collector.signals import Signal
from support.landing import land
from support.otlp import CALL, request, span
from support.services import Stack

SENT: dict[str, Any] = {
    **CALL,
    "gen_ai.agent.name": "planner",
    "gen_ai.tool.name": "search",
    "gen_ai.prompt.name": "greeting",
    "gen_ai.prompt.version": "7",
    "llmtrace.feature": "checkout",
    "llmtrace.team": "growth",
    "llmtrace.tags": ["beta", 'with "quotes"'],
    "openai.response.system_fingerprint": "fp_1",
    "openai.request.service_tier": "priority",
    "openai.response.service_tier": "default",
    "llmtrace.output.refused": False,
    "llmtrace.output.truncated": True,
    "llmtrace.output.empty": False,
    "llmtrace.output.json_valid": True,
    "llmtrace.output.schema_valid": False,
    "llmtrace.tool_calls.json_valid": True,
    "llmtrace.tool_calls.schema_valid": True,
    "llmtrace.confidence.mean_logprob": -0.25,
    "llmtrace.confidence.min_logprob": -3.5,
    "llmtrace.confidence.low_share": 0.125,
}
ROW = {
    "convention": "genai",
    "agent_name": "planner",
    "tool_name": "search",
    "prompt_name": "greeting",
    "prompt_version": "7",
    "feature": "checkout",
    "team": "growth",
    "tags": ["beta", 'with "quotes"'],
    "system_fingerprint": "fp_1",
    "request_service_tier": "priority",
    "response_service_tier": "default",
    "service_tier": "default",
    "output_refused": False,
    "output_truncated": True,
    "output_empty": False,
    "json_valid": True,
    "schema_valid": False,
    "tool_calls_json_valid": True,
    "tool_calls_schema_valid": True,
    "mean_logprob": -0.25,
    "min_logprob": -3.5,
    "unlikely_share": 0.125,
}


def stored(stack: Stack, attributes: dict[str, Any]) -> dict[str, Any]:
    one = span(attributes)
    land(stack, Signal.TRACES, request(one))
    sql = f"SELECT {', '.join(ROW)} FROM spans WHERE trace_id = {{id:String}}"
    (found,) = rows(stack.reader(), sql, {"id": one.trace_id.hex()})
    return found


def test_what_a_call_says_of_itself_is_in_columns(stack: Stack) -> None:
    assert stored(stack, SENT) == ROW


def test_what_a_span_does_not_say_is_null_or_empty(stack: Stack) -> None:
    told = {"output_refused", "output_truncated", "output_empty", "json_valid", "schema_valid"}
    told |= {"tool_calls_json_valid", "tool_calls_schema_valid", "mean_logprob", "min_logprob", "unlikely_share"}
    assert stored(stack, {}) == {name: None if name in told else [] if name == "tags" else "" for name in ROW}


def test_the_tier_asked_for_stands_in_for_one_that_is_not_answered(stack: Stack) -> None:
    assert stored(stack, {**CALL, "openai.request.service_tier": "flex"})["service_tier"] == "flex"
