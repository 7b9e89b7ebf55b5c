"""Usage blocks: chat and responses spell the same counts differently. Counts are taken as they are, never computed."""

from __future__ import annotations

from llmtrace.calls import Usage
from llmtrace.reading.json_values import count, mapping

# field of Usage -> the places it may stand in, the first that has it wins
_SPELLINGS: dict[str, tuple[tuple[str, ...], ...]] = {
    "input": (("input_tokens",), ("prompt_tokens",)),
    "output": (("output_tokens",), ("completion_tokens",)),
    "cache_read": (
        ("input_tokens_details", "cached_tokens"),
        ("prompt_tokens_details", "cached_tokens"),
        ("prompt_cache_hit_tokens",),  # DeepSeek
    ),
    "cache_write": (
        ("input_tokens_details", "cache_write_tokens"),
        ("prompt_tokens_details", "cache_write_tokens"),
    ),
    "reasoning": (
        ("output_tokens_details", "reasoning_tokens"),
        ("completion_tokens_details", "reasoning_tokens"),
    ),
    "audio_input": (("input_tokens_details", "audio_tokens"), ("prompt_tokens_details", "audio_tokens")),
    "audio_output": (("output_tokens_details", "audio_tokens"), ("completion_tokens_details", "audio_tokens")),
}


def read_usage(block: object) -> Usage | None:
    """Usage of a reply; None when the block is missing or has none of the counts."""
    if not isinstance(block, dict):
        return None
    counts = {field: _first(block, places) for field, places in _SPELLINGS.items()}
    return None if all(value is None for value in counts.values()) else Usage(**counts)


def is_malformed(block: object) -> bool:
    """Whether a usage block has a count, of those that are billed, that is no count: a string, a fraction."""
    fields = mapping(block)
    given = [fields.get(place[0]) for field in ("input", "output") for place in _SPELLINGS[field]]
    return any(value is not None and count(value) is None for value in given)


def _first(block: dict[str, object], places: tuple[tuple[str, ...], ...]) -> int | None:
    for place in places:
        here: object = block
        for key in place:
            here = mapping(here).get(key)
        if (value := count(here)) is not None:
            return value
    return None
