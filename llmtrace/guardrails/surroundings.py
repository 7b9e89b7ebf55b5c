"""What the app tells around a call: the documents its answer may draw on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_documents: ContextVar[tuple[str, ...]] = ContextVar("llmtrace_documents", default=())


@contextmanager
def documents(texts: Iterable[str]) -> Iterator[None]:
    """Calls made in here draw on these documents: what a retriever found, before it is put into a prompt.

    Guardrails of the stage ``retrieval`` look at them, and groundedness is measured against them.
    """
    token = _documents.set(tuple(texts))
    try:
        yield
    finally:
        _documents.reset(token)


def current_documents() -> tuple[str, ...]:
    """Those in force; empty when the app told none."""
    return _documents.get()
