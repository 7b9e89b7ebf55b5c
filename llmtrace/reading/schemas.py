"""Whether a value satisfies a JSON Schema, within bounds: the schema may be a stranger's, the value is a model's.

The judge is ``jsonschema-rs`` (extra ``schemas``; loaded here, on the worker, with the first schema: 20 ms CPU, 9 MB).
It was chosen over ``jsonschema`` because its regular expressions take linear time, it knows an offline mode, and it
refuses deep schemas instead of overflowing the stack. It holds the interpreter while it works, so what could take it
long is refused before:

- nothing is ever fetched: only references into the schema itself are followed;
- schemas and values of more than a stated size or depth, and keywords whose cost cannot be bounded;
- combinations of references and alternatives that would visit too much: a schema of twenty lines can ask for 2^20
  visits. ``_Visits`` counts them beforehand; the count is an upper bound, taken once for each pair of a place in the
  schema and a place in the value.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

MAX_SCHEMA_CHARS: Final = 64 * 1024
MAX_DEPTH: Final = 64
"""Of values, in levels. Schemas of more than about 250 levels are refused by ``jsonschema-rs`` itself."""
MAX_VISITS: Final = 1_000_000
"""About 0.1 s."""
MAX_PAIRS: Final = 20_000
"""Places of the schema times places of the value that are looked at to count visits: about 0.05 s."""

_REFUSED: Final = ("$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems")
_SAME_PLACE: Final = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")
_UNDER_WAY: Final = -1
_ENTRIES: Final = ("additionalProperties", "items", "additionalItems", "contains", "propertyNames")


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Why there is no verdict, in a word."""

    reason: str


def satisfies(value: object, schema: object) -> bool | Unchecked:
    """Whether ``value``, parsed JSON, satisfies ``schema``; or why that is not known."""
    try:
        text = json.dumps(schema, separators=(",", ":"), sort_keys=True)
    except (ValueError, RecursionError):
        return Unchecked("schema_too_complex")
    if len(text) > MAX_SCHEMA_CHARS:
        return Unchecked("schema_too_large")
    validator = _validator(text)
    if isinstance(validator, Unchecked):
        return validator
    if _is_deeper(value, MAX_DEPTH):
        return Unchecked("too_deep")
    if '"$ref"' in text and not _is_bounded(schema, value):
        return Unchecked("schema_too_complex")
    try:
        return bool(validator.is_valid(value))
    except ValueError:  # a lone surrogate, or a pattern that grew too large
        return Unchecked("schema_unsupported")
    except BaseException as error:
        if _is_panic(error):
            return Unchecked("schema_unsupported")
        raise


@lru_cache(maxsize=64)
def _validator(text: str) -> Any:
    """A ``jsonschema_rs`` validator, or ``Unchecked``."""
    try:
        import jsonschema_rs
    except ImportError:
        return Unchecked("validator_missing")
    if any(f'"{keyword}"' in text for keyword in _REFUSED):
        return Unchecked("schema_unsupported")
    try:
        return jsonschema_rs.validator_for(
            json.loads(text), offline=True, pattern_options=jsonschema_rs.RegexOptions(size_limit=1024 * 1024)
        )
    except jsonschema_rs.ReferencingError:
        return Unchecked("schema_unsupported")
    except ValueError as error:  # ValidationError is one, and so is the refusal of a schema that is too deep
        return Unchecked("schema_unsupported" if _is_foreign(error) else "schema_invalid")
    except BaseException as error:
        if _is_panic(error):
            return Unchecked("schema_unsupported")
        raise


def _is_panic(error: BaseException) -> bool:
    # A fault of the Rust code comes as a BaseException, which would end the worker.
    return type(error).__name__ == "PanicException"


def _is_foreign(error: ValueError) -> bool:
    """Whether the schema may be sound, and it is the validator that cannot have it."""
    path = getattr(error, "instance_path", None)
    if path is None:
        return True
    kind = type(getattr(error, "kind", None)).__name__
    # Lookaheads and back references are no regular expressions in the strict sense: they have no linear time.
    return "Referencing" in kind or bool(path and "pattern" in str(path[-1]))


def _is_deeper(value: object, levels: int) -> bool:
    level: list[object] = [value]
    for _ in range(levels):
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)


def _inner(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _is_bounded(schema: object, value: object) -> bool:
    try:
        return _Visits(schema).count(schema, value) <= MAX_VISITS
    except (_TooMuchError, RecursionError):
        return False


class _TooMuchError(Exception):
    """More pairs than are looked at, or a reference that leads out of the schema."""


class _Visits:
    """Counts how often a validator may visit a place of a schema with a place of a value."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._known: dict[tuple[int, int], int] = {}

    def count(self, schema: object, value: object) -> int:
        """Visits of ``schema`` with ``value``, an upper bound."""
        if not isinstance(schema, dict):
            return 1
        pair = (id(schema), id(value))
        if pair not in self._known:
            if len(self._known) > MAX_PAIRS:
                raise _TooMuchError
            self._known[pair] = _UNDER_WAY
            self._known[pair] = 1 + self._here(schema, value) + self._below(schema, value)
        if self._known[pair] == _UNDER_WAY:
            raise _TooMuchError  # a circle that never moves on in the value, which the specification forbids
        return self._known[pair]

    def _here(self, schema: dict[str, Any], value: object) -> int:
        others: list[object] = []
        for key in _SAME_PLACE:
            inner = schema.get(key)
            others += inner if isinstance(inner, list) else [inner]
        for key in ("dependentSchemas", "dependencies"):
            inner = schema.get(key)
            others += inner.values() if isinstance(inner, dict) else []
        if isinstance(schema.get("$ref"), str):
            others.append(self._target(schema["$ref"]))
        return sum(self.count(other, value) for other in others if other is not None)

    def _below(self, schema: dict[str, Any], value: object) -> int:
        if not isinstance(value, dict | list):
            return 0
        total = 0
        named = schema.get("properties")
        if isinstance(named, dict) and isinstance(value, dict):
            total += sum(self.count(named[key], value[key]) for key in named.keys() & value.keys())
        anywhere: list[object] = []
        for key in _ENTRIES:
            inner = schema.get(key)
            anywhere += inner if isinstance(inner, list) else [inner]
        for key in ("patternProperties", "prefixItems"):
            inner = schema.get(key)
            anywhere += inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else []
        subschemas = [one for one in anywhere if isinstance(one, dict)]
        return total + sum(self.count(one, entry) for one in subschemas for entry in _inner(value))

    def _target(self, reference: str) -> object:
        here: Any = self._root
        if not reference.startswith("#"):
            raise _TooMuchError
        for step in reference.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            try:
                here = here[int(key)] if isinstance(here, list) else here[key]
            except (LookupError, TypeError, ValueError):
                raise _TooMuchError from None
        return here
