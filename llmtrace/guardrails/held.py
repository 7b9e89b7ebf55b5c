"""Text that comes in pieces, passed on as soon as nothing in it can still become a violation.

    already shown | context | held back ........ newest
                            └── looked at ──┘└─ at most 76 characters, and the word, number or match they are in

What is found from the characters alone is found the same whichever way the text is cut: what is passed on ends where
no word and no row of digits goes on, and never inside a match; a match of up to 64 characters may have spaces in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

HOLD_CHARS: Final = 64
"""A match with spaces in it is seen whole up to this length."""
STEP_CHARS: Final = 12
"""It is looked at again when so many more may be ready, not for each token."""
CONTEXT_CHARS: Final = 256
"""Of what was passed on, kept to look at what comes next."""
LONGEST_RUN: Final = 1024
"""A word is held no longer than this: a file in base64 is no word."""
LONGEST_MATCH: Final = 16 * 1024
"""Of a match that goes on beyond this, the rest is taken out unseen."""

_JOINS: Final = frozenset(" \t\u00a0-./()")
"""What may stand between the digits of one number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where something was found, and by whom."""

    start: int
    end: int
    category: str
    by: int = 0
    """Number of the guardrail."""
    goes: bool = True
    """Whether it is taken out."""


Look = Callable[[str], Sequence[Place]]
"""Places in a text, in order of their beginnings, longer ones first."""
Mark = Callable[[str], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Passed:
    """What may be passed on."""

    text: str
    upto: int
    """How many characters of what came have been decided on."""
    found: tuple[Place, ...] = ()
    """What was found in these, by its place in all that came."""


class Held:
    """One text under way.

    Args:
        look: What finds places to take out.
        mark: What stands in their place.
        whole: Hold everything until the end.
    """

    def __init__(self, look: Look, mark: Mark, *, whole: bool = False) -> None:
        self._look = look
        self._mark = mark
        self.whole = whole
        self._context = ""
        self._text = ""
        self._done = 0
        self._withheld = False
        self._look_at = 0

    @property
    def pending(self) -> str:
        """What is held back."""
        return self._text

    def add(self, text: str) -> Passed:
        """What may be passed on now that ``text`` has come."""
        if self._withheld:
            self._done += len(text)
            return Passed(text="", upto=self._done)
        self._text += text
        ready = len(self._text) - HOLD_CHARS
        if self.whole or ready < STEP_CHARS or len(self._text) < self._look_at:
            return Passed(text="", upto=self._done)
        size = len(self._text)
        upto = _boundary(self._text, ready)
        passed = self._release(upto) if upto else Passed(text="", upto=self._done)
        # What goes on without an end is not looked at anew for each piece of it.
        self._look_at = size * 9 // 8 if len(self._text) == size > 4 * HOLD_CHARS else 0
        return passed

    def finish(self) -> Passed:
        """What is left, when no more comes."""
        return self._release(len(self._text), last=True)

    def _release(self, upto: int, *, last: bool = False) -> Passed:
        before = len(self._context)
        seen = [place for place in self._look(self._context + self._text) if place.end > before]
        places = [replace(place, start=max(0, place.start - before), end=place.end - before) for place in seen]
        if not last:
            upto = self._outside(places, upto)
        decided = [place for place in places if place.end <= upto]
        text = self._text[:upto]
        shown = without(text, decided, self._mark)
        found = tuple(replace(p, start=p.start + self._done, end=p.end + self._done) for p in decided)
        self._context = _tail(self._context + text)
        self._text = self._text[upto:]
        self._done += upto
        if len(self._text) > LONGEST_MATCH and not self.whole and not last:
            going = [place.category for place in places if place.goes and place.end > upto]
            shown, self._withheld = shown + self._mark(going[0] if going else "not checked"), True
            self._done, self._text = self._done + len(self._text), ""
        return Passed(text=shown, upto=self._done, found=found)

    def _outside(self, places: Sequence[Place], upto: int) -> int:
        """The last place up to here that no match and no word goes across."""
        while True:
            across = [place.start for place in places if place.start < upto < place.end]
            if not across:
                return upto
            upto = _boundary(self._text, min(across))
            if upto <= 0:
                return 0


def _boundary(text: str, upto: int) -> int:
    """The last place up to here where no word or number goes on, or, in a word without end, this place."""
    at = upto
    lowest = max(0, upto - LONGEST_RUN)
    while at > lowest:
        if _ends_word(text[at - 1]) and not _in_number(text, at):
            return at
        at -= 1
    return upto if lowest > 0 else 0


def _ends_word(character: str) -> bool:
    return character.isspace() or not (character.isascii() or character.isalnum() or character == "_")


def _in_number(text: str, at: int) -> bool:
    """Whether digits go on across this place: before it, and within three characters after it."""
    before = at - 1
    while before >= 0 and before > at - 5 and text[before] in _JOINS:
        before -= 1
    if before < 0 or not (text[before].isdigit() or text[before] == "+"):
        return False
    after = at
    while after < len(text) and after < at + 4 and text[after] in _JOINS:
        after += 1
    return after < len(text) and text[after].isdigit()


def _tail(text: str) -> str:
    """The last characters, from where a word begins."""
    if len(text) <= CONTEXT_CHARS:
        return text
    at = _boundary(text, len(text) - CONTEXT_CHARS // 2)
    return text[at or len(text) - CONTEXT_CHARS // 2 :]


def without(text: str, places: Sequence[Place], mark: Mark) -> str:
    """The text with marks in place of what goes."""
    pieces, end = [], 0
    for place in places:
        if not place.goes or place.end <= end:
            continue
        if place.start >= end:
            pieces += [text[end : place.start], mark(place.category)]
        end = place.end
    return "".join((*pieces, text[end:]))
