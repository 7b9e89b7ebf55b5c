"""Whoever sent the span, its columns are the same: spans as each convention has them, and recorded ones."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from llmtrace_collector.schema.dialects import names, values
from llmtrace_collector.signals import Signal
from support.conventions import ASKED, CHAT, SENT, TOLD, found, text
from support.landing import land
from support.otlp import key_values, request, span
from support.services import Stack

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture(scope="module")
def stored(stack: Stack) -> dict[str, tuple[dict[str, Any], dict[str, Any] | None]]:
    """Rows of `spans` and `span_content` of each example, all in one insert."""
    spans = {case: span(sent[0]) for case, sent in SENT.items()}
    land(stack, Signal.TRACES, request(*spans.values()))
    of_spans = {row["trace_id"]: row for row in found(stack, "spans", *(s.trace_id for s in spans.values()))}
    content = {row["trace_id"]: row for row in found(stack, "span_content", *(s.trace_id for s in spans.values()))}
    return {case: (of_spans[s.trace_id.hex()], content.get(s.trace_id.hex())) for case, s in spans.items()}


@pytest.mark.parametrize("case", SENT)
def test_a_span_of_any_convention_fills_the_same_columns(case: str, stored: Any) -> None:
    row, expected = stored[case][0], SENT[case][1]
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize("case", SENT)
def test_what_was_said_is_in_the_content_table_alone(case: str, stored: Any) -> None:
    row, content = stored[case]
    sent, _, asked, told = SENT[case]
    if asked is None and told is None:
        assert content is None
        return
    for side, expected in (("input", asked), ("output", told)):
        got = content[f"{side}_messages"]
        assert (json.loads(got) if got else None) == expected
        assert content[f"{side}_format"] == (
            "" if expected is None else "messages" if isinstance(expected, list) else "json"
        )
    assert "Hello?" not in json.dumps(row["attributes"])
    # Nothing is lost by it: what was sent is on the span, or verbatim beside the messages made of it.
    verbatim = {"gen_ai.input.messages", "gen_ai.output.messages"}
    assert {*row["attributes"], *content["as_sent"]} >= sent.keys() - verbatim


def test_tokens_that_their_own_part_exceeds_were_counted_apart(stack: Stack) -> None:
    # As the API of Anthropic reports them; OpenTelemetry's input includes both.
    one = span(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.usage.input_tokens": 3,
            "gen_ai.usage.cache_read_input_tokens": 100,
            "gen_ai.usage.cache_creation_input_tokens": 20,
        }
    )
    land(stack, Signal.TRACES, request(one))
    (row,) = found(stack, "spans", one.trace_id)
    assert (row["input_tokens"], row["cached_input_tokens"], row["cache_write_input_tokens"]) == (123, 100, 20)


def test_messages_told_by_span_events_are_content(stack: Stack) -> None:
    one, other = (span({"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}) for _ in range(2))
    one.events.add(name="gen_ai.system.message", attributes=key_values({"content": "Be brief."}))
    one.events.add(name="gen_ai.user.message", attributes=key_values({"content": "Hello?", "role": "user"}))
    one.events.add(
        name="gen_ai.choice",
        attributes=key_values({"finish_reason": "stop", "message": '{"role": "assistant", "content": "Hi."}'}),
    )
    other.events.add(name="gen_ai.content.prompt", attributes=key_values({"gen_ai.prompt": json.dumps(CHAT)}))
    other.events.add(name="gen_ai.content.completion", attributes=key_values({"gen_ai.completion": "Hi."}))
    land(stack, Signal.TRACES, request(one, other))
    for each in (one, other):
        (content,) = found(stack, "span_content", each.trace_id)
        assert json.loads(content["input_messages"]) == ASKED
        assert json.loads(content["output_messages"])[0]["parts"] == TOLD[0]["parts"]
        (row,) = found(stack, "spans", each.trace_id)
        assert "Hello?" not in json.dumps(row["events.attributes"])
        assert (row["input_preview"], row["output_preview"]) == ("Hello?", "Hi.")


def bodies(name: str) -> Iterator[ExportTraceServiceRequest]:
    """What `recorded/record.py` wrote, moved to now: rows are not kept for ever."""
    content = (RECORDED / f"{name}.otlp").read_bytes()
    while content:
        length = int.from_bytes(content[:4], "little")
        message = ExportTraceServiceRequest.FromString(content[4 : 4 + length])
        content = content[4 + length :]
        for one in spans_of(message):
            later = time.time_ns() - one.end_time_unix_nano
            one.start_time_unix_nano += later
            one.end_time_unix_nano += later
            one.trace_id = os.urandom(16)
        yield message


def spans_of(message: ExportTraceServiceRequest) -> list[Span]:
    return [s for group in message.resource_spans for scope in group.scope_spans for s in scope.spans]


@pytest.mark.parametrize("name", ["openinference", "traceloop", "traceloop-0.40", "langfuse", "logfire"])
def test_real_instrumentations_tell_the_same_of_the_same_calls(stack: Stack, name: str) -> None:
    recorded = list(bodies(name))
    land(stack, Signal.TRACES, *(message.SerializeToString() for message in recorded))
    ids = [one.trace_id for message in recorded for one in spans_of(message)]
    calls = [row for row in found(stack, "spans", *ids) if row["is_call"]]
    assert {row["convention"] for row in calls} == {name.partition("-")[0]}
    counted = sorted(
        (r["operation"], r["input_tokens"] or 0, r["output_tokens"] or 0, r["cached_input_tokens"] or 0) for r in calls
    )
    streamed = (
        ("chat", 0, 0, 0) if name == "traceloop-0.40" else ("chat", 21, 6, 0)
    )  # that release tells no usage of streams
    assert counted == sorted([("chat", 21, 6, 0), streamed, ("chat", 12, 7, 4), ("embeddings", 3, 0, 0)])
    assert {row["model"].partition("-2024")[0] for row in calls} == {"gpt-4o", "text-embedding-3-small"}
    content = [row for row in found(stack, "span_content", *ids) if row["input_messages"].startswith("[")]
    greeting = [text("system", "Be brief."), text("user", "Say hello.")]
    asked = [json.loads(row["input_messages"]) for row in content]
    assert asked.count(greeting) >= 2
    told = [
        part
        for row in content
        if row["output_format"] == "messages"
        for m in json.loads(row["output_messages"])
        for part in m["parts"]
    ]
    assert {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Paris"}} in told
    assert {"type": "text", "content": "The answer is forty-two."} in told


def test_the_same_token_again_changes_nothing_whichever_way_a_span_goes(stack: Stack) -> None:
    one, other = span(SENT["genai"][0]), span(SENT["openinference"][0])
    for _ in range(3):
        land(stack, Signal.TRACES, request(one, other), token=one.trace_id.hex())
    assert len(found(stack, "spans", one.trace_id, other.trace_id)) == 2
    assert len(found(stack, "span_content", one.trace_id, other.trace_id)) == 2


def test_the_table_has_each_name_once_a_column_and_only_values_that_mean_something_else() -> None:
    told = [(name.column, name.attribute, name.path) for name in names()]
    assert len(told) == len(set(told))
    assert all(value == value.lower() for _, value, _ in values())
    assert all(name.source.startswith("https://") or name.convention == "llmtrace" for name in names())
