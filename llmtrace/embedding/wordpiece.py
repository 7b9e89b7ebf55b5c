"""Texts into the numbers of BERT's vocabulary: lower case, no accents, the longest known piece first (WordPiece)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

_UNKNOWN: Final = "[UNK]"
_LONGEST_WORD: Final = 100
"""Characters: a longer word is unknown, as in BERT."""
_PIECES_PER_CHARACTER: Final = 8
"""Characters of a text that are looked at for each piece that is kept: what follows could hardly come in."""


class WordPiece:
    """Uncased BERT's way of cutting texts."""

    def __init__(self, vocabulary: Sequence[str], *, longest: int = 256) -> None:
        """`vocabulary` in its order; of a text, its first `longest` pieces are kept, the two at its ends included."""
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        self._longest = longest
        self._begin, self._end = self._numbers["[CLS]"], self._numbers["[SEP]"]
        self._unknown = self._numbers[_UNKNOWN]
        self._word = lru_cache(maxsize=20_000)(self._cut)

    def numbers(self, text: str) -> list[int]:
        """The text's pieces between [CLS] and [SEP]."""
        found = [self._begin]
        for word in _words(text[: self._longest * _PIECES_PER_CHARACTER]):
            found += self._word(word)
            if len(found) >= self._longest:
                break
        return [*found[: self._longest - 1], self._end]

    def _cut(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD:
            return (self._unknown,)
        found = []
        start = 0
        while start < len(word):
            end = len(word)
            while end > start and (piece := self._piece(word, start, end)) not in self._numbers:
                end -= 1
            if end == start:
                return (self._unknown,)
            found.append(self._numbers[piece])
            start = end
        return tuple(found)

    @staticmethod
    def _piece(word: str, start: int, end: int) -> str:
        return word[start:end] if start == 0 else "##" + word[start:end]


def _words(text: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFD", "".join(map(_spaced, text)).lower())
    for chunk in "".join(each for each in plain if unicodedata.category(each) != "Mn").split():
        word = ""
        for each in chunk:
            if not _is_punctuation(each):
                word += each
                continue
            if word:
                yield word
            yield each
            word = ""
        if word:
            yield word


def _spaced(each: str) -> str:
    """Chinese characters are words of their own; control characters are nothing."""
    if each in "\t\n\r":
        return " "
    if each < "\x7f" and each >= " ":
        return each
    if each in "\x00\ufffd" or unicodedata.category(each).startswith("C"):
        return ""
    return f" {each} " if _is_chinese(ord(each)) else each


def _is_chinese(code: int) -> bool:
    return (
        0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2CEAF
    )


def _is_punctuation(each: str) -> bool:
    if each.isascii():
        return not each.isalnum() and not each.isspace()
    return unicodedata.category(each).startswith("P")
