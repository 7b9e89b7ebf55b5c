"""``Redactor``: texts without what was found in them.

What was found gives way to a marker, and what is between markers is looked through again until nothing more is found:
taking one thing out may bare another. So redacting what was redacted changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Final

from llmtrace.redaction.kinds import MARKER, Kind, marker

MAX_ROUNDS: Final = 8
SHORTEST_CHARS: Final = 6
"""Nothing built in is shorter, and most texts of a message are: its role, its kinds of parts."""
NOT_CHECKED: Final = marker("not checked")
"""In place of a text that the user's own function failed on."""

_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|([\"\\/bfnrt]))")
_PLAIN: Final = {"b": " ", "f": " ", "n": "\n", "r": "\n", "t": "\t"}


def _pass_over(_: BaseException) -> None:
    pass


@dataclass(frozen=True, kw_only=True, slots=True)
class Redactor:
    """Takes out of texts what must not leave the process."""

    kinds: tuple[Kind, ...] = ()
    """What is built in, in the order it is looked for."""
    patterns: tuple[Kind, ...] = ()
    """The user's own."""
    functions: tuple[Callable[[str], object], ...] = ()
    """The user's own, called last, in order."""
    spared: Container[str] = ()
    """Texts that pass as they are: references that we made ourselves."""
    on_failure: Callable[[BaseException], None] = _pass_over
    """Told when one of ``functions`` raised, or gave no text."""

    @property
    def idle(self) -> bool:
        """Whether there is nothing to look for."""
        return not (self.kinds or self.patterns or self.functions)

    def text(self, text: str) -> str:
        """``text`` without what any of them finds; one that a function failed on is dropped whole."""
        return text if text in self.spared else self._own(self.built_in(text))

    def built_in(self, text: str) -> str:
        """``text`` without what the built-in kinds find."""
        if not self.kinds or len(text) < SHORTEST_CHARS:
            return text
        told = _without(text, self.kinds)
        if "\\" in told:
            # Text that is quoted in text, and cut short or otherwise not JSON: an escape may hide what it spells.
            plain = _ESCAPE.sub(_unescaped, told)
            if (found := _without(plain, self.kinds)) != plain:
                return found
        return told

    def _own(self, text: str) -> str:
        if not text:
            return text
        text = _without(text, self.patterns)
        for function in self.functions:
            try:
                told = function(text)
            except BaseException as error:  # noqa: BLE001 - it is the user's; what it would have taken out must not leave
                self.on_failure(error)
                return NOT_CHECKED
            if not isinstance(told, str):
                self.on_failure(TypeError(f"it gave {type(told).__name__}, not str"))
                return NOT_CHECKED
            text = told
        return text


def _without(text: str, kinds: Sequence[Kind]) -> str:
    kinds = [kind for kind in kinds if kind.may_be_in(text)]
    for _ in range(MAX_ROUNDS if kinds else 0):
        told = _one_round(text, kinds)
        if told == text:
            break
        text = told
    return text


def _one_round(text: str, kinds: Sequence[Kind]) -> str:
    pieces = _pieces(text)
    for kind in kinds:
        pieces = [made for piece in pieces for made in (_split(piece, kind) if not _is_marker(piece) else (piece,))]
    return "".join(pieces)


def _pieces(text: str) -> list[str]:
    """The text cut at the markers it has; those stand alone."""
    if "[redacted: " not in text:
        return [text]
    pieces, end = [], 0
    for found in MARKER.finditer(text):
        pieces += [text[end : found.start()], found[0]]
        end = found.end()
    return [piece for piece in (*pieces, text[end:]) if piece]


def _split(piece: str, kind: Kind) -> list[str]:
    """The piece cut at what is found in it, with markers in its place."""
    places = kind.places(piece)
    if not places:
        return [piece]
    pieces, end = [], 0
    for start, until in places:
        pieces += [piece[end:start], marker(kind.name)]
        end = until
    return [made for made in (*pieces, piece[end:]) if made]


def _is_marker(piece: str) -> bool:
    return piece.startswith("[redacted: ") and MARKER.fullmatch(piece) is not None


def _unescaped(found: re.Match[str]) -> str:
    code, letter = found.groups()
    return chr(int(code, 16)) if code else _PLAIN.get(letter, letter)
