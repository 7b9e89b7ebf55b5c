"""The confidence of each field of a structured answer, from the log probabilities of the tokens it is written in.

    {"city": "Oslo", "days": 3}          tokens   {"   city   ":   "Os   lo   ",   ...
              ^^^^^^                     of city  those that have a byte of its value; the product is its probability

The product is how likely the model was to write just this value here, given all before it: exact for what is one or
two tokens (numbers, booleans, words of an enumeration), small for long texts, where the least token says more.
Source of the numbers: OpenAI API reference, chat completion object, `logprobs`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmtrace.reading.json_values import items, mapping, number, text

MAX_FIELDS: Final = 1_000
MAX_DEPTH: Final = 50
_BLANK: Final = b" \t\r\n"
_ENDS: Final = b",]} \t\r\n"

Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldConfidence:
    """One text, number, boolean or null of an answer."""

    path: Path
    """Names and places from the outermost, such as ``("items", 0, "price")``."""
    value: Any
    probability: float
    """Of this value being written here, 0 to 1: the product over its tokens."""
    least: float
    """Probability of its least likely token, 0 to 1."""
    tokens: int

    @property
    def name(self) -> str:
        """The path as people write it: ``items[0].price``."""
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return "".join(parts).removeprefix(".")


def of_fields(answer: Any) -> list[FieldConfidence]:
    """The fields of an answer's JSON, in their order; empty where there are no log probabilities, or no JSON.

    Args:
        answer: A chat completion or a response, as the client gives it or as JSON; the first choice or text counts.
            It was asked for with ``logprobs=True``, or ``include=["message.output_text.logprobs"]``.
    """
    tokens = list(_tokens(_plain(answer)))
    written = b"".join(data for data, _ in tokens)
    try:
        spans = list(_Scan(written).fields())
    except ValueError:
        return []
    return [found for span in spans if (found := _confidence(written, span, tokens))]


def _plain(answer: Any) -> Mapping[str, Any]:
    dump = getattr(answer, "model_dump", None)
    return mapping(dump() if callable(dump) else answer)


def _tokens(body: Mapping[str, Any]) -> Iterator[tuple[bytes, float]]:
    """Bytes and log probability of each token of the first answer in words."""
    for choice in items(body.get("choices"))[:1]:
        yield from _read(items(mapping(mapping(choice).get("logprobs")).get("content")))
    for item in items(body.get("output")):
        for part in items(mapping(item).get("content")):
            if found := items(mapping(part).get("logprobs")):
                yield from _read(found)
                return


def _read(entries: Sequence[object]) -> Iterator[tuple[bytes, float]]:
    for entry in map(mapping, entries):
        spelled = items(entry.get("bytes"))
        is_bytes = spelled and all(isinstance(one, int) and 0 <= one < 256 for one in spelled)
        data = bytes(spelled) if is_bytes else (text(entry.get("token")) or "").encode("utf-8", "surrogatepass")
        logprob = number(entry.get("logprob"))
        yield data, min(0.0, logprob) if logprob is not None and not math.isnan(logprob) else 0.0


def _confidence(
    written: bytes, span: tuple[Path, int, int], tokens: Sequence[tuple[bytes, float]]
) -> FieldConfidence | None:
    path, start, end = span
    found = []
    at = 0
    for data, logprob in tokens:
        if at < end and at + len(data) > start:
            found.append(logprob)
        at += len(data)
    try:
        value = json.loads(written[start:end])
    except ValueError:
        return None
    least = math.exp(min(found))
    return FieldConfidence(
        path=path, value=value, probability=math.exp(math.fsum(found)), least=least, tokens=len(found)
    )


class _Scan:
    """Finds where each value of a JSON text begins and ends; raises ValueError for what is none."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._left = MAX_FIELDS

    def fields(self) -> Iterator[tuple[Path, int, int]]:
        """Path, first byte and end of each scalar."""
        yield from self._value((), MAX_DEPTH)

    def _value(self, path: Path, depth: int) -> Iterator[tuple[Path, int, int]]:
        head = self._next()
        if not depth:
            raise ValueError("too deep")
        if head == b"{":
            yield from self._object(path, depth)
        elif head == b"[":
            yield from self._array(path, depth)
        elif self._left > 0:
            self._left -= 1
            start = self._at
            self._skip()
            yield path, start, self._at

    def _object(self, path: Path, depth: int) -> Iterator[tuple[Path, int, int]]:
        self._at += 1
        while self._next() != b"}":
            start = self._at
            if self._next() != b'"':
                raise ValueError("a name is missing")
            self._skip()
            name = json.loads(self._data[start : self._at])
            self._take(b":")
            yield from self._value((*path, name), depth - 1)
            if self._next() != b"}":
                self._take(b",")
        self._at += 1

    def _array(self, path: Path, depth: int) -> Iterator[tuple[Path, int, int]]:
        self._at += 1
        place = 0
        while self._next() != b"]":
            yield from self._value((*path, place), depth - 1)
            place += 1
            if self._next() != b"]":
                self._take(b",")
        self._at += 1

    def _next(self) -> bytes:
        """The next byte that is not blank, without taking it."""
        while self._at < len(self._data) and self._data[self._at] in _BLANK:
            self._at += 1
        if self._at >= len(self._data):
            raise ValueError("it ends too early")
        return self._data[self._at : self._at + 1]

    def _take(self, expected: bytes) -> None:
        if self._next() != expected:
            raise ValueError(f"{expected!r} is missing")
        self._at += 1

    def _skip(self) -> None:
        """Over one text, number, boolean or null."""
        if self._data[self._at : self._at + 1] != b'"':
            start = self._at
            while self._at < len(self._data) and self._data[self._at] not in _ENDS:
                self._at += 1
            if self._at == start:
                raise ValueError("a value is missing")
            return
        self._at += 1
        while self._at < len(self._data) and self._data[self._at] != ord('"'):
            self._at += 2 if self._data[self._at] == ord("\\") else 1
        self._at += 1
        if self._at > len(self._data):
            raise ValueError("a text has no end")
