"""Taking values out of JSON that may be anything: each function answers None for what is not what it asks for."""

from __future__ import annotations

import re
from typing import Any, Final, TypeGuard

Json = dict[str, Any]


NOT_JSON: Final = (ValueError, RecursionError)
"""What ``json.loads`` raises on bytes from outside: too deep a nesting is no ``ValueError``."""


def mapping(value: object) -> Json:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """The array, or an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """The string, if it is one and not empty."""
    return value if isinstance(value, str) and value else None


_WORD = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")


def word(value: object) -> str | None:
    """The string, if it looks like a name or an id: at most 128 letters, digits and ``_.:/-``; no text."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def words(value: object, limit: int = 32) -> tuple[str, ...] | None:
    """Those strings of an array that look like names or ids, at most ``limit``; None when there are none."""
    found = [entry for entry in items(value) if word(entry)]
    return tuple(found[:limit]) or None


def flag(value: object) -> bool | None:
    """The boolean, if it is one."""
    return value if isinstance(value, bool) else None


MAX_INT = 2**63 - 1
"""Attributes are 64-bit integers; one that is not would cost its whole batch."""


def count(value: object) -> int | None:
    """The number, if it is a whole one of 64 bits and not negative. A bool is no number."""
    return value if _is_int(value) and 0 <= value <= MAX_INT else None


def integer(value: object) -> int | None:
    """The number, if it is a whole one of 64 bits."""
    return value if _is_int(value) and -MAX_INT <= value <= MAX_INT else None


def number(value: object) -> float | None:
    """The number as a float, if it is one that a float can hold."""
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except OverflowError:
        return None


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
