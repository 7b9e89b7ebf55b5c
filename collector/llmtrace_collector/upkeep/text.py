"""Values as SQL text, where a query parameter cannot stand: in DDL and in mutations that outlive their query."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"'(?:[^'\\]|\\.)*'|[^']", re.DOTALL)
"""A quoted text, or any other character."""


_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"}
)


def literal(value: str) -> str:
    """A string literal, spelled as the engine spells it."""
    return f"'{value.translate(_ESCAPES)}'"


def literals(values: Iterable[str]) -> str:
    """An array of string literals."""
    return f"[{', '.join(map(literal, values))}]"


def split_outside_brackets(text: str) -> list[str]:
    """`text` at each comma that is in neither brackets nor quotes."""
    parts, depth, start = [], 0, 0
    for found in _WORD.finditer(text):
        word = found[0]
        depth += (word in "([") - (word in ")]")
        if depth == 0 and word == ",":
            parts.append(text[start : found.start()])
            start = found.start() + 2
    return [*parts, text[start:]]
