"""JSON values redacted before they are written as text: what an escape would hide is seen as it is.

A string that is itself JSON, such as the arguments of a tool call, is read, redacted and written again, and stays as it
was, to the character, when nothing was found in it.
"""

from __future__ import annotations

import json
from typing import Any, Final

from llmtrace.redaction.kinds import marker
from llmtrace.redaction.redactor import Redactor
from llmtrace.redaction.secrets import names_a_secret

MAX_DEPTH: Final = 60
"""What is nested deeper is dropped: nobody reads it, and a walk must end."""
MAX_JSON_CHARS: Final = 1_000_000
"""A longer string is looked through as text, whatever it holds."""
MAX_NESTED_JSON: Final = 3
"""So many times JSON may stand inside a string inside JSON."""

_TOO_DEEP: Final = marker("nested too deep")
_STRUCTURE: Final = frozenset({"role", "type", "finish_reason", "modality", "mime_type"})
"""Keys of messages and parts whose values are words of the convention: not shown to the user's own functions."""
_BRACKETS: Final = {"{": "}", "[": "]", '"': '"'}


def redact(value: Any, redactor: Redactor) -> Any:
    """``value``, any JSON value, with every string, key and long number in it redacted; never changed in place."""
    return value if redactor.idle else _Walk(redactor).value(value, 0)


class _Walk:
    def __init__(self, redactor: Redactor, nested: int = 0) -> None:
        self._redactor = redactor
        self._nested = nested

    def value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if depth > MAX_DEPTH:
            return _TOO_DEEP if isinstance(value, list | dict) else value
        if isinstance(value, list):
            return [self.value(entry, depth + 1) for entry in value]
        if isinstance(value, dict):
            return self._object(value, depth + 1)
        return self._number(value)

    def _object(self, fields: dict[str, Any], depth: int) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for key, value in fields.items():
            if key in _STRUCTURE and isinstance(value, str):
                told[key] = self._redactor.built_in(value)
            else:
                told[self._key(key, told)] = self._field(key, value, depth)
        return told

    def _field(self, key: str, value: Any, depth: int) -> Any:
        if isinstance(value, str) and value and self._redactor.kinds and names_a_secret(key):
            return marker("secret")
        return self.value(value, depth)

    def _key(self, key: str, taken: dict[str, Any]) -> str:
        told = self._redactor.built_in(key)
        name, number = told, 2
        while name in taken:  # two that became one
            name, number = f"{told} {number}", number + 1
        return name

    def _number(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int) or not 10**12 <= abs(value) < 10**19:
            return value
        told = self._redactor.built_in(str(value))
        return value if told == str(value) else told

    def _text(self, text: str) -> str:
        inner = _json_in(text) if self._nested < MAX_NESTED_JSON else None
        if inner is not None:
            told = _Walk(self._redactor, self._nested + 1).value(inner, 0)
            if told == inner:
                return text
            return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        return self._redactor.text(text)


def _json_in(text: str) -> Any:
    """The object, array or quoted text that a string holds; None when it holds none."""
    if len(text) > MAX_JSON_CHARS:
        return None
    trimmed = text.strip()
    if len(trimmed) < 2 or _BRACKETS.get(trimmed[0]) != trimmed[-1]:
        return None
    try:
        return json.loads(trimmed)
    except (ValueError, RecursionError):
        return None
