"""``frozen_clock``: spans whose times a test decides."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from llmtrace import clock

START: Final = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class FrozenClock:
    """A clock that stands still until it is told to go on; safe to use from several threads."""

    def __init__(self, start: datetime) -> None:
        self._now_ns = (start - _EPOCH) // timedelta(microseconds=1) * 1000
        self._moving = threading.Lock()  # protects _now_ns: a fake provider moves it from its own threads

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        return self._now_ns

    def advance(self, seconds: float) -> None:
        """Let so much time pass. Stands in for ``time.sleep``.

        Raises:
            ValueError: The time is negative.
        """
        if seconds < 0:
            raise ValueError(f"advance({seconds!r}): time does not go back; give 0 or more seconds")
        with self._moving:
            self._now_ns += round(seconds * 1_000_000_000)


@contextmanager
def frozen_clock(start: datetime = START) -> Iterator[FrozenClock]:
    """A clock that every span of llmtrace takes its times from inside the block; it stands still until moved.

    Durations and times to the first token are then exact. The clocks of Python, and those of other libraries' spans,
    go on.

    ```python
    with frozen_clock() as clock, FakeProvider(latency_s=0.25, sleep=clock.advance) as provider, capture() as captured:
        client.chat.completions.create(...)
    assert captured.one().duration_s == 0.25
    ```

    Args:
        start: What time it is; aware.
    """
    frozen = FrozenClock(start)
    before, clock.now_ns = clock.now_ns, frozen.now_ns
    try:
        yield frozen
    finally:
        clock.now_ns = before
