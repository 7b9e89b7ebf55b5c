"""An answer in the model's place: what an app gets instead of an exception, in the shape its provider would send."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from llmtrace.chain import Asked, Origin, Reply
from llmtrace.guardrails.verdicts import Verdict

Json = dict[str, Any]
Substitute = Callable[[Verdict], str | None]
"""What to answer for a verdict; None: the app gets the exception."""

_ID: Final = "guardrail"
_NO_USAGE: Final = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
_NO_TOKENS: Final = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}


def substitute_reply(asked: Asked, text: str) -> Reply | None:
    """The reply that says this; None where there is no such answer, as for embeddings."""
    if asked.operation.wire not in ("chat", "completions", "responses"):
        return None
    if asked.stream:
        return Reply(body=refused_events(asked, text), stream=True, origin=Origin.GUARDRAIL)
    return Reply(body=json.dumps(substitute_body(asked, text)).encode(), origin=Origin.GUARDRAIL)


def substitute_body(asked: Asked, text: str) -> Json:
    """The body of an answer that says this. Where JSON was asked for, it is a refusal: no JSON would be right."""
    if asked.operation.wire == "responses":
        return _response(asked, [_message(asked, text)])
    if asked.operation.wire == "completions":
        return {**_head(asked, "text_completion"), "choices": [_legacy(text)], "usage": _NO_USAGE}
    message = {"role": "assistant", **_said(asked, text)}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {**_head(asked, "chat.completion"), "choices": [choice], "usage": _NO_USAGE}


def refused_events(asked: Asked, text: str) -> bytes:
    """The events of a stream that says this and ends; they may follow others."""
    if asked.operation.wire == "responses":
        return _response_events(asked, text)
    if asked.operation.wire == "completions":
        chunk: Json = {**_head(asked, "text_completion"), "choices": [_legacy(text)]}
        return _event(chunk) + b"data: [DONE]\n\n"
    head = _head(asked, "chat.completion.chunk")
    delta = {name: value for name, value in _said(asked, text).items() if value is not None}
    said = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return _event({**head, "choices": [said]}) + _event({**head, "choices": [end]}) + b"data: [DONE]\n\n"


def _head(asked: Asked, kind: str) -> Json:
    return {"id": _ID, "object": kind, "created": 0, "model": asked.model}


def _legacy(text: str) -> Json:
    return {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}


def _said(asked: Asked, text: str) -> Json:
    form = asked.body.get("response_format")
    if isinstance(form, dict) and form.get("type") in ("json_schema", "json_object"):
        return {"content": None, "refusal": text}
    return {"content": text, "refusal": None}


def _message(asked: Asked, text: str) -> Json:
    form = asked.body.get("text")
    form = form.get("format") if isinstance(form, dict) else None
    part: Json = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    if isinstance(form, dict) and form.get("type") in ("json_schema", "json_object"):
        part = {"type": "refusal", "refusal": text}
    return {"type": "message", "id": f"msg_{_ID}", "role": "assistant", "status": "completed", "content": [part]}


def _response(asked: Asked, output: list[Json], status: str = "completed") -> Json:
    return {
        "id": f"resp_{_ID}",
        "object": "response",
        "created_at": 0,
        "model": asked.model,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "output": output,
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": _NO_TOKENS if status == "completed" else None,
    }


def _response_events(asked: Asked, text: str) -> bytes:
    item = _message(asked, text)
    part = item["content"][0]
    kind = part["type"]
    key = "text" if kind == "output_text" else "refusal"
    at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    begun = _response(asked, [], "in_progress")
    empty = {**item, "status": "in_progress", "content": []}
    events: list[tuple[str, Json]] = [
        ("response.created", {"response": begun}),
        ("response.output_item.added", {"output_index": 0, "item": empty}),
        ("response.content_part.added", {**at, "part": {**part, key: ""}}),
        (f"response.{kind}.delta", {**at, "delta": text, "logprobs": []}),
        (f"response.{kind}.done", {**at, key: text, "logprobs": []}),
        ("response.content_part.done", {**at, "part": part}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": _response(asked, [item])}),
    ]
    return b"".join(
        _event({"type": name, "sequence_number": number, **fields}, name)
        for number, (name, fields) in enumerate(events)
    )


def _event(payload: Json, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(payload)}\n\n".encode()
