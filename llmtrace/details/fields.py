"""Tables of fields: where a value stands in a body, what it must look like, and the attribute it becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from llmtrace.reading.json_values import Json

Value: TypeAlias = "str | int | float | bool | tuple[str, ...]"
Details: TypeAlias = "dict[str, Value | None]"
"""Attributes by name; what is None is not told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bodies:
    """What there is to read of one call."""

    sent: Json = field(default_factory=dict)
    answered: Json = field(default_factory=dict)
    """Empty for a file, whose size alone is known."""
    path: str = ""
    """Of the request's URL."""
    answered_bytes: int | None = None
    """Size of the answer's body."""


Reader: TypeAlias = Callable[[Bodies], Details]


@dataclass(frozen=True, slots=True)
class Field:
    """One value to look for."""

    name: str
    """The attribute."""
    path: str
    """Where it stands: ``reasoning.effort``. Of several places, with ``|`` between, the first that has it wins."""
    read: Callable[[object], Value | None]
    """Answers None for what the value must not be."""
    places: tuple[tuple[str, ...], ...] = field(init=False, repr=False)
    """``path``, taken apart once."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", tuple(tuple(path.split(".")) for path in self.path.split("|")))


def told(fields: Iterable[Field], body: Json) -> Details:
    """What the fields say of a body."""
    return {entry.name: _first(entry, body) for entry in fields}


def at(body: Json, path: str) -> object:
    """The value at a path such as ``a.b``, or None."""
    return _at(body, path.split("."))


def _at(body: Json, keys: Sequence[str]) -> object:
    here: object = body
    for key in keys:
        if not isinstance(here, dict):
            return None
        here = here.get(key)
    return here


def _first(entry: Field, body: Json) -> Value | None:
    for keys in entry.places:
        value = _at(body, keys)
        if value is not None and (told := entry.read(value)) is not None:
            return told
    return None
