"""SQL as words: enough of ClickHouse's grammar to put a name or a clause where it belongs.

Texts, quoted names and comments are whole words here, and every word knows how many brackets it stands in; so a
clause is found where the statement itself has it, never inside of an expression or a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_WORD = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*.*?\*/ )
  | (?P<word> '(?:[^'\\]|\\.|'')*' | `(?:[^`\\]|\\.)*` | "(?:[^"\\]|\\.)*" | [A-Za-z_]\w* | \d[\w.]* | [^\s] )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Word:
    """A name, a keyword, a text, a number or a sign."""

    text: str
    start: int
    """Where it stands in the statement."""
    depth: int
    """In how many brackets; a bracket itself is outside of what it holds."""

    @property
    def end(self) -> int:
        """Behind its last character."""
        return self.start + len(self.text)

    @property
    def keyword(self) -> str:
        """In capitals, as keywords are compared."""
        return self.text.upper()

    @property
    def name(self) -> str:
        """Without the quotes of a quoted name."""
        return self.text.strip('`"')

    @property
    def is_name(self) -> bool:
        """It can be the name of a table."""
        return self.text[0].isalpha() or self.text[0] in '_`"'


def words_of(sql: str) -> list[Word]:
    """The words of a statement, without comments."""
    return list(_words(sql))


def _words(sql: str) -> Iterator[Word]:
    depth = 0
    for match in _WORD.finditer(sql):
        if match["comment"]:
            continue
        text = match["word"]
        depth -= text in ")]"
        yield Word(text, match.start(), depth)
        depth += text in "(["


def find(words: list[Word], *keywords: str, depth: int = 0) -> int:
    """Where these keywords stand side by side, in so many brackets; -1: nowhere."""
    size = len(keywords)
    for at in range(len(words) - size + 1):
        if words[at].depth == depth and tuple(w.keyword for w in words[at : at + size]) == keywords:
            return at
    return -1


def replaced(sql: str, changes: Iterable[tuple[int, int, str]]) -> str:
    """`sql` with each stretch (start, end) replaced by a text; an empty stretch puts it in."""
    parts, at = [], 0
    for start, end, text in sorted(changes):
        parts += [sql[at:start], text]
        at = end
    return "".join([*parts, sql[at:]])
