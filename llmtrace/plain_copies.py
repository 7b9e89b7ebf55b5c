"""Copies of values as they are now: of plain data only, bounded, and without running a line of the user's code.

Arguments and results may be anything: a data frame of gigabytes, an object whose ``repr`` asks a database. What is
not plain data is told by the name of its class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import Any, Final
from uuid import UUID

MAX_NODES: Final = 2_000
MAX_DEPTH: Final = 12
MAX_CHARACTERS: Final = 100_000

# By their very class: a subclass may run code of its own.
_SCALARS: Final = frozenset({bool, int, float, type(None)})
_CONTAINERS: Final = frozenset({list, tuple, set, frozenset})
_AS_TEXT: Final = (Decimal, UUID, date, time, timedelta)


def plain_copy(value: object) -> Any:
    """``value`` as JSON would have it. Never raises, in bounded time."""
    return _Copy().of(value, MAX_DEPTH)


class _Copy:
    def __init__(self) -> None:
        self._nodes_left = MAX_NODES
        self._characters_left = MAX_CHARACTERS

    def of(self, value: Any, depth: int) -> Any:
        self._nodes_left -= 1
        if self._nodes_left < 0 or depth < 0:
            return "[llmtrace: left out]"
        kind = type(value)
        if kind is str:
            return self._text(value)
        if kind in _SCALARS:
            return value
        if kind is dict:
            return {self._key(key): self.of(entry, depth - 1) for key, entry in self._some(value.items())}
        if kind in _CONTAINERS:
            return [self.of(entry, depth - 1) for entry in self._some(value)]
        return self._other(value, depth)

    def _other(self, value: Any, depth: int) -> Any:
        if isinstance(value, Enum):
            return self.of(value._value_, depth - 1)
        if isinstance(value, bytes | bytearray):
            return f"[llmtrace: {len(value)} bytes left out]"
        if isinstance(value, _AS_TEXT):
            return str(value)
        fields = _fields(value)
        return f"<{type(value).__qualname__}>" if fields is None else self.of(fields, depth)

    def _some(self, entries: Iterable[Any]) -> Iterator[Any]:
        try:
            kept = list(islice(entries, MAX_NODES))
        except RuntimeError:  # another thread changed it meanwhile
            return
        for entry in kept:
            if self._nodes_left <= 0:
                return
            yield entry

    def _key(self, key: Any) -> str:
        if type(key) is str:
            return self._text(key)
        return str(key) if type(key) in _SCALARS else f"<{type(key).__qualname__}>"

    def _text(self, text: str) -> str:
        kept = text[: self._characters_left]
        self._characters_left -= len(kept)
        return kept if len(kept) == len(text) else f"{kept}[llmtrace: {len(text) - len(kept)} characters cut]"


def _fields(value: object) -> dict[str, Any] | None:
    """Fields of a dataclass or a Pydantic model, past any property of theirs."""
    kind = type(value)
    if not dataclasses.is_dataclass(kind) and not hasattr(kind, "__pydantic_fields__"):
        return None
    try:
        return dict(object.__getattribute__(value, "__dict__"))
    except AttributeError:  # with slots
        return {name: object.__getattribute__(value, name) for name in getattr(kind, "__slots__", ())}
