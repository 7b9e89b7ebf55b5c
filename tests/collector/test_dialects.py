"""Whoever sent the span, its columns are the same: spans as each convention has them, and recorded ones."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from llmtrace_collector.database import rows
from llmtrace_collector.schema.dialects import names, values
from llmtrace_collector.signals import Signal
from support.landing import land
from support.otlp import key_values, request, span
from support.services import Stack

RECORDED = Path(__file__).parent / "recorded"


def found(stack: Stack, table: str, *trace_ids: bytes) -> list[dict[str, Any]]:
    sql = f"SELECT * FROM {table} WHERE trace_id IN {{ids:Array(String)}} ORDER BY timestamp, span_id"
    return rows(stack.reader(), sql, {"ids": [trace_id.hex() for trace_id in trace_ids]})


def text(role: str, said: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": said}], **more}


CALL = {"is_call": True, "operation": "chat", "provider": "openai", "request_model": "gpt-4o", "input_tokens": 10}
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
ASKED = [text("system", "Be brief."), text("user", "Hello?")]
TOLD = [text("assistant", "Hi.")]

# Name -> attributes sent, columns of `spans`, input and output messages of `span_content`.
SENT: dict[str, tuple[dict[str, Any], dict[str, Any], Any, Any]] = {
    "genai": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.cache_write.input_tokens": 3,
            "gen_ai.conversation.id": "c-1",
            "gen_ai.input.messages": ASKED,
            "gen_ai.output.messages": json.dumps(TOLD),
        },
        {**CALL, "convention": "genai", "session_id": "c-1", "cache_write_input_tokens": 3},
        ASKED,
        TOLD,
    ),
    "older GenAI": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "az.ai.openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 10,
            "gen_ai.usage.completion_tokens": 5,
            "gen_ai.openai.response.service_tier": "scale",
            "gen_ai.openai.response.system_fingerprint": "fp_1",
            "gen_ai.prompt": json.dumps(CHAT),
            "gen_ai.completion": json.dumps([{"role": "assistant", "content": "Hi."}]),
        },
        {
            **CALL,
            "convention": "genai-old",
            "provider": "azure.ai.openai",
            "output_tokens": 5,
            "response_service_tier": "scale",
            "system_fingerprint": "fp_1",
        },
        ASKED,
        TOLD,
    ),
    "openinference": (
        {
            "openinference.span.kind": "LLM",
            "llm.system": "openai",
            "llm.model_name": "gpt-4o",
            "llm.token_count.prompt": 10,
            "llm.token_count.completion": 5,
            "llm.token_count.prompt_details.cache_read": 4,
            "llm.token_count.completion_details.reasoning": 2,
            "session.id": "s-1",
            "user.id": "ada",
            "tag.tags": ["a", "b"],
            "llm.prompt_template.version": "v2",
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.0.message.content": "Be brief.",
            "llm.input_messages.1.message.role": "user",
            "llm.input_messages.1.message.contents.0.message_content.type": "text",
            "llm.input_messages.1.message.contents.0.message_content.text": "Hello?",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.tool_calls.0.tool_call.id": "t1",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "now",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"zone": "UTC"}',
        },
        {
            **CALL,
            "convention": "openinference",
            "output_tokens": 5,
            "cached_input_tokens": 4,
            "reasoning_output_tokens": 2,
            "session_id": "s-1",
            "user_id": "ada",
            "tags": ["a", "b"],
            "prompt_version": "v2",
        },
        ASKED,
        [
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "t1", "name": "now", "arguments": {"zone": "UTC"}}],
            }
        ],
    ),
    "an agent of openinference": (
        {"openinference.span.kind": "AGENT", "agent.name": "planner", "input.value": "go", "output.value": '{"a":1}'},
        {"convention": "openinference", "operation": "invoke_agent", "is_call": False, "agent_name": "planner"},
        [text("user", "go")],
        {"a": 1},
    ),
    "traceloop": (
        {
            "llm.request.type": "chat",
            "gen_ai.system": "OpenAI",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.completion_tokens": 5,
            "llm.usage.total_tokens": 15,
            "llm.is_streaming": True,
            "traceloop.association.properties.user_id": "ada",
            "traceloop.association.properties.session_id": "s-1",
            "traceloop.prompt.key": "greeting",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be brief.",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": "Hello?",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "Hi.",
            "gen_ai.completion.0.finish_reason": "stop",
        },
        {
            **CALL,
            "convention": "traceloop",
            "output_tokens": 5,
            "stream": True,
            "user_id": "ada",
            "session_id": "s-1",
            "prompt_name": "greeting",
            "finish_reasons": ["stop"],
        },
        ASKED,
        [text("assistant", "Hi.", finish_reason="stop")],
    ),
    "a task of traceloop": (
        {"traceloop.span.kind": "task", "traceloop.entity.name": "sort", "traceloop.entity.input": '{"args": [1]}'},
        {"convention": "traceloop", "operation": "task", "is_call": False},
        {"args": [1]},
        None,
    ),
    "vercel": (
        {
            "operation.name": "ai.generateText.doGenerate chat",
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.id": "gpt-4o",
            "ai.model.provider": "openai.chat",
            "ai.usage.promptTokens": 10,
            "ai.usage.completionTokens": 5,
            "ai.response.finishReason": "stop",
            "ai.response.msToFirstChunk": 250.5,
            "ai.telemetry.functionId": "greeter",
            "ai.telemetry.metadata.userId": "ada",
            "ai.prompt.messages": json.dumps(
                [CHAT[0], {"role": "user", "content": [{"type": "text", "text": "Hello?"}]}]
            ),
            "ai.response.text": "Hi.",
            "ai.response.toolCalls": json.dumps([{"toolCallId": "t1", "toolName": "now", "input": {"zone": "UTC"}}]),
        },
        {
            **CALL,
            "convention": "vercel",
            "output_tokens": 5,
            "finish_reasons": ["stop"],
            "time_to_first_token_ns": 250_500_000,
            "feature": "greeter",
            "user_id": "ada",
        },
        ASKED,
        [
            {
                "role": "assistant",
                "parts": [
                    {"type": "text", "content": "Hi."},
                    {"type": "tool_call", "id": "t1", "name": "now", "arguments": {"zone": "UTC"}},
                ],
            }
        ],
    ),
    "the block around it in vercel": (
        {"ai.operationId": "ai.generateText", "ai.model.id": "gpt-4o", "ai.model.provider": "openai.chat"},
        {"convention": "vercel", "operation": "invoke_agent", "is_call": False},
        None,
        None,
    ),
    "langsmith": (
        {
            "langsmith.span.kind": "llm",
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.response.finish_reasons": "stop, length",
            "gen_ai.response.service_tier": "default",
            "langsmith.span.tags": "a, b",
            "langsmith.metadata.thread_id": "s-1",
            "gen_ai.prompt": json.dumps({"model": "gpt-4o", "messages": CHAT}),
            "gen_ai.completion": json.dumps({"choices": [{"message": {"role": "assistant", "content": "Hi."}}]}),
        },
        {
            **CALL,
            "convention": "langsmith",
            "finish_reasons": ["stop", "length"],
            "tags": ["a", "b"],
            "session_id": "s-1",
            "response_service_tier": "default",
        },
        ASKED,
        TOLD,
    ),
    "a retriever of langsmith, which calls itself an embedding": (
        {"langsmith.span.kind": "retriever", "gen_ai.operation.name": "embeddings", "gen_ai.system": "langchain"},
        {"convention": "langsmith", "operation": "retrieval", "is_call": False},
        None,
        None,
    ),
    "logfire": (
        {
            "logfire.msg": "Responses API",
            "logfire.tags": ["LLM"],
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.usage.input_tokens": 10,
            "request_data": json.dumps({"model": "gpt-4o", "stream": False, "messages": CHAT, "user": "ada"}),
            "response_data": json.dumps({"message": {"role": "assistant", "content": "Hi."}, "usage": {}}),
        },
        {**CALL, "convention": "logfire", "user_id": "ada", "tags": ["LLM"]},
        ASKED,
        TOLD,
    ),
    "langfuse": (
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o",
            "langfuse.observation.usage_details": json.dumps(
                {"input": 4, "input_cached_tokens": 6, "output": 3, "output_reasoning_tokens": 2}
            ),
            "langfuse.observation.input": json.dumps(CHAT),
            "langfuse.observation.output": "Hi.",
            "langfuse.observation.prompt.name": "greeting",
            "langfuse.observation.prompt.version": 3,
            "langfuse.trace.tags": ["a"],
            "langfuse.environment": "staging",
            "user.id": "ada",
        },
        {
            **CALL,
            "provider": "",
            "convention": "langfuse",
            "cached_input_tokens": 6,
            "output_tokens": 5,
            "reasoning_output_tokens": 2,
            "prompt_name": "greeting",
            "prompt_version": "3",
            "tags": ["a"],
            "environment": "staging",
            "user_id": "ada",
        },
        ASKED,
        TOLD,
    ),
}


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


ODD = ["", "[", "{", "[]", "{}", "null", '"', '"x"', "[1,2]", '["a"]', "[[]]", "NaN", "-1", "1e400", "\\", "\x00"]
ODD += ["18446744073709551616", "9999-99-99T99:99:99Z", "2262-04-12T00:00:00Z", "é" * 3, '[{"role":"user"}]']
ODD += ['{"messages":[1]}', '{"messages":[[{"kwargs":{"content":[1],"type":"ai"}}]]}', '[{"content":{"a":1}}]']
ODD += ['{"choices":[null]}', '[{"role":"tool","tool_call_id":"x","content":null}]', '{"role":"u","tool_calls":[{}]}']
odd = st.one_of(
    st.sampled_from(ODD),
    st.text(max_size=12),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.booleans(),
    st.lists(st.text(max_size=4), max_size=3),
)
PLACES = [
    "0.role",
    "1.content",
    "99999999999.x",
    "0.tool_calls.0.id",
    "0.tool_calls.3.function.name",
    "x",
    "",
    "-1.role",
]
PLACES += [
    "0.message.contents.1.message_content.text",
    "0.message.tool_calls.0.tool_call.function.arguments",
    "0..",
    "5",
]
PREFIXES = ["gen_ai.prompt", "gen_ai.completion", "llm.input_messages", "llm.output_messages"]
indexed = st.tuples(st.sampled_from(PREFIXES), st.sampled_from(PLACES)).map(".".join)
keys = st.one_of(st.sampled_from([name.attribute for name in names()]), indexed, st.text(max_size=5))
hostile = st.dictionaries(keys, odd, max_size=12)


NO_SHRINKING = (Phase.explicit, Phase.generate)
"""Each example is an insert of seconds: to make a failing one small would take an hour."""


FOUND = [
    # A text with the byte that marks what is deep is finished by the writer, not by the insert.
    {"langfuse.observation.prompt.version": "\x01", "\x07": "a\x01b"},
    # Parts that are no list, a role that is no text: both once stood in messages as they were.
    {"llm.output_messages.0.parts": "", "llm.output_messages.0.message.content": "[]"},
    {"output.value": '{"parts": -1, "tool_calls": 2.5}'},
    {"input.value": '[{"role": {"a": 1}, "parts": [{"type": "text", "content": "x"}]}, {"parts": []}]'},
]
"""What was found by many more examples than are tried each time."""


@settings(
    max_examples=5, deadline=None, phases=NO_SHRINKING, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(hostile, min_size=10, max_size=40))
@example(FOUND)
def test_nothing_that_can_be_sent_under_these_names_stops_an_insert(stack: Stack, many: list[dict[str, Any]]) -> None:
    spans = [span(attributes, name="hostile") for attributes in many]
    land(stack, Signal.TRACES, request(*spans))
    ids = [one.trace_id.hex() for one in spans]
    sql = (
        "SELECT (SELECT count() FROM spans WHERE trace_id IN {ids:Array(String)})"
        " + (SELECT count() FROM spans_quarantine WHERE trace_id IN {ids:Array(String)})"
    )
    assert stack.reader().query(sql, parameters={"ids": ids}).result_rows == [(len(spans),)]
    made = found(stack, "span_content", *(one.trace_id for one in spans))
    for row in made:
        for side in ("input", "output"):
            if row[f"{side}_format"] == "messages" and row["convention"] != "genai":
                verbatim = f"gen_ai.{side}.messages" in {key for sent in many for key in sent}
                assert verbatim or are_messages(row[f"{side}_messages"]), row[f"{side}_messages"]


def are_messages(text: str) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return all(isinstance(m["role"], str) and isinstance(m["parts"], list) for m in found)


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
