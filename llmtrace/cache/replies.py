"""Which replies may be given again: whole, good, and in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmtrace.chain import Reply, is_whole

Json = dict[str, Any]

_WORDS: Final = frozenset({"message", "reasoning"})
_LONGEST: Final = 1024 * 1024
"""Bytes of a reply that is kept."""


def why_not(wire: str, reply: Reply, *, tool_calls: bool = False) -> str:
    """Why a reply is not kept: `error`, `refusal`, `truncated`, `tool_call`, `empty`, `large` or `partial`; else ''."""
    if reply.status != 200:
        return "error"
    if not 0 < len(reply.body) <= _LONGEST:
        return "large" if reply.body else "empty"
    if reply.stream and not is_whole(wire, reply.body):
        return "partial"
    answer = _of_stream(wire, reply.body) if reply.stream else reply.json
    if not answer or answer.get("error"):
        return "error"
    judge = {"chat": _chat, "completions": _chat, "responses": _responses, "embeddings": _embeddings}.get(wire)
    return judge(answer, tool_calls=tool_calls) if judge is not None else "error"


def words_of(wire: str, reply: Reply) -> str:
    """The text of the answer, for a judge."""
    answer = _of_stream(wire, reply.body) if reply.stream else reply.json
    if wire == "responses":
        parts = [part for item in answer.get("output") or () for part in item.get("content") or ()]
        return "".join(str(part.get("text") or "") for part in parts)
    choices = answer.get("choices") or ()
    return "\n".join(str(_message(each).get("content") or each.get("text") or "") for each in choices)


def response_id_of(wire: str, reply: Reply) -> str:
    """The provider's id of the answer; '' where there is none."""
    answer = _of_stream(wire, reply.body) if reply.stream else reply.json
    found = answer.get("id")
    return found if isinstance(found, str) else ""


def _chat(answer: Mapping[str, Any], *, tool_calls: bool) -> str:
    choices = answer.get("choices")
    if not choices:
        return "empty"
    for choice in choices:
        message = _message(choice)
        called = bool(message.get("tool_calls") or message.get("function_call"))
        if message.get("refusal"):
            return "refusal"
        if called and not tool_calls:
            return "tool_call"
        finish = choice.get("finish_reason")
        if finish == "content_filter":
            return "refusal"
        if finish != "stop" and not (called and finish in ("tool_calls", "function_call")):
            return "truncated"
        if not called and not (message.get("content") or choice.get("text")):
            return "empty"
    return ""


def _responses(answer: Mapping[str, Any], *, tool_calls: bool) -> str:
    if answer.get("status") != "completed" or answer.get("incomplete_details"):
        return "truncated"
    output = answer.get("output") or []
    parts = [part for item in output for part in item.get("content") or () if isinstance(part, Mapping)]
    if any(part.get("type") == "refusal" for part in parts):
        return "refusal"
    if not tool_calls and any(item.get("type") not in _WORDS for item in output):
        return "tool_call"
    return "" if output else "empty"


def _embeddings(answer: Mapping[str, Any], *, tool_calls: bool) -> str:  # noqa: ARG001 - one shape for all
    return "" if answer.get("data") else "empty"


def _message(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    message = choice.get("message")
    return message if isinstance(message, Mapping) else {}


def _of_stream(wire: str, body: bytes) -> dict[str, Any]:
    """What a stream said, in the shape of an answer that is no stream; empty when it told an error."""
    events = list(_events(body))
    if any(event.get("error") or event.get("type") == "error" for event in events):
        return {}
    if wire == "responses":
        last: Json = next((event for event in reversed(events) if event.get("type") == "response.completed"), {})
        response = last.get("response")
        return response if isinstance(response, dict) else {}
    choices: dict[int, dict[str, Any]] = {}
    for event in events:
        for choice in event.get("choices") or ():
            _add(choices.setdefault(choice.get("index", 0), {"message": {}}), choice)
    return {"id": next((event["id"] for event in events if event.get("id")), ""), "choices": list(choices.values())}


def _add(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    if piece.get("finish_reason"):
        whole["finish_reason"] = piece["finish_reason"]
    if piece.get("text"):
        whole["text"] = whole.get("text", "") + piece["text"]
    delta = piece.get("delta") or {}
    message = whole["message"]
    for name in ("content", "refusal"):
        if delta.get(name):
            message[name] = message.get(name, "") + delta[name]
    for name in ("tool_calls", "function_call"):
        if delta.get(name):
            message[name] = delta[name]


def _events(body: bytes) -> Iterator[dict[str, Any]]:
    for line in body.splitlines():
        if line.startswith(b"data:") and (data := line[5:].strip()) != b"[DONE]":
            try:
                found = json.loads(data)
            except ValueError:
                found = {"error": "not JSON"}
            if isinstance(found, dict):
                yield found
