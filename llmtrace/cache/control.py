"""What is asked of the cache for the calls inside a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Wish:
    """For one call; the default is that of a call outside of any block."""

    bypass: bool = False
    """Neither look nor store."""
    refresh: bool = False
    """Do not look, but store: what was there is replaced."""
    no_store: bool = False
    """Look, but do not store."""
    exact_only: bool = False
    """No other question's answer."""
    namespace: str = ""
    """Entries of one namespace are never seen in another."""
    tags: tuple[str, ...] = ()
    """What the entries can be invalidated by, beside the tags of `llmtrace.context`."""
    ttl_s: float | None = None
    """Of what is stored; None: the cache's own."""


_wish: Final[ContextVar[Wish]] = ContextVar("llmtrace_cache_wish", default=Wish())  # noqa: B039 - frozen


def current_wish() -> Wish:
    """What holds for a call made here."""
    return _wish.get()


@contextmanager
def control(
    *,
    bypass: bool | None = None,
    refresh: bool | None = None,
    no_store: bool | None = None,
    exact_only: bool | None = None,
    namespace: str | None = None,
    tags: tuple[str, ...] | list[str] = (),
    ttl_s: float | None = None,
) -> Iterator[None]:
    """Say what the cache is to do for the calls inside; blocks nest, None leaves what holds outside.

    Args:
        bypass: Neither look nor store.
        refresh: Ask the provider, and store its answer in place of what was there.
        no_store: Look, but do not store.
        exact_only: Never the answer to another question.
        namespace: Entries of one namespace are never seen in another.
        tags: To invalidate entries by; added to those outside.
        ttl_s: Seconds that what is stored lives.
    """
    outside = _wish.get()
    said = {
        "bypass": bypass,
        "refresh": refresh,
        "no_store": no_store,
        "exact_only": exact_only,
        "namespace": namespace,
        "ttl_s": ttl_s,
    }
    inside = replace(outside, **{name: value for name, value in said.items() if value is not None})  # type: ignore[arg-type]
    token = _wish.set(replace(inside, tags=(*outside.tags, *tags)))
    try:
        yield
    finally:
        _wish.reset(token)
