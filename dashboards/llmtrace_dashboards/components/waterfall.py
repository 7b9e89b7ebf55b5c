"""The waterfall: the tree of a trace's spans against time.

`lay_out` is pure and total: parents that are missing make roots, and a cycle of parents is cut where it is entered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmtrace_dashboards import figures
from llmtrace_dashboards.components.assets import renderer

Span = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A span with its place in the picture."""

    span: Span
    depth: int
    left: float
    """Percent of the trace's length from its start."""
    width: float
    """Percent."""


def lay_out(spans: Sequence[Span]) -> list[Placed]:
    """The spans as a tree read from the top: children under their parent, earliest first."""
    if not spans:
        return []
    known = {s["span_id"] for s in spans}
    children: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda s: (s["start_ns"], s["span_id"])):
        parent = span["parent_span_id"]
        children.setdefault(parent if parent in known and parent != span["span_id"] else "", []).append(span)
    start = min(int(s["start_ns"]) for s in spans)
    length = max(max(int(s["start_ns"]) + int(s["duration_ns"]) for s in spans) - start, 1)
    placed: list[Placed] = []
    seen: set[str] = set()

    def place(first: Span) -> None:
        stack = [(first, 0)]
        while stack:
            span, depth = stack.pop()
            if span["span_id"] in seen:
                continue
            seen.add(span["span_id"])
            left = 100 * (int(span["start_ns"]) - start) / length
            placed.append(Placed(span=span, depth=depth, left=left, width=100 * int(span["duration_ns"]) / length))
            stack.extend((child, depth + 1) for child in reversed(children.get(span["span_id"], [])))

    for root in children.get("", []):
        place(root)
    for span in spans:  # only members of a cycle are left
        place(span)
    return placed


def waterfall(spans: Sequence[Span], *, selected: str, href: Callable[[Span], str], key: str) -> str | None:
    """Draws it; the href of a span that was just clicked, else None."""
    placed = lay_out(spans)
    length = max((int(p.span["start_ns"]) + int(p.span["duration_ns"]) for p in placed), default=0)
    length -= min((int(p.span["start_ns"]) for p in placed), default=0)
    rows = [_row(p, selected=selected, href=href(p.span)) for p in placed]
    ticks = [figures.duration(length * share) if share else "0" for share in (0, 0.25, 0.5, 0.75, 1)]
    result = renderer("waterfall")(data={"rows": rows, "ticks": ticks}, key=key, on_opened_change=lambda: None)
    opened: str | None = result.opened
    return opened


def _row(placed: Placed, *, selected: str, href: str) -> dict[str, Any]:
    span = placed.span
    wait_ns = span["time_to_first_token_ns"]
    share = min(wait_ns / span["duration_ns"], 1.0) if wait_ns and span["duration_ns"] else 0.0
    return {
        "name": span["name"],
        "depth": placed.depth,
        "left": round(min(placed.left, 99.8), 3),
        "width": round(placed.width, 3),
        "wait": round(placed.width * share, 3),
        "waitLabel": f"first token after {figures.duration(wait_ns)}",
        "failed": span["status"] == "ERROR",
        "call": bool(span["is_call"]),
        "duration": figures.duration(span["duration_ns"]),
        "selected": span["span_id"] == selected,
        "href": href,
    }
