"""Retrieval as the conventions have it, and how much of an answer stands in what was retrieved.

    with grounding.retrieval("handbook", query) as found:        span  retrieval handbook
        found.documents(search(query))                                  query, documents with ids and scores
    grounding.coverage(answer, documents)                         sentences, each with the document that has most of it

Coverage is counted in words and numbers, in under a millisecond a page: it sees what is nowhere in the context, and not
what is said wrongly with the right words. A judge sees more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from llmtrace import semconv, spanning

Documents = Iterable[Any]
"""Each a text, or a mapping or object with some of ``id``, ``score``, and ``content``, ``text`` or ``page_content``."""

SUPPORTED_FROM: Final = 0.6
"""Share of a sentence's words, from which on it counts as supported; numbers must be there all the same."""
MAX_CHARS: Final = 200_000
"""Of an answer, and of a document, that are looked at."""
_CONTENT: Final = ("content", "text", "page_content")
_WORD: Final = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?")
_SENTENCE: Final = re.compile(r"[^.!?\n]+(?:[.!?](?=\S)[^.!?\n]*)*[.!?]*")
_SHORTEST: Final = 4
"""Letters of a word that carries content; shorter ones are mostly grammar, in the languages that have spaces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """One sentence of an answer, and where it stands."""

    start: int
    """Of its first character in the answer."""
    end: int
    share: float
    """Of its words that stand in the best document, 0 to 1."""
    document: int | None
    """Place of that document; None: no document has a word of it."""
    missing_numbers: tuple[str, ...]
    """Numbers that stand in no document at all."""

    @property
    def is_supported(self) -> bool:
        """Enough of its words are in one document, and every number in some."""
        return self.share >= SUPPORTED_FROM and not self.missing_numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """How much of an answer stands in its context."""

    sentences: tuple[Sentence, ...]
    """Those with anything to look up."""
    used: tuple[int, ...]
    """Places of documents that support a sentence: the others were retrieved for nothing."""

    @property
    def share(self) -> float | None:
        """Of sentences, those supported, 0 to 1; None: nothing to look up."""
        supported = sum(sentence.is_supported for sentence in self.sentences)
        return supported / len(self.sentences) if self.sentences else None


def coverage(answer: str, documents: Documents) -> Coverage:
    """Which sentences of an answer stand in which document.

    Args:
        answer: As it was given.
        documents: What it may draw on, in any of the forms of `Documents`.
    """
    known = [_words(_content(document)[:MAX_CHARS]) for document in documents]
    numbers = {word for words in known for word in words if word[0].isdigit()}
    found = []
    for match in _SENTENCE.finditer(answer[:MAX_CHARS]):
        words = {word for word in _words(match[0]) if word[0].isdigit() or len(word) >= _SHORTEST}
        if words:
            found.append(_sentence(match, words, known, numbers))
    supported = {sentence.document for sentence in found if sentence.is_supported and sentence.document is not None}
    return Coverage(sentences=tuple(found), used=tuple(sorted(supported)))


class Found:
    """What a retrieval found, on its span."""

    def __init__(self, block: spanning.Open) -> None:
        self._block = block

    def documents(self, documents: Documents) -> Sequence[Any]:
        """Tell them: how many and the best score always, ids and scores and texts where content is captured."""
        given = list(documents)
        scores = [score for each in given if (score := _score(each)) is not None]
        told: dict[str, int | float] = {semconv.RETRIEVAL_COUNT: len(given)}
        if scores:
            told[semconv.RETRIEVAL_TOP_SCORE] = max(scores)
        self._block.set_facts(told)
        self._block.set_output([_told(each) for each in given])
        return given


@contextmanager
def retrieval(source: str, query: str) -> Iterator[Found]:
    """A span of a search in `source`, such as the name of an index, with its `query` and what it `Found`."""
    with spanning.span(source, kind="retrieval") as block:
        block.set_input(query)
        yield Found(block)


def retrieved(source: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator of a search: a function of a query that returns documents."""
    from functools import wraps

    def around(search: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(search)
        def inner(query: str, *args: Any, **kwargs: Any) -> Any:
            with retrieval(source, query) as found:
                return found.documents(search(query, *args, **kwargs))

        return inner

    return around


def _sentence(match: re.Match[str], words: set[str], known: Sequence[set[str]], numbers: set[str]) -> Sentence:
    shares = [len(words & each) / len(words) for each in known]
    best = max(range(len(shares)), key=shares.__getitem__, default=None)
    share = shares[best] if best is not None else 0.0
    return Sentence(
        start=match.start(),
        end=match.end(),
        share=share,
        document=best if share else None,
        missing_numbers=tuple(sorted(word for word in words if word[0].isdigit() and word not in numbers)),
    )


def _words(text: str) -> set[str]:
    found = (match[0].casefold() for match in _WORD.finditer(text))
    return {_number(word) if word[0].isdigit() else word for word in found}


def _number(text: str) -> str:
    """1,250.50 as 1250.5: thousands by commas, as in English."""
    plain = text.replace(",", "")
    return plain.rstrip("0").rstrip(".") if plain.count(".") == 1 else plain


def _content(document: Any) -> str:
    if isinstance(document, str):
        return document
    found = (_of(document, name) for name in _CONTENT)
    return next((text for text in found if isinstance(text, str)), "")


def _score(document: Any) -> float | None:
    score = _of(document, "score")
    return float(score) if isinstance(score, int | float) and not isinstance(score, bool) else None


def _told(document: Any) -> dict[str, Any]:
    """As the conventions have a document: id and score, and its content."""
    told = {"id": _of(document, "id"), "score": _score(document), "content": _content(document)}
    return {name: value for name, value in told.items() if value not in {None, ""}}


def _of(document: Any, name: str) -> Any:
    return document.get(name) if isinstance(document, Mapping) else getattr(document, name, None)
