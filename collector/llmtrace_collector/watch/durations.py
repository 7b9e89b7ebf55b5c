"""Durations as people write them in rules: a whole number and one unit, `30s`, `5m`, `24h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNIT_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_STRICT = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_LOOSE_PART = r"(\d{1,9})\s*(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)"
_LOOSE = re.compile(rf"\s*(?:{_LOOSE_PART}[\s,]*)+", re.ASCII | re.IGNORECASE)


def parse(text: str) -> timedelta:
    """The duration `text` stands for.

    Raises:
        ValueError: it is of another form; the message says what to write instead.
    """
    found = _STRICT.fullmatch(text)
    if not found:
        raise ValueError(f'"{text}" is not a duration; {_advice(text)}')
    return timedelta(seconds=int(found[1]) * _UNIT_S[found[2]])


def write(duration: timedelta) -> str:
    """The shortest form `parse` reads back as the same whole number of seconds."""
    seconds = duration // timedelta(seconds=1)
    unit = next(u for u, size in _UNIT_S.items() if seconds % size == 0) if seconds else "s"
    return f"{seconds // _UNIT_S[unit]}{unit}"


def _advice(text: str) -> str:
    """What to write instead: the same duration where the meaning is plain, an example elsewhere."""
    if not _LOOSE.fullmatch(text):
        return 'write it like "30s", "5m", "24h" or "7d"'
    parts = re.findall(_LOOSE_PART, text, re.ASCII | re.IGNORECASE)
    seconds = sum(int(number) * _UNIT_S[unit[0].lower()] for number, unit in parts)
    return f'write "{write(timedelta(seconds=seconds))}"'
