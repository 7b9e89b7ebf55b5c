"""Anthropic's Messages API, brought into the shape of a chat completion: what reads chat then reads both.

    system, messages of blocks ──▶ instructions, messages with tool calls, results of tools as messages of their own
    content blocks, stop_reason ──▶ one choice with a message
    input + cache reads + cache writes ──▶ input tokens, as OpenAI and the conventions count them

Source: https://docs.claude.com/en/api/messages and ``types/message.py``, ``types/usage.py`` of anthropic-python 2.14.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from llmtrace.reading.json_values import NOT_JSON, Json, count, integer, items, mapping, text
from llmtrace.reading.large import parse_json

_FINISH: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_TOOL_CHOICES: Final = {"any": "required", "tool": "function"}
_KEPT: Final = ("model", "max_tokens", "temperature", "top_p", "top_k", "stream", "service_tier")


# --- what was sent ----------------------------------------------------------------------------------------------


def request_as_chat(sent: Json) -> Json:
    """The request as that of a chat completion; what has no place there is left out."""
    made: Json = {key: sent[key] for key in _KEPT if key in sent}
    made["messages"] = [told for message in items(sent.get("messages")) for told in _messages(mapping(message))]
    system = sent.get("system")
    given = {
        "instructions": system if isinstance(system, str) else "\n".join(_texts(system)),
        "stop": sent.get("stop_sequences"),
        "user": mapping(sent.get("metadata")).get("user_id"),
        "tools": [_tool(mapping(tool)) for tool in items(sent.get("tools"))],
        "tool_choice": _choice(mapping(sent.get("tool_choice")).get("type")),
    }
    return made | {key: value for key, value in given.items() if value}


def _choice(kind: object) -> str | None:
    said = text(kind)
    return _TOOL_CHOICES.get(said, said) if said else None


def _tool(tool: Json) -> Json:
    kind = text(tool.get("type"))
    if kind not in (None, "custom"):  # one that the provider runs
        return tool
    function = {
        "name": tool.get("name"),
        "description": tool.get("description"),
        "parameters": tool.get("input_schema"),
    }
    return {"type": "function", "function": function}


def _messages(message: Json) -> Iterator[Json]:
    role, content = text(message.get("role")) or "user", message.get("content")
    if isinstance(content, str):
        yield {"role": role, "content": content}
        return
    blocks = [mapping(block) for block in items(content)]
    for block in blocks:
        if block.get("type") == "tool_result":
            yield {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": block.get("content")}
    if rest := [block for block in blocks if block.get("type") != "tool_result"]:
        yield _message(role, rest)


def _message(role: str, blocks: list[Json]) -> Json:
    calls = [_call(block) for block in blocks if block.get("type") == "tool_use"]
    thoughts = [text(block.get("thinking")) or "" for block in blocks if block.get("type") == "thinking"]
    parts = [_part(block) for block in blocks if block.get("type") not in ("tool_use", "thinking", "redacted_thinking")]
    message: Json = {"role": role, "content": parts}
    if calls:
        message["tool_calls"] = calls
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    return message


def _call(block: Json) -> Json:
    function = {"name": block.get("name"), "arguments": block.get("input")}
    return {"id": block.get("id"), "type": "function", "function": function}


def _part(block: Json) -> Json:
    kind, source = text(block.get("type")), mapping(block.get("source"))
    url = source.get("url") or f"data:{source.get('media_type')};base64,{source.get('data')}"
    if kind == "image" and source.get("type") in ("base64", "url"):
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "document" and source.get("type") == "base64":
        return {"type": "file", "file": {"filename": block.get("title"), "file_data": url}}
    return block


def _texts(blocks: object) -> list[str]:
    return [said for block in items(blocks) if (said := text(mapping(block).get("text")))]


# --- what was answered ------------------------------------------------------------------------------------------


def reply_as_chat(body: Json) -> Json:
    """The answer as a chat completion; an error stays one."""
    if not body or body.get("error"):
        return body
    usage = mapping(body.get("usage"))
    blocks = [mapping(block) for block in items(body.get("content"))]
    reason = text(body.get("stop_reason"))
    choice = {
        "index": 0,
        "finish_reason": _FINISH.get(reason, reason) if reason else None,
        "message": _message("assistant", blocks),
    }
    made: Json = {"id": body.get("id"), "model": body.get("model"), "choices": [choice], "usage": _usage(usage)}
    if tier := text(usage.get("service_tier")):
        made["service_tier"] = tier
    if searches := count(mapping(usage.get("server_tool_use")).get("web_search_requests")):
        made |= {"tools": [{"type": "web_search"}], "tool_usage": {"web_search": {"num_requests": searches}}}
    return made


def _usage(usage: Json) -> Json:
    """Anthropic counts what came from the cache and what went there apart from the input."""
    fresh, read, written = (
        usage.get(key) for key in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    counts = [count(value) for value in (fresh, read, written)]
    made: Json = {"prompt_tokens": fresh if counts[0] is None else sum(value or 0 for value in counts)}
    made["completion_tokens"] = usage.get("output_tokens")
    hour = mapping(usage.get("cache_creation")).get("ephemeral_1h_input_tokens")
    made["prompt_tokens_details"] = {
        "cached_tokens": read,
        "cache_write_tokens": written,
        "cache_write_tokens_details": {"ttl_1h_tokens": hour},
    }
    thoughts = mapping(usage.get("output_tokens_details")).get("thinking_tokens")
    made["completion_tokens_details"] = {"reasoning_tokens": thoughts}
    return made


class MessagesTotal:
    """A stream's events added up: the message it began with, its blocks, and the last of its counts."""

    def __init__(self) -> None:
        self.finished = False
        self._message: Json = {}
        self._blocks: dict[int, Json] = {}
        self._pieces: dict[tuple[int, str], list[str]] = {}

    def add(self, payload: Json) -> bool:
        """Take in one event; true when it carries content."""
        kind, index = payload.get("type"), integer(payload.get("index")) or 0
        delta = mapping(payload.get("delta"))
        if kind == "message_start":
            self._message = dict(mapping(payload.get("message")))
        elif kind == "content_block_start":
            self._blocks[index] = mapping(payload.get("content_block"))
        elif kind == "message_delta":
            self._message["stop_reason"] = delta.get("stop_reason")
            told = {key: value for key, value in mapping(payload.get("usage")).items() if value is not None}
            self._message["usage"] = {**mapping(self._message.get("usage")), **told}
        elif kind == "message_stop":
            self.finished = True
        elif kind == "content_block_delta":
            return self._add_delta(index, delta)
        return False

    def body(self) -> Json:
        """The answer as a chat completion."""
        if not self._message:
            return {}
        return reply_as_chat({**self._message, "content": [self._block(index) for index in sorted(self._blocks)]})

    def _add_delta(self, index: int, delta: Json) -> bool:
        found = False
        for key in ("text", "thinking", "partial_json"):
            if piece := text(delta.get(key)):
                self._pieces.setdefault((index, key), []).append(piece)
                found = True
        self._blocks.setdefault(index, {"type": "text"})
        return found

    def _block(self, index: int) -> Json:
        block = dict(self._blocks[index])
        for key in ("text", "thinking"):
            if pieces := self._pieces.get((index, key)):
                block[key] = (text(block.get(key)) or "") + "".join(pieces)
        if pieces := self._pieces.get((index, "partial_json")):
            block["input"] = _parsed("".join(pieces))
        return block


def _parsed(arguments: str) -> Any:
    try:
        return parse_json(arguments)
    except NOT_JSON:
        return arguments
