"""Chat completions, responses and legacy completions: parameters as sent, and the shape of what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from llmtrace import semconv as names
from llmtrace.details.fields import Bodies, Details, Field, at, told
from llmtrace.reading.json_values import Json, count, flag, integer, items, mapping, text, word, words

MAX_NAMES: Final = 32
"""So many names of tools are told."""


def _version(value: object) -> str | None:
    return word(str(value)) if isinstance(value, int) and not isinstance(value, bool) else word(value)


def _choice(value: object) -> str | None:
    return word(value) or word(mapping(value).get("type"))


def _given(value: object) -> bool | None:
    return True if text(value) else None


_SENT: Final = (
    Field(names.REQUEST_TOP_K, "top_k", integer),
    Field(names.PROMPT_NAME, "prompt.id", word),
    Field(names.PROMPT_VERSION, "prompt.version", _version),
    # `reasoning` of a chat call is OpenRouter's.
    Field(names.REQUEST_REASONING_LEVEL, "reasoning_effort|reasoning.effort", word),
    Field(names.REQUEST_REASONING_SUMMARY, "reasoning.summary", word),
    Field(names.REQUEST_VERBOSITY, "verbosity|text.verbosity", word),
    Field(names.REQUEST_TOOL_CHOICE, "tool_choice|function_call", _choice),
    Field(names.REQUEST_PARALLEL_TOOL_CALLS, "parallel_tool_calls", flag),
    Field(names.REQUEST_MAX_TOOL_CALLS, "max_tool_calls", count),
    Field(names.REQUEST_MODALITIES, "modalities", words),
    Field(names.REQUEST_TRUNCATION, "truncation", word),
    Field(names.REQUEST_STORE, "store", flag),
    Field(names.REQUEST_BACKGROUND, "background", flag),
    Field(names.REQUEST_PREVIOUS_RESPONSE, "previous_response_id", word),
    Field(names.REQUEST_HAS_PROMPT_CACHE_KEY, "prompt_cache_key", _given),
    Field(names.REQUEST_PROMPT_CACHE_RETENTION, "prompt_cache_retention", word),
)
_RESPONSES: Final = (
    Field(names.RESPONSE_INCOMPLETE_REASON, "incomplete_details.reason", word),
    Field(names.RESPONSE_PREVIOUS_RESPONSE, "previous_response_id", word),
    Field(names.RESPONSE_CACHE_DIAGNOSIS, "prompt_cache_diagnostics.type", word),
    Field(names.RESPONSE_CACHE_MISS_REASON, "prompt_cache_diagnostics.reason", word),
)
_APP_TOOLS: Final = frozenset({"function_call", "custom_tool_call", "computer_call", "local_shell_call"})
"""Items of a responses answer that ask the app to run something; other calls the provider runs itself."""


def parameters(bodies: Bodies) -> Details:
    """What was asked for, and the tools that were offered."""
    return {**told(_SENT, bodies.sent), **_tools(bodies.sent), **_media(bodies.sent)}


def chat(bodies: Bodies) -> Details:
    """Choices and the tools they call."""
    choices = [mapping(choice) for choice in items(bodies.answered.get("choices"))]
    messages = [mapping(choice.get("message")) for choice in choices]
    citations = sum(len(items(message.get("annotations"))) for message in messages)
    return {
        names.RESPONSE_CHOICES_COUNT: len(choices) or None,
        **_calls(_names_of_calls(messages)),
        names.RESPONSE_CITATIONS_COUNT: citations or None,
    }


def responses(bodies: Bodies) -> Details:
    """Output items, the app's tools they call, and what the answer says of itself."""
    output = [mapping(item) for item in items(bodies.answered.get("output"))]
    parts = [mapping(part) for item in output for part in items(item.get("content"))]
    citations = sum(len(items(part.get("annotations"))) for part in parts)
    called = [text(item.get("name")) or item["type"] for item in output if item.get("type") in _APP_TOOLS_LIST]
    return {
        **told(_RESPONSES, bodies.answered),
        names.CONVERSATION_COMPACTED: _is_compacted(bodies) or None,
        names.RESPONSE_ITEMS_COUNT: len(output) or None,
        **_calls(called),
        names.RESPONSE_CITATIONS_COUNT: citations or None,
    }


def _is_compacted(bodies: Bodies) -> bool:
    """Whether the model saw a compacted view of what was said before; a call that only compacts makes one."""
    seen = items(bodies.sent.get("input"))
    if bodies.answered.get("object") != "response.compaction":
        seen = [*seen, *items(bodies.answered.get("output"))]
    return any(mapping(item).get("type") == "compaction" for item in seen)


_APP_TOOLS_LIST: Final = tuple(_APP_TOOLS)  # what stands in JSON may be unhashable


def _tools(sent: Json) -> Details:
    offered = [mapping(tool) for tool in items(sent.get("tools"))]
    types = {kind for tool in offered if (kind := word(tool.get("type")))}
    functions = len(items(sent.get("functions")))
    types |= {"function"} if functions else set()
    return {
        names.REQUEST_TOOLS_COUNT: len(offered) + functions or None,
        names.REQUEST_TOOL_TYPES: tuple(sorted(types)[:MAX_NAMES]) or None,
    }


def _media(sent: Json) -> Details:
    # A chat call that asks for speech names its voice as a speech call does.
    return {
        names.OUTPUT_TYPE: "speech" if "audio" in items(sent.get("modalities")) else None,
        names.REQUEST_VOICE: word(at(sent, "audio.voice")) or word(at(sent, "audio.voice.id")),
        names.REQUEST_AUDIO_FORMAT: word(at(sent, "audio.format")),
    }


def _names_of_calls(messages: Iterable[Json]) -> Iterator[str | None]:
    for message in messages:
        for call in items(message.get("tool_calls")):
            yield text(at(mapping(call), "function.name")) or text(at(mapping(call), "custom.name"))
        if function := mapping(message.get("function_call")):
            yield text(function.get("name"))


def _calls(called: Iterable[str | None]) -> Details:
    all_called = list(called)
    told_names = dict.fromkeys(name for entry in all_called if (name := word(entry)))
    return {
        names.RESPONSE_TOOL_CALLS_COUNT: len(all_called) or None,
        names.RESPONSE_TOOL_CALL_NAMES: tuple(told_names)[:MAX_NAMES] or None,
    }
