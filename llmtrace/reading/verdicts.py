"""Whether an answer was refused, cut short or empty: told from what the provider reports, no judge asked.

Each is true when it is so of at least one choice. Of a stream that never came to its end only a refusal that was seen
is told: what is missing may have been on its way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from llmtrace.reading.json_values import Json, items, mapping, text


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """None means not known."""

    refused: bool | None
    """By the model (``refusal``), or by the provider's content filter."""
    truncated: bool | None
    """At the limit of output tokens."""
    empty: bool | None
    """Neither text, nor a tool call, nor any other output: reasoning alone is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One generation of an answer, whichever way it is spelled."""

    text: str
    """What it says, without reasoning and refusal."""
    refused: bool
    truncated: bool
    calls: tuple[Json, ...]
    """Functions it calls: ``name`` and ``arguments``, as they came."""
    has_other: bool
    """Whether there is output that is neither text nor a function: audio, an image, a tool of the provider's."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing for the app in it."""
        return not (self.text.strip() or self.refused or self.calls or self.has_other)


def read_choices(wire: str, body: Json) -> list[Choice]:
    """Every choice of an answer; none when there was no answer, or none that is over."""
    if wire == "responses":
        return [_responses(body)] if body.get("status") in ("completed", "incomplete", None) and body else []
    if wire in ("chat", "completions"):
        return [_choice(mapping(entry)) for entry in items(body.get("choices"))]
    return []


def judge(choices: list[Choice], *, finished: bool) -> Verdict | None:
    """The verdict over all choices; None when there is nothing to tell."""
    if not choices:
        return None
    refused = any(choice.refused for choice in choices)
    if not finished:
        return Verdict(refused=True, truncated=None, empty=None) if refused else None
    return Verdict(
        refused=refused,
        truncated=any(choice.truncated for choice in choices),
        empty=any(choice.empty for choice in choices),
    )


def _choice(choice: Json) -> Choice:
    message = mapping(choice.get("message"))
    finish = choice.get("finish_reason")
    calls = [mapping(mapping(call).get("function")) for call in items(message.get("tool_calls"))]
    calls.append(mapping(message.get("function_call")))
    customs = any(mapping(call).get("custom") for call in items(message.get("tool_calls")))
    return Choice(
        text=text(choice.get("text")) or _text_of(message.get("content")),
        refused=bool(text(message.get("refusal"))) or finish == "content_filter",
        truncated=finish == "length",
        calls=tuple(call for call in calls if call),
        has_other=customs or any(message.get(key) for key in ("audio", "images")),
    )


def _responses(body: Json) -> Choice:
    reason = mapping(body.get("incomplete_details")).get("reason") if body.get("status") == "incomplete" else None
    entries = [mapping(item) for item in items(body.get("output"))]
    parts = [mapping(part) for item in entries if _is_answer(item) for part in items(item.get("content"))]
    return Choice(
        text="".join(text(part.get("text")) or "" for part in parts if part.get("type") == "output_text"),
        refused=reason == "content_filter" or any(part.get("type") == "refusal" for part in parts),
        truncated=reason == "max_output_tokens",
        calls=tuple(item for item in entries if item.get("type") == "function_call"),
        has_other=any(_is_other(item) for item in entries),
    )


def _is_answer(item: Json) -> bool:
    # A message of the phase "commentary" comes before tool calls; a format that was asked for does not bind it.
    return item.get("type", "message") == "message" and item.get("phase") != "commentary"


def _is_other(item: Json) -> bool:
    kind = text(item.get("type")) or "message"
    return kind not in ("message", "reasoning", "function_call")


def _text_of(content: object) -> str:
    if isinstance(content, str):
        return content
    return "".join(_texts(content))


def _texts(content: object) -> Iterator[str]:
    for part in items(content):
        yield text(mapping(part).get("text")) or ""
