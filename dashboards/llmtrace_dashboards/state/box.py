"""The word `sel` of the URL: a box on a heatmap, `latency:1795340000000-1795343600000:0.5-4`.

figure : from - to, epoch ms : low - high, seconds or dollars
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from llmtrace_dashboards.state.ranges import LATEST_MS, Window

FIGURES = ("latency", "ttft", "cost")
"""What a heatmap shows: words of the filter grammar."""

_BOX = re.compile(r"(latency|ttft|cost):(\d{1,13})-(\d{1,13}):(\d{1,12}(?:\.\d{1,12})?)-(\d{1,12}(?:\.\d{1,12})?)")


@dataclass(frozen=True, kw_only=True)
class Box:
    """Calls of a stretch of time whose figure lies between two values."""

    figure: str
    window: Window
    low: float
    high: float
    """Not in it."""

    def __str__(self) -> str:
        """As in the URL."""
        ends = f"{self.window.start_ms}-{self.window.end_ms}"
        return f"{self.figure}:{ends}:{_number(self.low)}-{_number(self.high)}"

    @property
    def terms(self) -> str:
        """What is in it, by the filter grammar, but for its window."""
        return f"{self.figure}>={_number(self.low)} {self.figure}<{_number(self.high)} is:call"


def parse(text: str) -> Box | None:
    """The box that `text` means; None: it means none."""
    found = _BOX.fullmatch(text)
    if not found:
        return None
    start, end, low, high = int(found[2]), int(found[3]), float(found[4]), float(found[5])
    if not (start < end <= LATEST_MS and low < high):
        return None
    return Box(figure=found[1], window=Window(start_ms=start, end_ms=end), low=low, high=high)


def around(figure: str, start_ms: float, end_ms: float, low: float, high: float) -> Box | None:
    """The box between two corners, as its text can say it; None: it is none."""
    if not all(map(math.isfinite, (start_ms, end_ms, low, high))) or start_ms < 0:
        return None
    return parse(f"{figure}:{int(start_ms)}-{math.ceil(end_ms)}:{_number(max(low, 0))}-{_number(min(high, 1e11))}")


def _number(value: float) -> str:
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return text or "0"
