"""Time: relative ranges, absolute windows, and the buckets of a chart.

Instants are integer epoch milliseconds, the same as in the URL; a window is half open, `start_ms <= t < end_ms`.
"""

from __future__ import annotations

from dataclasses import dataclass

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

RELATIVE: dict[str, int] = {
    "15m": 15 * MINUTE_MS,
    "1h": HOUR_MS,
    "6h": 6 * HOUR_MS,
    "24h": DAY_MS,
    "7d": 7 * DAY_MS,
    "30d": 30 * DAY_MS,
}
"""The words of `r` in the URL and their length in milliseconds."""

DEFAULT = "24h"

LONGEST_MS = 400 * DAY_MS
"""The longest window a URL may ask for: spans older than 400 days are not accepted by the schema."""

LATEST_MS = 4_102_444_800_000
"""2100-01-01: an instant beyond it is a mistake, such as nanoseconds in place of milliseconds."""

_BUCKETS = (
    *(SECOND_MS * n for n in (1, 5, 10, 15, 30)),
    *(MINUTE_MS * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR_MS * n for n in (1, 2, 3, 6, 12, 24)),
    *(DAY_MS * n for n in (2, 7)),
)


@dataclass(frozen=True, kw_only=True)
class Window:
    """A stretch of time with both ends known."""

    start_ms: int
    end_ms: int
    least_bucket_ms: int = 1
    """No bucket of a chart is narrower than this."""

    @property
    def length_ms(self) -> int:
        """How long it is."""
        return self.end_ms - self.start_ms

    @property
    def before(self) -> Window:
        """The window of the same length that ends where this one starts: what deltas compare with."""
        return Window(start_ms=self.start_ms - self.length_ms, end_ms=self.start_ms)

    @property
    def bucket_ms(self) -> int:
        """The width of a chart's bucket: the shortest round one that gives at most 120 buckets."""
        found = next((b for b in _BUCKETS if self.length_ms <= 120 * b), _BUCKETS[-1])
        return max(found, self.least_bucket_ms)

    def outward(self, step_ms: int) -> Window:
        """The smallest window around this one whose ends are multiples of `step_ms`."""
        return Window(start_ms=self.start_ms // step_ms * step_ms, end_ms=-(-self.end_ms // step_ms) * step_ms)


def ending_at(now_ms: int, relative: str) -> Window:
    """The window of a relative range: it ends at the next full second, so that nothing of this second is missing."""
    end_ms = now_ms // SECOND_MS * SECOND_MS + SECOND_MS
    return Window(start_ms=end_ms - RELATIVE[relative], end_ms=end_ms)


def wider(length_ms: int) -> str | None:
    """The next relative range longer than `length_ms`, or None beyond the longest."""
    return next((name for name, ms in RELATIVE.items() if ms > length_ms + SECOND_MS), None)
