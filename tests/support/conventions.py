"""Spans as each convention has them, and the columns and messages that each must become."""

from __future__ import annotations

import json
from typing import Any

from llmtrace_collector.database import rows
from support.services import Stack


def found(stack: Stack, table: str, *trace_ids: bytes) -> list[dict[str, Any]]:
    """The rows of these traces, oldest first."""
    sql = f"SELECT * FROM {table} WHERE trace_id IN {{ids:Array(String)}} ORDER BY timestamp, span_id"
    return rows(stack.reader(), sql, {"ids": [trace_id.hex() for trace_id in trace_ids]})


def text(role: str, said: str, **more: Any) -> dict[str, Any]:
    """A message of one text."""
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
