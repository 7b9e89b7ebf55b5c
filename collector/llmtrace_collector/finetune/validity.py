"""Whether a file is what a trainer takes: read again from the disk, by the trainer's rules, apart from who wrote it.

It says what is wrong, each in a sentence. Rules beyond those of the form (limits of accounts and models) are theirs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

MOST_PROBLEMS: Final = 20
_LEAST: Final = {"openai": 10, "dpo": 10, "fireworks": 3}
"""Examples a job needs."""


def problems(path: Path, form: str, *, count: bool = True) -> list[str]:
    """What is wrong with a file, up to 20 things; `count` is off for a held-out file, which may be short.

    Raises:
        OSError: it cannot be read.
    """
    found: list[str] = []
    number = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            found += [f"line {number}: {problem}" for problem in _of_line(raw, form)]
            if len(found) >= MOST_PROBLEMS:
                return found[:MOST_PROBLEMS]
    if count and number < _LEAST.get(form, 1):
        found.append(f"{number} examples: a job needs {_LEAST.get(form, 1)}")
    return found


def _of_line(raw: bytes, form: str) -> Iterator[str]:
    try:
        line = json.loads(raw)
    except ValueError:
        yield "no JSON"
        return
    if not isinstance(line, dict):
        yield "no JSON object"
        return
    if form == "trl":
        yield from _keys(line, {"prompt", "chosen", "rejected"}, set())
        yield from _both(line.get("prompt"), line.get("chosen"), line.get("rejected"))
    elif form == "dpo":
        yield from _keys(line, {"input", "preferred_output", "non_preferred_output"}, set())
        given = line.get("input")
        if not isinstance(given, dict):
            yield "input is no object"
            return
        yield from _keys(given, {"messages"}, {"tools", "parallel_tool_calls"})
        yield from _tools(given.get("tools"))
        yield from _both(given.get("messages"), line.get("preferred_output"), line.get("non_preferred_output"))
    else:
        yield from _keys(line, {"messages"}, {"tools", "parallel_tool_calls"} if form == "openai" else set())
        yield from _tools(line.get("tools"))
        yield from _chat(line.get("messages"), plain=form in {"together", "fireworks"})


def _keys(line: dict[str, Any], needed: set[str], more: set[str]) -> Iterator[str]:
    for name in sorted(needed - line.keys()):
        yield f"{name} is missing"
    for name in sorted(line.keys() - needed - more):
        yield f"{name[:40]} is no field of this form"


def _both(asked: Any, chosen: Any, rejected: Any) -> Iterator[str]:
    yield from _turns(asked, "the question")
    if isinstance(asked, list) and asked and _role(asked[-1]) == "assistant":
        yield "the question ends with an answer"
    for told, name in ((chosen, "the better answer"), (rejected, "the worse answer")):
        yield from _turns(told, name)
        if isinstance(told, list) and "assistant" not in map(_role, told):
            yield f"{name} has no message of the assistant"
    if chosen == rejected:
        yield "both answers are the same"


def _chat(messages: Any, *, plain: bool) -> Iterator[str]:
    yield from _turns(messages, "messages")
    if not isinstance(messages, list) or not messages:
        return
    roles = [_role(message) for message in messages]
    if roles[-1] != "assistant":
        yield "the last message is not the assistant's"
    if "user" not in roles:
        yield "nobody asks"
    if not plain:
        return
    turns = roles[1:] if roles[0] == "system" else roles
    if any(role not in {"user", "assistant"} for role in turns):
        yield "only user and assistant may speak after the system"
    elif any(one == other for one, other in pairwise(turns)) or turns[:1] != ["user"]:
        yield "user and assistant do not take turns"


def _turns(messages: Any, name: str) -> Iterator[str]:
    if not isinstance(messages, list) or not messages:
        yield f"{name}: no list of messages"
        return
    asked: set[str] = set()
    for place, message in enumerate(messages):
        at = f"{name}[{place}]"
        if not isinstance(message, dict) or _role(message) not in {"system", "user", "assistant", "tool"}:
            yield f"{at}: no message with a role"
            continue
        calls = message.get("tool_calls")
        content = message.get("content")
        if not isinstance(content, str) or not (content or calls):
            yield f"{at}: no content"
        if calls is not None:
            yield from _calls(calls, at, asked)
        if _role(message) == "tool" and message.get("tool_call_id") not in asked:
            yield f"{at}: answers a tool call that was not made"


def _calls(calls: Any, at: str, asked: set[str]) -> Iterator[str]:
    for call in calls if isinstance(calls, list) else [None]:
        function = call.get("function") if isinstance(call, dict) else None
        if (
            not isinstance(call, dict)
            or not isinstance(function, dict)
            or not function.get("name")
            or not isinstance(call.get("id"), str)
        ):
            yield f"{at}: a tool call without id or name"
            continue
        asked.add(call["id"])
        try:
            json.loads(function.get("arguments", ""))
        except (ValueError, TypeError):
            yield f"{at}: arguments of {str(function['name'])[:40]} are no JSON"


def _tools(tools: Any) -> Iterator[str]:
    if tools is None:
        return
    names: Iterable[Any] = tools if isinstance(tools, list) else [None]
    for tool in names:
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            yield "a tool is no function with a name"


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None
