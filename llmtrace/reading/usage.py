"""Usage blocks, in every spelling: chat, responses, embeddings, images, transcriptions, realtime.

Counts are taken as they are, never computed. Sources: ``CompletionUsage``, ``ResponseUsage``, ``ImagesResponse.Usage``,
``Transcription.Usage`` and ``RealtimeResponseUsage`` of openai-python 3.54; DeepSeek's and Databricks' own fields.
"""

from __future__ import annotations

from typing import Final

from llmtrace.calls import Usage
from llmtrace.reading.json_values import Json, count, mapping, number

# Each table: key of the block -> field of Usage. Where two keys name one field, the first that is a count wins.
_TOTALS: Final = (
    ("input_tokens", "input"),
    ("prompt_tokens", "input"),
    ("output_tokens", "output"),
    ("completion_tokens", "output"),
    ("total_tokens", "total"),
)
_LOOSE: Final = (
    ("prompt_cache_hit_tokens", "cache_read"),  # DeepSeek
    ("cache_read_input_tokens", "cache_read"),  # Databricks
    ("reasoning_tokens", "reasoning"),  # Databricks, Modal, Perplexity
)
_INPUT: Final = (
    ("cached_tokens", "cache_read"),
    ("cache_write_tokens", "cache_write"),
    ("audio_tokens", "audio_input"),
    ("image_tokens", "image_input"),
    ("video_tokens", "video_input"),
    ("text_tokens", "text_input"),
)
_OUTPUT: Final = (
    ("reasoning_tokens", "reasoning"),
    ("audio_tokens", "audio_output"),
    ("image_tokens", "image_output"),
    ("text_tokens", "text_output"),
    ("accepted_prediction_tokens", "accepted_prediction"),
    ("rejected_prediction_tokens", "rejected_prediction"),
)
_CACHED: Final = (
    ("audio_tokens", "audio_cache_read"),
    ("image_tokens", "image_cache_read"),
    ("text_tokens", "text_cache_read"),
)
_WRITTEN: Final = (("ttl_12h_tokens", "cache_write_12h"), ("ttl_1h_tokens", "cache_write_1h"))

# Realtime and transcriptions say `token` where the others say `tokens`.
_INPUT_DETAILS: Final = ("input_tokens_details", "prompt_tokens_details", "input_token_details")
_OUTPUT_DETAILS: Final = ("output_tokens_details", "completion_tokens_details", "output_token_details")

_BILLED: Final = ("input_tokens", "prompt_tokens", "output_tokens", "completion_tokens")


def read_usage(block: object) -> Usage | None:
    """Usage of a reply; None when the block is missing or has none of the counts."""
    if not isinstance(block, dict):
        return None
    found: dict[str, int] = {}
    _take(block, _TOTALS, found)
    for key in _INPUT_DETAILS:
        if details := mapping(block.get(key)):
            _take(details, _INPUT, found)
            _take(mapping(details.get("cached_tokens_details")), _CACHED, found)
            _take(mapping(details.get("cache_write_tokens_details")), _WRITTEN, found)
    for key in _OUTPUT_DETAILS:
        if details := mapping(block.get(key)):
            _take(details, _OUTPUT, found)
    _take(block, _LOOSE, found)
    seconds = _seconds(block)
    return Usage(**found, audio_seconds=seconds) if found or seconds is not None else None


def is_malformed(block: object) -> bool:
    """Whether a usage block has a count, of those that are billed, that is no count: a string, a fraction."""
    fields = mapping(block)
    return any(value is not None and count(value) is None for value in map(fields.get, _BILLED))


def _take(fields: Json, table: tuple[tuple[str, str], ...], found: dict[str, int]) -> None:
    for key, field in table:
        if key in fields and field not in found and (value := count(fields[key])) is not None:
            found[field] = value


def _seconds(block: Json) -> float | None:
    seconds = number(block.get("seconds")) if block.get("type") == "duration" else None
    return seconds if seconds is not None and 0 <= seconds < 1e9 else None
