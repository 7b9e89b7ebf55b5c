"""What the fake provider answers, in the shapes of the OpenAI API: whole bodies and the events of streams."""

from __future__ import annotations

import base64
import json
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

Json = dict[str, Any]

# The dated snapshot that answers for an alias.
_SNAPSHOTS = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
}
_FINGERPRINT = "fp_44709d6fcb"


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeReply:
    """What a model is to say, and what it reports to have used."""

    text: str = "The answer is forty-two."
    input_tokens: int = 12
    output_tokens: int = 7
    """Reasoning included."""
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    finish_reason: str = "stop"
    service_tier: str = "default"
    model: str = ""
    """What says that it answered; empty: the dated snapshot of the model asked for."""
    system_fingerprint: str = _FINGERPRINT
    tool: tuple[str, Json] | None = None
    """Name and arguments of a function the model calls instead of answering."""


def default_reply(request: Json) -> FakeReply:
    """A reply whose counts follow the length of the request, about four characters a token."""
    said = request.get("messages") or request.get("input") or request.get("prompt") or ""
    length = len(said) if isinstance(said, str) else len(json.dumps(said))
    format_ = request.get("response_format") or (request.get("text") or {}).get("format") or {}
    text = '{"answer": 42}' if str(format_.get("type", "")).startswith("json") else FakeReply().text
    return FakeReply(text=text, input_tokens=max(1, length // 4), output_tokens=max(1, len(text) // 4))


def model_answering(asked: object) -> str:
    """The dated model behind an alias."""
    return _SNAPSHOTS.get(str(asked), str(asked))


def pieces(text: str) -> list[str]:
    """The text in pieces of a word each, as a stream brings it."""
    words = text.split(" ")
    return [word if index == 0 else f" {word}" for index, word in enumerate(words)]


# --- chat completions -------------------------------------------------------------------------------------------


def _chat_usage(reply: FakeReply) -> Json:
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reply.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _chat_head(request: Json, reply: FakeReply, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{uuid4().hex[:29]}",
        "object": kind,
        "created": int(time.time()),
        "model": reply.model or model_answering(request.get("model")),
        "service_tier": reply.service_tier,
        "system_fingerprint": reply.system_fingerprint,
    }


def _tool_calls(reply: FakeReply) -> list[Json]:
    if reply.tool is None:
        return []
    name, arguments = reply.tool
    return [{"id": "call_1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}]


def chat_body(request: Json, reply: FakeReply) -> Json:
    """Body of ``POST /chat/completions``."""
    message: Json = {"role": "assistant", "content": None if reply.tool else reply.text, "refusal": None}
    if reply.tool:
        message["tool_calls"] = _tool_calls(reply)
    finish = "tool_calls" if reply.tool else reply.finish_reason
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": finish}
        for index in range(int(request.get("n") or 1))
    ]
    return {**_chat_head(request, reply, "chat.completion"), "choices": choices, "usage": _chat_usage(reply)}


def chat_events(request: Json, reply: FakeReply) -> Iterator[str]:
    """Events of a streamed chat completion; a usage chunk only when it was asked for."""
    head = _chat_head(request, reply, "chat.completion.chunk")
    with_usage = bool((request.get("stream_options") or {}).get("include_usage"))

    def chunk(delta: Json | None, finish: str | None = None) -> str:
        choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
        usage = {"usage": _chat_usage(reply) if delta is None else None} if with_usage else {}
        return _event({**head, "choices": choices, **usage})

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    if reply.tool:
        yield chunk({"tool_calls": [{"index": 0, **_tool_calls(reply)[0]}]})
        yield chunk({}, "tool_calls")
    else:
        for piece in pieces(reply.text):
            yield chunk({"content": piece})
        yield chunk({}, reply.finish_reason)
    if with_usage:
        yield chunk(None)
    yield "data: [DONE]\n\n"


# --- legacy completions -----------------------------------------------------------------------------------------


def completions_body(request: Json, reply: FakeReply) -> Json:
    """Body of ``POST /completions``."""
    return {
        "id": f"cmpl-{uuid4().hex[:29]}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": reply.model or model_answering(request.get("model")),
        "choices": [{"index": 0, "text": reply.text, "logprobs": None, "finish_reason": reply.finish_reason}],
        "usage": {
            "prompt_tokens": reply.input_tokens,
            "completion_tokens": reply.output_tokens,
            "total_tokens": reply.input_tokens + reply.output_tokens,
        },
    }


def completions_events(request: Json, reply: FakeReply) -> Iterator[str]:
    """Events of a streamed legacy completion."""
    body = completions_body(request, reply)
    usage = body.pop("usage")
    for piece in pieces(reply.text):
        yield _event({**body, "choices": [{"index": 0, "text": piece, "logprobs": None, "finish_reason": None}]})
    yield _event(
        {**body, "choices": [{"index": 0, "text": "", "logprobs": None, "finish_reason": reply.finish_reason}]}
    )
    if (request.get("stream_options") or {}).get("include_usage"):
        yield _event({**body, "choices": [], "usage": usage})
    yield "data: [DONE]\n\n"


# --- responses --------------------------------------------------------------------------------------------------


def _responses_output(reply: FakeReply) -> list[Json]:
    if reply.tool:
        name, arguments = reply.tool
        return [
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "call_1",
                "name": name,
                "arguments": json.dumps(arguments),
                "status": "completed",
            }
        ]
    part = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
    return [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}]


def responses_body(request: Json, reply: FakeReply) -> Json:
    """Body of ``POST /responses``."""
    cut = reply.finish_reason == "length"
    return {
        "id": f"resp_{uuid4().hex}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "error": None,
        "instructions": request.get("instructions"),
        "metadata": {},
        "model": reply.model or model_answering(request.get("model")),
        "output": _responses_output(reply),
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "service_tier": reply.service_tier,
        "conversation": _conversation(request.get("conversation")),
        "usage": {
            "input_tokens": reply.input_tokens,
            "input_tokens_details": {"cached_tokens": reply.cached_tokens, "cache_write_tokens": 0},
            "output_tokens": reply.output_tokens,
            "output_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
            "total_tokens": reply.input_tokens + reply.output_tokens,
        },
    }


def _conversation(asked: object) -> Json | None:
    return {"id": asked} if isinstance(asked, str) else asked if isinstance(asked, dict) else None


def responses_events(request: Json, reply: FakeReply) -> Iterator[str]:
    """Events of a streamed response."""
    whole = responses_body(request, reply)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    number = iter(range(10_000))

    def event(kind: str, **fields: Any) -> str:
        return _event({"type": kind, "sequence_number": next(number), **fields}, name=kind)

    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    item = whole["output"][0]
    yield event("response.output_item.added", output_index=0, item={**item, "status": "in_progress", **_blank(item)})
    if item["type"] == "message":
        at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        part = item["content"][0]
        yield event("response.content_part.added", **at, part={**part, "text": ""})
        for piece in pieces(reply.text):
            yield event("response.output_text.delta", **at, delta=piece, logprobs=[])
        yield event("response.output_text.done", **at, text=reply.text, logprobs=[])
        yield event("response.content_part.done", **at, part=part)
    else:
        at = {"item_id": item["id"], "output_index": 0}
        yield event("response.function_call_arguments.delta", **at, delta=item["arguments"])
        yield event("response.function_call_arguments.done", **at, name=item["name"], arguments=item["arguments"])
    yield event("response.output_item.done", output_index=0, item=item)
    yield event(f"response.{whole['status']}", response=whole)


def _blank(item: Json) -> Json:
    return {"content": []} if item["type"] == "message" else {"arguments": ""}


# --- embeddings -------------------------------------------------------------------------------------------------


def embeddings_body(request: Json, reply: FakeReply) -> Json:
    """Body of ``POST /embeddings``: short vectors, in the encoding asked for."""
    given = request.get("input")
    entries = given if isinstance(given, list) else [given]
    size = int(request.get("dimensions") or 8)
    vectors = [[((index * 31 + k) % 17) / 17 for k in range(size)] for index in range(len(entries))]
    base64_asked = request.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector) if base64_asked else vector}
        for index, vector in enumerate(vectors)
    ]
    return {
        "object": "list",
        "data": data,
        "model": reply.model or model_answering(request.get("model")),
        "usage": {"prompt_tokens": reply.input_tokens, "total_tokens": reply.input_tokens},
    }


def _encoded(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


# --- errors -----------------------------------------------------------------------------------------------------


def error_body(status: int) -> Json:
    """The error object that goes with an HTTP status."""
    kind, code, message = {
        400: ("invalid_request_error", None, "We could not parse the JSON body of your request."),
        401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
        404: ("invalid_request_error", "unknown_url", "Unknown request URL."),
        429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    }.get(status, ("server_error", None, "The server had an error while processing your request."))
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _event(payload: Json, name: str | None = None) -> str:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(payload)}\n\n"


def scripted_events(events: list[Any]) -> Iterator[str]:
    """Events of a stream as a script has them."""
    for event in events:
        yield f"data: {event}\n\n" if isinstance(event, str) else _event(event, name=event.get("type"))
