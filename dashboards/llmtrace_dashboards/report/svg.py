"""Charts as SVG within the page: pure functions from numbers to markup, with colours that the page's style names.

Drawn by hand and not by Vega: the renderer is a wheel of 33 MB, and its colours could not follow light, dark and print.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from llmtrace_dashboards.report.days import Days
from llmtrace_dashboards.report.markup import Html, joined, tag
from llmtrace_dashboards.state.ranges import Window

WIDTH, HEIGHT = 480, 176
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 4, 8, 22
_MOST_LABELS = 7


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A part of a bucket."""

    at_ms: int
    low: float
    high: float
    look: str
    """A class of the style sheet: its colour."""
    told: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """Values over time."""

    points: Sequence[tuple[int, float]]
    """Instant in milliseconds, and value."""
    look: str
    gap_ms: int | None = None
    """Points as far from each other, or farther, are not joined; None: all are."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where things stand."""

    window: Window
    days: Days
    highest: float
    written: Callable[[float], str]
    """A value on the axis."""
    least_step: float = 0
    """Between two ticks: 1 where there are no halves."""

    def x(self, at_ms: float) -> float:
        """From the left."""
        part = (at_ms - self.window.start_ms) / max(self.window.length_ms, 1)
        return round(_LEFT + min(max(part, 0.0), 1.0) * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        """From the top."""
        return round(HEIGHT - _BOTTOM - value / self.top * (HEIGHT - _BOTTOM - _TOP), 1)

    @property
    def top(self) -> float:
        """The highest tick."""
        return self.ticks[-1]

    @property
    def ticks(self) -> list[float]:
        """Three to five round values from zero to above the highest."""
        if self.highest <= 0:
            return [0.0, 1.0]
        step = 10.0 ** (len(f"{int(self.highest)}") - 1) if self.highest >= 1 else 1.0
        while step > self.highest:
            step /= 10
        rounds = (step / 5, step / 2, step, 2 * step, 2.5 * step, 5 * step)
        step = max(next(one for one in rounds if one * 4 >= self.highest), self.least_step)
        count = -int(-self.highest // step)
        return [step * n for n in range(count + 1)]


def bars(frame: Frame, shown: Sequence[Bar], before: Sequence[Line], title: str) -> Html:
    """Bars over time, and what they are compared with as a dashed line."""
    width = frame.window.bucket_ms
    drawn = []
    for bar in shown:
        start, end = frame.x(bar.at_ms), frame.x(bar.at_ms + width)
        top, foot = frame.y(bar.high), frame.y(bar.low)
        if end > start and foot > top:
            size = {
                "x": start,
                "y": top,
                "width": round(max(end - start - 0.6, 0.4), 1),
                "height": round(foot - top, 1),
            }
            drawn.append(tag("rect", tag("title", bar.told), class_=f"fill {bar.look}", **size))
    return _chart(frame, title, *drawn, *(_line(frame, line) for line in before))


def lines(frame: Frame, shown: Sequence[Line], title: str, *, under: Html | None = None) -> Html:
    """Lines over time, on top of what is `under` them."""
    return _chart(frame, title, *([under] if under else ()), *(_line(frame, line) for line in shown))


def band(frame: Frame, low: Sequence[tuple[int, float]], high: Sequence[tuple[int, float]]) -> Html:
    """An area between two lines."""
    points = " ".join(f"{frame.x(at)},{frame.y(value)}" for at, value in [*low, *reversed(high)])
    return tag("polygon", class_="band", points=points)


def _line(frame: Frame, line: Line) -> Html:
    return joined(*(_piece(frame, points, line.look) for points in _pieces(line)))


def _piece(frame: Frame, points: Sequence[tuple[int, float]], look: str) -> Html:
    places = [f"{frame.x(at)},{frame.y(value)}" for at, value in points]
    return tag("polyline", class_=f"line {look}", points=" ".join(places if len(places) > 1 else 2 * places))


def _pieces(line: Line) -> list[list[tuple[int, float]]]:
    """What is without a gap."""
    found: list[list[tuple[int, float]]] = []
    for at, value in line.points:
        if found and (line.gap_ms is None or at - found[-1][-1][0] < line.gap_ms):
            found[-1].append((at, value))
        else:
            found.append([(at, value)])
    return found


def _chart(frame: Frame, title: str, *drawn: Html) -> Html:
    return tag(
        "svg",
        tag("title", title),
        *_values(frame),
        *_times(frame),
        *drawn,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=title,
    )


def _values(frame: Frame) -> list[Html]:
    found = []
    for value in frame.ticks:
        y = frame.y(value)
        label = tag("text", frame.written(value), x=_LEFT - 6, y=y + 4, class_="end")
        found.append(joined(tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="grid"), label))
    return found


def _times(frame: Frame) -> list[Html]:
    """Days at their noon, at most `_MOST_LABELS` of them; a hairline where each begins."""
    found = []
    each = frame.days.each
    every = -(-len(each) // _MOST_LABELS)
    for number, (day, window) in enumerate(each):
        x = frame.x(window.start_ms)
        if number and number % every == 0:
            found.append(tag("line", x1=x, x2=x, y1=_TOP, y2=HEIGHT - _BOTTOM, class_="grid"))
        if number % every == 0:
            told = f"{day:%a %-d}" if every == 1 else f"{day:%-d %b}"
            middle = frame.x((window.start_ms + window.end_ms) / 2)
            found.append(tag("text", told, x=middle, y=HEIGHT - 6, class_="mid"))
    return found


def when(at_ms: int, days: Days) -> str:
    """`Mon 16 Nov 14:00` in the zone of the days."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(days.zone):%a %-d %b %H:%M}"
