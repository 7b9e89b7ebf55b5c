"""What to look for, told by the ``redact`` argument of ``instrument()`` and the environment.

The levels hold each other: ``none`` < ``secrets`` < ``personal`` < ``all``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from llmtrace.redaction import personal, secrets
from llmtrace.redaction.kinds import Kind, matches
from llmtrace.redaction.redactor import Redactor

One: TypeAlias = "str | re.Pattern[str] | Callable[[str], str]"
Redact: TypeAlias = "One | Sequence[One]"
"""The name of a level or a kind, a pattern, a function, or several of them."""

LEVELS: Final[dict[str, tuple[Kind, ...]]] = {
    "none": (),
    "secrets": secrets.KINDS,
    "personal": (*secrets.KINDS, *personal.KINDS),
    "all": (*secrets.KINDS, *personal.KINDS, personal.IP),
}
KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in LEVELS["all"]}
DEFAULT: Final = "secrets"


def make_redactor(
    asked: Redact | None,
    *,
    level: str = DEFAULT,
    patterns: Iterable[Kind] = (),
    on_failure: Callable[[BaseException], None] | None = None,
) -> Redactor:
    """The redactor that was asked for; ``level`` holds where ``asked`` names none, ``patterns`` are added.

    Raises:
        ValueError: A name is neither a level nor a kind.
        TypeError: Something is neither a name, a pattern of text, nor a function.
    """
    chosen: list[Kind] = []
    own = list(patterns)
    functions: list[Callable[[str], str]] = []
    levels = []
    for one in _several(asked):
        if isinstance(one, str):
            if one in LEVELS:
                levels.append(one)
            else:
                chosen.append(_kind(one))
        elif isinstance(one, re.Pattern) and isinstance(one.pattern, str):
            own.append(own_kind("pattern", one))
        elif callable(one):
            functions.append(one)
        else:
            raise TypeError(f"redact: {type(one).__name__} is no name, pattern of text, or function")
    wanted = {*LEVELS[max(levels, key=list(LEVELS).index) if levels else level], *chosen}
    redactor = Redactor(
        kinds=tuple(kind for kind in LEVELS["all"] if kind in wanted),
        patterns=tuple(own),
        functions=tuple(functions),
    )
    return replace(redactor, on_failure=on_failure) if on_failure else redactor


def own_kind(name: str, pattern: re.Pattern[str]) -> Kind:
    """A pattern of the user's as a kind."""
    return Kind(name=name, find=matches(pattern.pattern, flags=pattern.flags))


def read_patterns(text: str) -> list[Kind]:
    """Patterns of a file: a line each, ``name: regular expression``; blank lines and those that begin with # are none.

    Raises:
        ValueError: A line is none of these, with its number.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, pattern = line.partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z0-9_ -]{1,40}", name.strip()) or not pattern.strip():
            raise ValueError(f"line {number} is not `name: regular expression`")
        try:
            found.append(own_kind(name.strip(), re.compile(pattern.strip())))
        except re.error as error:
            raise ValueError(f"line {number} is no regular expression: {error}") from error
    return found


def _several(asked: Redact | None) -> Sequence[One]:
    if asked is None:
        return ()
    return asked if isinstance(asked, list | tuple) else (asked,)


def _kind(name: str) -> Kind:
    if name not in KINDS:
        known = ", ".join([*LEVELS, *KINDS])
        raise ValueError(f'redact: "{name}" is neither a level nor a kind; there are {known}')
    return KINDS[name]
