"""How long the app's own queries took: the last of this process, whoever asked, without their parameters."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

MOST = 500
"""So many are remembered."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One query that ended."""

    name: str
    """Of its SQL file."""
    rows: int | None
    """None: it had no answer."""
    ms: float
    """From asking to the last row, with the way there."""
    at_ms: int
    """When it ended."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The queries of one name."""

    name: str
    count: int
    failed: int
    p50_ms: float
    p95_ms: float
    slowest_ms: float
    most_rows: int | None
    newest_ms: int


class Timings:
    """A ring of timings. Thread-safe."""

    def __init__(self, most: int = MOST) -> None:
        self._kept: deque[Timing] = deque(maxlen=most)
        self._lock = threading.Lock()
        """Protects `_kept`: sessions add while another reads."""

    def add(self, timing: Timing) -> None:
        """Remembers one, and forgets the oldest where there are too many."""
        with self._lock:
            self._kept.append(timing)

    def kept(self) -> tuple[Timing, ...]:
        """Those remembered, oldest first."""
        with self._lock:
            return tuple(self._kept)


def by_name(timings: Iterable[Timing]) -> list[Summary]:
    """One for each name, the slowest first."""
    found: dict[str, list[Timing]] = {}
    for timing in timings:
        found.setdefault(timing.name, []).append(timing)
    return sorted((_summary(name, some) for name, some in found.items()), key=lambda one: (-one.p95_ms, one.name))


def _summary(name: str, some: list[Timing]) -> Summary:
    took = sorted(timing.ms for timing in some)
    return Summary(
        name=name,
        count=len(some),
        failed=sum(timing.rows is None for timing in some),
        p50_ms=_at(took, 50),
        p95_ms=_at(took, 95),
        slowest_ms=took[-1],
        most_rows=max((timing.rows for timing in some if timing.rows is not None), default=None),
        newest_ms=max(timing.at_ms for timing in some),
    )


def _at(ordered: list[float], percent: int) -> float:
    """The percentile by nearest rank."""
    return ordered[-(-percent * len(ordered) // 100) - 1]


queries = Timings()
"""Those of this process."""
