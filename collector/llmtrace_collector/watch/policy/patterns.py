r"""Regular expressions that match in linear time, whatever the pattern: names of groups are hostile text.

    a | b    (ab)   [a-z]   [^a]   .   \d \w \s   * + ?

Thompson's construction (Programming Techniques: Regular Expression Search Algorithm, CACM 11(6), 1968): all states at
once, one step for each character, so no input makes it back up. A match is always of the whole text, as in Prometheus.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_CHARACTERS = 500
"""Of a pattern: also the bound on states, so a match costs at most this many steps for each character."""

_CLASSES = {"d": "0123456789", "s": " \t\r\n\f\v"}
_SPECIAL = "|()[]*+?{}^$."


@dataclass(frozen=True, kw_only=True)
class _Set:
    """What one character may be."""

    ranges: tuple[tuple[str, str], ...] = ()
    negated: bool = False
    word: bool = False

    def has(self, character: str) -> bool:
        found = any(low <= character <= high for low, high in self.ranges)
        if self.word:
            found = found or character == "_" or (character.isascii() and character.isalnum())
        return found is not self.negated


@dataclass(kw_only=True)
class _State:
    """A state: with a set it eats a character, without one it is passed at once."""

    eats: _Set | None = None
    to: list[int] = field(default_factory=list)


class Pattern:
    """A pattern that is ready to match."""

    def __init__(self, text: str) -> None:
        """Parses `text`.

        Raises:
            ValueError: it is too long, or not of the form above; the message says where.
        """
        if len(text) > MOST_CHARACTERS:
            raise ValueError(f"{len(text)} characters are too many for a pattern; {MOST_CHARACTERS} is the most")
        self._text = text
        self._at = 0
        self._states: list[_State] = []
        start, end = self._either(0)
        if self._at < len(text):
            raise self._wrong("closes nothing")
        self._start, self._end = start, end

    def matches(self, text: str) -> bool:
        """Whether all of `text` is of this form."""
        now = self._reach([self._start])
        for character in text:
            after = [
                to
                for at in now
                for state in [self._states[at]]
                if state.eats and state.eats.has(character)
                for to in state.to
            ]
            now = self._reach(after)
            if not now:
                return False
        return self._end in now

    def _reach(self, begin: list[int]) -> set[int]:
        seen: set[int] = set()
        waiting = list(begin)
        while waiting:
            at = waiting.pop()
            if at not in seen:
                seen.add(at)
                if self._states[at].eats is None:
                    waiting.extend(self._states[at].to)
        return seen

    def _new(self, eats: _Set | None = None) -> int:
        self._states.append(_State(eats=eats))
        return len(self._states) - 1

    def _join(self, source: int, *targets: int) -> None:
        self._states[source].to.extend(targets)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _wrong(self, what: str) -> ValueError:
        return ValueError(f'"{self._text}": character {self._at + 1} {what}')

    def _either(self, depth: int) -> tuple[int, int]:
        if depth > 20:
            raise self._wrong("is in more than 20 parentheses; write it simpler")
        start, end = self._new(), self._new()
        while True:
            first, last = self._sequence(depth)
            self._join(start, first)
            self._join(last, end)
            if self._peek() != "|":
                return start, end
            self._take()

    def _sequence(self, depth: int) -> tuple[int, int]:
        start = end = self._new()
        while self._peek() and self._peek() not in "|)":
            first, last = self._repeated(depth)
            self._join(end, first)
            end = last
        return start, end

    def _repeated(self, depth: int) -> tuple[int, int]:
        first, last = self._one(depth)
        while self._peek() and self._peek() in "*+?":
            sign = self._take()
            start, end = self._new(), self._new()
            self._join(start, first)
            self._join(last, end)
            if sign in "*?":
                self._join(start, end)
            if sign in "*+":
                self._join(last, first)
            first, last = start, end
        return first, last

    def _one(self, depth: int) -> tuple[int, int]:
        if self._peek() == "(":
            self._take()
            if self._text.startswith("?:", self._at):
                self._at += 2
            first, last = self._either(depth + 1)
            if self._peek() != ")":
                raise self._wrong("should be a closing parenthesis")
            self._take()
            return first, last
        first, last = self._new(self._eaten()), self._new()
        self._join(first, last)
        return first, last

    def _eaten(self) -> _Set:
        character = self._peek()
        if character == ".":
            self._take()
            return _Set(negated=True)
        if character == "[":
            self._take()
            return self._class()
        if character == "\\":
            return self._escaped()
        if character in _SPECIAL:
            raise self._wrong(f'"{character}" has no meaning here; write \\{character} for the character itself')
        self._take()
        return _Set(ranges=((character, character),))

    def _escaped(self) -> _Set:
        self._take()
        character = self._peek()
        if not character or (character.isalnum() and character not in "dws"):
            raise self._wrong("is no escape that is known; known: \\d \\w \\s and punctuation")
        self._take()
        if character == "w":
            return _Set(word=True)
        return _Set(ranges=tuple((one, one) for one in _CLASSES.get(character, character)))

    def _class(self) -> _Set:
        negated = self._peek() == "^"
        if negated:
            self._take()
        ranges: list[tuple[str, str]] = []
        word = False
        while self._peek() != "]" or not (ranges or word):
            if not self._peek():
                raise self._wrong("should be a closing bracket")
            if self._peek() == "\\":
                found = self._escaped()
                ranges += found.ranges
                word = word or found.word
                continue
            low = high = self._take()
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in {"]", ""}:
                self._take()
                high = self._take()
                if high < low:
                    raise self._wrong(f"ends a range that is upside down: {low}-{high}")
            ranges.append((low, high))
        self._take()
        return _Set(ranges=tuple(ranges), negated=negated, word=word)
