"""JSON as the structured values that attributes of events may have: what OTLP can spell, and every reader can parse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmtrace.attributes import clean
from llmtrace.reading.json_values import MAX_INT
from llmtrace.reading.limits import encoded

if TYPE_CHECKING:
    from opentelemetry.util.types import AnyValue

MAX_DEPTH: Final = 24
"""Protobuf parsers refuse more than 100 levels, and OTLP spends three on one object; what is deeper is JSON text."""


def any_value(value: Any, depth: int = 0) -> AnyValue:
    """``value``, any JSON value, as OTLP can spell it."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return value
    if isinstance(value, int):
        return value if -MAX_INT <= value <= MAX_INT else str(value)
    if depth >= MAX_DEPTH:
        return clean(encoded(value))
    if isinstance(value, list):
        return [any_value(entry, depth + 1) for entry in value]
    # The SDK passes over an empty key, and logs that it did.
    return {clean(key) or "_": any_value(entry, depth + 1) for key, entry in value.items()}
