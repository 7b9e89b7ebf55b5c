"""One stored call as a conversation in the shape of chat: messages, tools and answer; or the reason why it is none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Message = dict[str, Any]


class NoConversationError(Exception):
    """The call is none; the text is the name of the reason, such as ``content_not_text``."""


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """What was asked, what was answered, and what is known of it."""

    asked: tuple[Message, ...]
    """Roles system, user, assistant, tool; in the shape of OpenAI's chat completions."""
    answered: Message
    tools: tuple[Any, ...] = ()
    project: str = ""
    trace_id: str = ""
    span_id: str = ""
    at: datetime
    model: str = ""
    family: str = ""
    """What must not be on both sides of a split: the session, else the user, else the trace."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    feedback: float | None = None
    """Mean of what people said of it last, words as 1 and 0; None: nobody did."""
    scores: Mapping[str, float] = field(default_factory=dict)
    is_good: bool = True
    """It passes the gates, so it may be learnt."""
    corrected: str = ""
    """What the answer should have been, as a person wrote it."""


def messages_of(row: Mapping[str, Any]) -> tuple[tuple[Message, ...], Message]:
    """What was asked and answered, of a row of `span_content`.

    Raises:
        NoConversationError: it is not words and calls of tools alone, or is cut short.
    """
    if row["input_format"] != "messages" or row["output_format"] != "messages":
        raise NoConversationError("content_not_kept")
    system = _list(row["system_instructions"])
    asked = [*_of("system", system), *(made for one in _list(row["input_messages"]) for made in _message(one))]
    answers = [made for one in _list(row["output_messages"]) for made in _message(one)]
    if len(answers) != 1 or answers[0]["role"] != "assistant":
        raise NoConversationError("no_single_answer")
    if not any(message["role"] == "user" for message in asked):
        raise NoConversationError("no_question")
    return tuple(asked), answers[0]


def tools_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Definitions of functions in the shape of chat."""
    made = []
    for tool in _list(row["tool_definitions"]):
        inner = tool.get("function", tool) if isinstance(tool, dict) else {}
        if isinstance(name := inner.get("name"), str):
            kept = {key: inner[key] for key in ("description", "parameters") if inner.get(key) is not None}
            made.append({"type": "function", "function": {"name": name, **kept}})
    return tuple(made)


def _list(text: str) -> list[Any]:
    if not text:
        return []
    try:
        found = json.loads(text)
    except ValueError:
        raise NoConversationError("content_cut_short") from None
    return found if isinstance(found, list) else [found]


def _of(role: str, parts: Sequence[Any]) -> list[Message]:
    text = "\n\n".join(_text(part) for part in parts)
    return [{"role": role, "content": text}] if text else []


def _message(told: Any) -> Iterator[Message]:
    if not isinstance(told, dict):
        raise NoConversationError("content_not_text")
    role = "system" if told.get("role") == "developer" else told.get("role")
    parts = [
        part for part in told.get("parts") or [] if not (isinstance(part, dict) and part.get("type") == "reasoning")
    ]
    answers = [part for part in parts if isinstance(part, dict) and part.get("type") == "tool_call_response"]
    if answers:
        if len(answers) != len(parts):
            raise NoConversationError("content_not_text")
        for part in answers:
            yield {"role": "tool", "tool_call_id": str(part.get("id") or ""), "content": _as_text(part.get("response"))}
        return
    if role not in {"system", "user", "assistant"}:
        raise NoConversationError("content_not_text")
    calls = [part for part in parts if isinstance(part, dict) and part.get("type") == "tool_call"]
    text = "".join(_text(part) for part in parts if part not in calls)
    message: Message = {"role": role, "content": text}
    if calls:
        message["tool_calls"] = [_call(part) for part in calls]
    if text or calls:
        yield message


def _call(part: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": str(part.get("name") or ""), "arguments": _as_text(part.get("arguments"))}
    return {"id": str(part.get("id") or ""), "type": "function", "function": function}


def _text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("content"), str):
        raise NoConversationError("content_not_text")
    return str(part["content"])


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
