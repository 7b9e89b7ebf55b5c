"""Answers given again: to the same request, and to other questions that ask the same.

key known? ──▶ the answer
    │ no
same scope (who, model, instructions, parameters, prefix), a question alone?
    │ yes
nearest question ─▶ guards (digits, not, on/off, names, order) ─▶ curve ─▶ budget (delta) ─▶ judge ─▶ the answer
    │ no
the provider ─▶ whole, good, in words? ─▶ kept
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from llmtrace.cache.careful import CarefulStore
from llmtrace.cache.control import control
from llmtrace.cache.entries import Entry, Store, Which
from llmtrace.cache.memory import MemoryStore
from llmtrace.cache.requests import Share
from llmtrace.cache.settings import CacheSettings

if TYPE_CHECKING:
    from llmtrace.cache.bound import Standing
    from llmtrace.cache.curve import Curve
    from llmtrace.cache.judging import Judge
    from llmtrace.cache.memories import NearMiss
    from llmtrace.chain import Step
    from llmtrace.embedding import Embedder

__all__ = ["Cache", "CacheSettings", "Entry", "MemoryStore", "Share", "Store", "Which", "control"]


class Cache:
    """An exact cache; with an `embedder`, a semantic one too.

    ```python
    llmtrace.instrument(cache=Cache(embedder=LocalEmbedder(), delta=0.01))
    ```

    Args:
        store: Where answers are kept. None: 10,000 of them in memory.
        embedder: What tells which questions are near. None: only the same request is a hit.
        delta: Wrong answers / all requests that come to the semantic stage, at most, in expectation; see
            `llmtrace.cache.bound` for what that rests on.
        judge: Asked about candidates the bound does not admit, and about a sample of those it does.
        curve: How likely an answer is wrong, in place of the one that comes with llmtrace.
        seed: Of the draws of that sample.
        clock: Unix time in seconds.
        settings: Further fields of `CacheSettings`.

    Raises:
        ValueError: A value that cannot be meant.
        ModuleNotFoundError: numpy is missing, with the way to install it.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        embedder: Embedder | None = None,
        delta: float = 0.01,
        judge: Judge | None = None,
        curve: Curve | None = None,
        seed: int | None = None,
        clock: Callable[[], float] = time.time,
        **settings: Any,
    ) -> None:
        from llmtrace.cache.bound import Bound
        from llmtrace.cache.judging import Bench
        from llmtrace.cache.memories import NearMisses, RecentHits
        from llmtrace.cache.step import CacheStep

        made = CacheSettings(**settings)
        self._bound = Bound(delta)
        self._store = CarefulStore(store if store is not None else MemoryStore())
        self._hits = RecentHits()
        self._near_misses = NearMisses()
        self._step = CacheStep(
            made,
            self._store,
            matcher=self._matcher(embedder, curve) if embedder is not None else None,
            bench=Bench(judge, made.judge_timeout_s) if judge is not None else None,
            hits=self._hits,
            near_misses=self._near_misses,
            clock=clock,
            random=Random(seed),  # noqa: S311 - a sample
        )

    @property
    def step(self) -> Step:
        """What stands in the chain."""
        return self._step

    def invalidate(
        self, *, tag: str | None = None, user: str | None = None, prompt: str | None = None, everything: bool = False
    ) -> int:
        """Forget answers that fit all that is named; how many they were.

        Args:
            tag: Of `llmtrace.context(tags=)` or `control(tags=)` at the time of the call.
            user: Of `llmtrace.context(user=)` or the request.
            prompt: Name of a prompt, or name and version as `greeting@3`.
            everything: Must be said where nothing else is.

        Raises:
            ValueError: nothing is named.
            Exception: what the store raises: nothing may have been forgotten.
        """
        if not everything and tag is None and user is None and prompt is None:
            raise ValueError("invalidate: name a tag, a user or a prompt, or say everything=True")
        return self._store.drop(Which(tag=tag, user=user, prompt=prompt))

    def feedback(self, response_id: str, *, good: bool) -> bool:
        """What a user thought of an answer; a bad one is forgotten, and paid for if it was given to another question.

        True when something is known of that answer.
        """
        hit = self._hits.pop(response_id)
        if good:
            return hit is not None
        if hit is not None and hit.how == "semantic":
            self._bound.blame()
        dropped = self._store.drop(Which(response_id=response_id)) if response_id else 0
        return hit is not None or dropped > 0

    def near_misses(self) -> list[NearMiss]:
        """Stored answers that were nearly given, the newest first; they hold people's questions."""
        return self._near_misses.newest()

    @property
    def standing(self) -> Standing:
        """Where the bound on wrong answers stands."""
        return self._bound.standing

    def _matcher(self, embedder: Embedder, curve: Curve | None) -> Any:
        from llmtrace.cache.matching import Matcher

        return Matcher(embedder, self._bound, curve)
