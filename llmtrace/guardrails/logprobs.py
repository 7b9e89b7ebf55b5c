"""The log probabilities of a text that is held back: each token's go out with its characters, or not at all."""

from __future__ import annotations

from collections import deque
from typing import Any

from llmtrace.guardrails.held import Passed, Place

Json = dict[str, Any]


class Logprobs:
    """Those of one text under way."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, int, Any]] = deque()
        self._ready: list[Any] = []
        self._at = 0
        self._gone: deque[Place] = deque(maxlen=16)

    def take(self, came: object) -> None:
        """Those that came with a piece; of another shape than chat's they are dropped."""
        entries = came.get("content") if isinstance(came, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            token = entry.get("token") if isinstance(entry, dict) else None
            if isinstance(token, str):
                self._waiting.append((self._at, self._at + len(token), entry))
                self._at += len(token)

    def release(self, passed: Passed) -> None:
        """Text up to here has been decided on; tokens with a character that was taken out never go."""
        self._gone.extend(place for place in passed.found if place.goes)
        while self._waiting and self._waiting[0][1] <= passed.upto:
            start, end, entry = self._waiting.popleft()
            if not any(place.start < end and start < place.end for place in self._gone):
                self._ready.append(entry)

    def ready(self, shape: Any) -> Json | None:
        """Those that may go now, in the shape they came in; None for none."""
        entries, self._ready = self._ready, []
        if not entries or not isinstance(shape, dict | None):
            return None
        return {**(shape or {}), "content": entries}
