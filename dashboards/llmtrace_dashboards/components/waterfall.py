"""The waterfall: the tree of a trace's spans against time.

`lay_out` is pure and total: parents that are missing make roots, and a cycle of parents is cut where it is entered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmtrace_dashboards import figures
from llmtrace_dashboards.components.assets import renderer
from llmtrace_dashboards.components.critical_path import critical_path

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


def drawing(spans: Sequence[Span]) -> str:
    """What is drawn of a trace, as JSON: `ticks`, and `rows` as lists without the names that `waterfall.js` knows.

    A text, so that a run of the page that changes nothing of it need not make it again.
    """
    placed = lay_out(spans)
    length = max((int(p.span["start_ns"]) + int(p.span["duration_ns"]) for p in placed), default=0)
    length -= min((int(p.span["start_ns"]) for p in placed), default=0)
    path = critical_path(spans)
    ticks = [figures.duration(length * share) if share else "0" for share in (0, 0.25, 0.5, 0.75, 1)]
    rows = [_row(p, path) for p in placed]
    return json.dumps({"ticks": ticks, "rows": rows}, ensure_ascii=False, separators=(",", ":"))


def waterfall(drawn: str, *, fallback: str, link: str, key: str) -> str | None:
    """Draws what `drawing` made; the id of a span that was just chosen, else None.

    What is sent does not depend on which span is chosen, so that choosing one does not send the trace again: the
    drawing reads the word `span` of the address itself, and marks `fallback` where there is none. `link` with the id
    of a span behind it is where its row leads.
    """
    data = {"drawn": drawn, "fallback": fallback, "link": link}
    result = renderer("waterfall")(data=data, key=key, on_opened_change=lambda: None)
    opened: str | None = result.opened
    return opened


def marks(span: Span) -> list[str]:
    """What is to be seen of a span beside its bar: retries, the provider's cache, answers in the provider's place."""
    found = []
    if span["retries"]:
        found.append(f"↻ {span['retries']} retried")
    if cached := span["cached_input_tokens"]:
        share = min(cached / span["input_tokens"], 1) if span["input_tokens"] else 1
        found.append(f"◔ {figures.percent(share)} cached")
    if span["verdict"]:
        found.append(f"⛨ {span['verdict']}")
    if span["origin"]:
        found.append(f"⇄ by {span['origin']}")
    return [mark[:40] for mark in found]


def _row(placed: Placed, path: Mapping[str, int]) -> list[Any]:
    """Id, name, depth, left, width, duration; then, if there is any of it, what else there is to see."""
    span = placed.span
    wait_ns = span["time_to_first_token_ns"]
    more: dict[str, Any] = {}
    if wait_ns and span["duration_ns"]:
        more["wait"] = round(placed.width * min(wait_ns / span["duration_ns"], 1.0), 2)
        more["waitLabel"] = f"first token after {figures.duration(wait_ns)}"
    if span["span_id"] in path:
        more["path"] = figures.duration(path[span["span_id"]])
    more |= {"failed": True} if span["status"] == "ERROR" else {}
    more |= {"call": True} if span["is_call"] else {}
    more |= {"marks": found} if (found := marks(span)) else {}
    left, width = round(min(placed.left, 99.8), 2), round(placed.width, 2)
    row = [span["span_id"], span["name"][:200], placed.depth, left, width, figures.duration(span["duration_ns"])]
    return [*row, more] if more else row
