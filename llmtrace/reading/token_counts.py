"""How many tokens a call is, given how many a text is: what stands around the texts, as OpenAI counts it.

Source of the overheads: OpenAI cookbook, ``examples/How_to_count_tokens_with_tiktoken.ipynb``, sections 6 and 7:
3 tokens a message, 1 a name, 3 to prime the answer; for tools 7 a function, 3 for its properties, 3 a property,
-3 and 3 an item for an enum, 12 once at the end. The cookbook calls it an estimate, not a guarantee, and knows flat
properties alone; nested ones count here by the same rule.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Final

from llmtrace.reading.json_values import Json, items, mapping, text
from llmtrace.reading.turns import Turn

Counter = Callable[[str], float]
"""How many tokens a text is; may be a fraction where it is an approximation."""

PER_MESSAGE: Final = 3
PER_NAME: Final = 1
PRIMING: Final = 3
_MAX_LEVELS: Final = 10


def input_tokens(turns: Iterable[Turn], tools: Iterable[Json], schema: object, count: Counter) -> int:
    """Tokens of a request: its messages, tools, and the schema of the format asked for."""
    total: float = PRIMING
    for turn in turns:
        total += PER_MESSAGE + count(turn.role) + _spoken(turn, count)
        if turn.name:
            total += PER_NAME + count(turn.name)
    total += tool_tokens(tools, count)
    if isinstance(schema, dict):
        total += count(json.dumps(schema, ensure_ascii=False, separators=(",", ":")))
    return round(total)


def output_tokens(turns: Iterable[Turn], count: Counter) -> int:
    """Tokens of an answer: what is visible of it, reasoning included where it is shown."""
    return round(sum(_spoken(turn, count) + sum(map(count, turn.thoughts)) for turn in turns))


def plain_tokens(turns: Iterable[Turn], count: Counter) -> int:
    """Tokens of texts that no chat format surrounds: a legacy prompt, the input of embeddings."""
    return round(sum(_spoken(turn, count) for turn in turns))


def tool_tokens(tools: Iterable[Json], count: Counter) -> float:
    """Tokens of the functions offered."""
    total = 0.0
    for tool in tools:
        function = mapping(tool.get("function")) or tool
        total += 7 + count(f"{text(function.get('name')) or ''}:{_sentence(function)}")
        total += _properties(mapping(function.get("parameters")), count, _MAX_LEVELS)
    return total + 12 if total else 0


def _spoken(turn: Turn, count: Counter) -> float:
    called = sum(count(name) + count(arguments) + PER_MESSAGE for name, arguments in turn.calls)
    return sum(map(count, turn.texts)) + called


def _properties(schema: Json, count: Counter, levels: int) -> float:
    properties = mapping(schema.get("properties"))
    if not properties or not levels:
        return 0
    total = 3.0
    for name, value in properties.items():
        one = mapping(value)
        total += 3 + count(f"{name}:{text(one.get('type')) or ''}:{_sentence(one)}")
        if choices := items(one.get("enum")):
            total += -3 + sum(3 + count(str(choice)) for choice in choices)
        total += _properties(one, count, levels - 1) + _properties(mapping(one.get("items")), count, levels - 1)
    return total


def _sentence(entry: Json) -> str:
    return (text(entry.get("description")) or "").removesuffix(".")
