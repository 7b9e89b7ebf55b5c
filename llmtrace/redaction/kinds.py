"""``Kind``: one sort of thing to find, and the words all kinds share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

Span = tuple[int, int]
"""Where something was found: from, and up to."""

Find = Callable[[str], Iterable[Span]]

WINDOW_CHARS: Final = 64 * 1024
"""So much of a text is looked through at a time: a search holds the interpreter, and the app's threads wait."""
OVERLAP_CHARS: Final = 16 * 1024
"""What is longer may be found in part only, where it lies across windows."""

MARKER: Final = re.compile(r"\[redacted: [A-Za-z0-9_ -]{1,40}\]")
"""What stands in place of what was found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One sort of thing to find."""

    name: str
    """As users write it and as the marker says it."""
    find: Find
    """Places in a text, in order, none overlapping another."""
    hints: tuple[str, ...] = ()
    """The text has none of this kind when it has none of these; empty: always look."""

    def may_be_in(self, text: str) -> bool:
        """Whether it is worth looking: for most texts and kinds it is not."""
        for hint in self.hints:  # plainly: this is asked ten times for every text
            if hint in text:
                return True
        return not self.hints

    def places(self, text: str) -> list[Span]:
        """Places in ``text``, in order."""
        if not self.may_be_in(text):
            return []
        return list(self.find(text)) if len(text) <= WINDOW_CHARS + OVERLAP_CHARS else list(self._in_windows(text))

    def _in_windows(self, text: str) -> Iterable[Span]:
        at = end = 0
        while at < len(text):
            first = max(0, at - OVERLAP_CHARS)
            for start, until in self.find(text[first : at + WINDOW_CHARS + OVERLAP_CHARS]):
                if max(at, end) <= first + start < at + WINDOW_CHARS:
                    end = first + until
                    yield first + start, end
            at += WINDOW_CHARS


def marker(name: str) -> str:
    """What stands in place of something of this kind."""
    return f"[redacted: {name}]"


def matches(pattern: str, accepted: Callable[[str], bool] | None = None, *, flags: int = 0) -> Find:
    """Find what the pattern matches: its group ``it``, where it has one, and only what ``accepted`` accepts."""
    compiled = re.compile(pattern, flags)
    group = "it" if "it" in compiled.groupindex else 0

    def find(text: str) -> Iterable[Span]:
        for match in compiled.finditer(text):
            if match.end(group) > match.start(group) and (accepted is None or accepted(match[group])):
                yield match.span(group)

    return find


def has_digit_and_letter(text: str) -> bool:
    """Whether it looks random: a word of a language has no digits, a number no letters."""
    return any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
