"""Texts in the bodies of requests and answers, by where they stand, and bodies with other texts there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmtrace.guardrails.verdicts import Stage

Path = tuple[str | int, ...]

_TEXT_PARTS: Final = frozenset({"text", "input_text", "output_text"})
_TOOL_ROLES: Final = frozenset({"tool", "function"})
_MOST_TEXTS: Final = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One text of a body."""

    path: Path
    stage: Stage
    text: str


def asked_pieces(wire: str, body: Mapping[str, Any]) -> list[Piece]:
    """What people and tools said in a request. What the app itself says to the model is not looked at."""
    if wire == "chat":
        found = _messages(body.get("messages"), ("messages",))
    elif wire == "responses":
        found = _input(body.get("input"))
    else:
        key = "prompt" if wire == "completions" else "input"
        found = _strings(body.get(key), (key,), Stage.INPUT)
    return [piece for piece, _ in zip(found, range(_MOST_TEXTS), strict=False)]


def answered_pieces(wire: str, body: Mapping[str, Any]) -> list[Piece]:
    """What a model said in a whole answer."""
    if wire == "responses":
        return list(_output(body.get("output")))
    if wire == "completions":
        return [
            Piece(path=("choices", at, "text"), stage=Stage.OUTPUT, text=choice["text"])
            for at, choice in _entries(body.get("choices"))
            if isinstance(choice.get("text"), str)
        ]
    return list(_choices(body.get("choices"))) if wire == "chat" else []


def with_texts(body: Mapping[str, Any], changes: Mapping[Path, str]) -> dict[str, Any]:
    """A copy of the body with other texts at these places; what is not changed is shared."""
    changed: Any = dict(body)
    for path, text in changes.items():
        changed = _put(changed, path, text)
    result: dict[str, Any] = changed
    return result


def told_texts(wire: str, body: Mapping[str, Any]) -> tuple[str, ...]:
    """All texts of a request, the app's own too: what an answer may draw on."""
    if wire == "chat":
        found = [p.text for at, m in _entries(body.get("messages")) for p in _content(m, ("messages", at), Stage.INPUT)]
        return tuple(found)
    instructions = body.get("instructions")
    told = (instructions,) if isinstance(instructions, str) else ()
    return told + tuple(piece.text for piece in asked_pieces(wire, body))


def _put(value: Any, path: Path, text: str) -> Any:
    if not path:
        return text
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _put(copy[path[0]], path[1:], text)
    return copy


def _entries(value: object) -> Iterator[tuple[int, dict[str, Any]]]:
    if isinstance(value, list):
        for at, entry in enumerate(value):
            if isinstance(entry, dict):
                yield at, entry


def _strings(value: object, path: Path, stage: Stage) -> Iterator[Piece]:
    if isinstance(value, str):
        yield Piece(path=path, stage=stage, text=value)
    elif isinstance(value, list):
        for at, entry in enumerate(value):
            if isinstance(entry, str):
                yield Piece(path=(*path, at), stage=stage, text=entry)


def _content(message: Mapping[str, Any], path: Path, stage: Stage, key: str = "content") -> Iterator[Piece]:
    content = message.get(key)
    yield from _strings(content if isinstance(content, str) else None, (*path, key), stage)
    for at, part in _entries(content):
        if part.get("type") in _TEXT_PARTS and isinstance(part.get("text"), str):
            yield Piece(path=(*path, key, at, "text"), stage=stage, text=part["text"])


def _messages(value: object, path: Path) -> Iterator[Piece]:
    for at, message in _entries(value):
        if message.get("role") == "user":
            yield from _content(message, (*path, at), Stage.INPUT)
        elif message.get("role") in _TOOL_ROLES:
            yield from _content(message, (*path, at), Stage.TOOL)


def _input(value: object) -> Iterator[Piece]:
    if isinstance(value, str):
        yield Piece(path=("input",), stage=Stage.INPUT, text=value)
        return
    yield from _messages(value, ("input",))
    for at, item in _entries(value):
        if str(item.get("type", "")).endswith("_call_output"):
            yield from _content(item, ("input", at), Stage.TOOL, key="output")


def _choices(value: object) -> Iterator[Piece]:
    for at, choice in _entries(value):
        message = choice.get("message")
        if not isinstance(message, dict):
            continue
        path: Path = ("choices", at, "message")
        for key in ("content", "refusal", "reasoning_content"):
            if isinstance(message.get(key), str) and message[key]:
                yield Piece(path=(*path, key), stage=Stage.OUTPUT, text=message[key])
        calls = [((*path, "tool_calls", n), call) for n, call in _entries(message.get("tool_calls"))]
        calls += (
            [(path, {"function": message["function_call"]})] if isinstance(message.get("function_call"), dict) else []
        )
        for where, call in calls:
            yield from _arguments(call, where)


def _arguments(call: Mapping[str, Any], path: Path) -> Iterator[Piece]:
    for kind, key in (("function", "arguments"), ("custom", "input")):
        made = call.get(kind)
        if isinstance(made, dict) and isinstance(made.get(key), str):
            where = (*path, kind, key) if path[-2:-1] == ("tool_calls",) else (*path, "function_call", key)
            yield Piece(path=where, stage=Stage.TOOL, text=made[key])


def _output(value: object) -> Iterator[Piece]:
    for at, item in _entries(value):
        path: Path = ("output", at)
        if item.get("type") == "message":
            yield from _content(item, path, Stage.OUTPUT)
            yield from _parts(item, path, "content", "refusal")
        elif item.get("type") == "reasoning":
            yield from _parts(item, path, "summary", "text")
            yield from _parts(item, path, "content", "text")
        else:
            for key in ("arguments", "input"):
                if isinstance(item.get(key), str):
                    yield Piece(path=(*path, key), stage=Stage.TOOL, text=item[key])


def _parts(item: Mapping[str, Any], path: Path, key: str, name: str) -> Iterator[Piece]:
    for at, part in _entries(item.get(key)):
        if isinstance(part.get(name), str):
            yield Piece(path=(*path, key, at, name), stage=Stage.OUTPUT, text=part[name])
