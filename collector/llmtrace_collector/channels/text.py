"""Text of strangers made fit for a channel: one line, no control characters, escaped, and cut to a limit.

Names of users, models and projects come from traced apps and may hold anything. Lengths are counted in UTF-16 units,
which no service counts more sparingly.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

_ELLIPSIS = "…"

PLAIN: Mapping[str, str] = {}
"""Nothing to escape."""

MARKDOWN: Mapping[str, str] = {character: f"\\{character}" for character in "\\`*_{}[]()<>#+-.!|~@:"}
"""Every character that begins something in Discord's or Adaptive Cards' Markdown."""


def clean(text: str) -> str:
    """`text` in one line: control characters are blanks; what is invisible or turns the direction is gone."""
    return " ".join("".join(map(_shown, text)).split())


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Cc", "Zl", "Zp", "Zs"}:
        return " "
    return "" if category in {"Cf", "Cs"} else character


def units(text: str) -> int:
    """The length in UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def fit(text: str, most: int, escapes: Mapping[str, str] = PLAIN) -> str:
    """`text` cleaned and escaped, no longer than `most` UTF-16 units; an ellipsis shows that something is gone.

    It is cut between characters of `text`, so never within an escape.
    """
    pieces = [escapes.get(character, character) for character in clean(text)]
    if sum(map(units, pieces)) <= most:
        return "".join(pieces)
    kept, room = [], most - units(_ELLIPSIS)
    for piece in pieces:
        room -= units(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + _ELLIPSIS
