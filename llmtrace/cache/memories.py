"""What a cache remembers of its own doing: the answers it gave, and those it nearly gave."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from llmtrace.cache.entries import Entry

if TYPE_CHECKING:
    from llmtrace.cache.matching import Match


@dataclass(frozen=True, kw_only=True)
class NearMiss:
    """A stored answer that was not given."""

    stored: str
    """The question it was given to."""
    asked: str
    similarity: float
    wrong: float
    reason: str
    """A guard, `bound` or `judge`."""
    at_s: float
    """Unix time."""


class NearMisses:
    """The last ones, in memory alone: they are people's questions."""

    def __init__(self, many: int = 1_000) -> None:
        self._kept: deque[NearMiss] = deque(maxlen=many)

    def add(self, match: Match, asked: str, reason: str, now_s: float) -> None:
        """One more."""
        stored, similarity, wrong = match.entry.text, match.similarity, match.wrong
        self._kept.append(
            NearMiss(stored=stored, asked=asked, similarity=similarity, wrong=wrong, reason=reason, at_s=now_s)
        )

    def newest(self) -> list[NearMiss]:
        """All that are kept, the newest first."""
        return list(self._kept)[::-1]


@dataclass(frozen=True, kw_only=True)
class Hit:
    """An answer that was given."""

    key: str
    text: str
    how: str
    wrong: float


class RecentHits:
    """The last hits by the id of the response, for feedback that comes later."""

    def __init__(self, many: int = 10_000) -> None:
        self._many = many
        self._lock = Lock()  # protects _hits
        self._hits: OrderedDict[str, Hit] = OrderedDict()

    def add(self, entry: Entry, text: str, how: str, wrong: float) -> None:
        """One more."""
        with self._lock:
            self._hits[entry.response_id] = Hit(key=entry.key, text=text, how=how, wrong=wrong)
            self._hits.move_to_end(entry.response_id)
            while len(self._hits) > self._many:
                self._hits.popitem(last=False)

    def pop(self, response_id: str) -> Hit | None:
        """The newest hit that gave this response; feedback is counted once."""
        with self._lock:
            return self._hits.pop(response_id, None)
