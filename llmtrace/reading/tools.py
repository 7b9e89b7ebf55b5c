"""Which of its own tools the provider ran in a responses call, and how often.

Two places tell: the items of the answer, and ``tool_usage``, which counts billable web searches and the tokens of
images made (openai-python 3.54, ``types/responses/response.py``). Searching is billed, opening a page is not. The older
``web_search_preview`` has other fees, by model, so its calls are counted and not said to be billed at the usual one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from llmtrace.calls import ToolCalls, Usage
from llmtrace.reading.json_values import Json, count, items, mapping, text
from llmtrace.reading.usage import read_usage

# Items that end in `_call` and are run by the app: no tool of the provider's.
_RUN_BY_THE_APP: Final = frozenset({"function", "custom_tool", "local_shell", "apply_patch"})

# Run or steered by the provider and billed by nothing but tokens.
_BILLED_BY_TOKENS: Final = frozenset({"computer", "mcp", "tool_search"})


def read_tools(body: Json) -> tuple[ToolCalls, ...]:
    """The provider's tools that ran, sorted by name; empty when there were none."""
    calls = [mapping(item) for item in items(body.get("output"))]
    counts = Counter(tool for call in calls if (tool := _tool_of(call)))
    used = mapping(body.get("tool_usage"))
    searches = count(mapping(used.get("web_search")).get("num_requests"))
    if searches and "web_search" not in counts:
        counts["web_search"] = 0
    return tuple(
        ToolCalls(
            tool=tool,
            count=counts[tool],
            billed=_billed(tool, counts[tool], searches, calls, body),
            usage=_image_tokens(mapping(used.get("image_gen"))) if tool == "image_generation" else None,
            model=_image_model(body) if tool == "image_generation" else None,
            is_billed_apart=tool not in _BILLED_BY_TOKENS,
        )
        for tool in sorted(counts)
    )


def _tool_of(call: Json) -> str | None:
    kind = text(call.get("type")) or ""
    tool = kind.removesuffix("_call")
    if tool == kind or tool in _RUN_BY_THE_APP:
        return None
    is_local_shell = tool == "shell" and mapping(call.get("environment")).get("type") == "local"
    return None if is_local_shell else tool


def _billed(tool: str, calls_told: int, searches: int | None, calls: list[Json], body: Json) -> int | None:
    if tool == "file_search":
        return calls_told
    if tool != "web_search" or not _is_usual_search(body):
        return None
    if searches is not None:
        return searches
    own = [call for call in calls if call.get("type") == "web_search_call"]
    return len([call for call in own if mapping(call.get("action")).get("type", "search") == "search"])


def _image_tokens(used: Json) -> Usage | None:
    """What making images used; None unless all of it is told: an omitted cache count means that it is unknown."""
    usage = read_usage(used)
    cached = count(used.get("cached_tokens"))
    details = mapping(used.get("cached_tokens_details"))
    if usage is None or not usage.input or cached is None:
        return None
    return replace(
        usage,
        cache_read=cached,
        image_cache_read=count(details.get("cached_image_tokens")),
        text_cache_read=count(details.get("cached_text_tokens")),
    )


def _image_model(body: Json) -> str | None:
    tools = [mapping(tool) for tool in items(body.get("tools"))]
    models = {text(tool.get("model")) for tool in tools if tool.get("type") == "image_generation"}
    return models.pop() if len(models) == 1 else None


def _is_usual_search(body: Json) -> bool:
    """Whether the tools that the answer repeats have ``web_search``, and no preview of it."""
    kinds = [text(mapping(tool).get("type")) or "" for tool in items(body.get("tools"))]
    searches = [kind for kind in kinds if kind.startswith("web_search")]
    return bool(searches) and not any(kind.startswith("web_search_preview") for kind in searches)
