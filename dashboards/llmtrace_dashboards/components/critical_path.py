"""The critical path of a trace: at each moment the span that the end of the trace was waiting for.

Walked backwards from a span's end: the child that ended last was waited for, before its start the one that ended last
by then, and so on; what no child covers is the span's own. Source: Uber, CRISP (USENIX ATC 2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Span = Mapping[str, Any]


def critical_path(spans: Sequence[Span]) -> dict[str, int]:
    """Nanoseconds that each span on the path adds to the length of the trace, by span id.

    Of several roots it is the last to end; the parts add up to its length. A child counts within its parent's time
    only, and parents in a circle are no path.
    """
    known = {s["span_id"]: s for s in spans}
    children: dict[str, list[Span]] = {}
    roots = []
    for span in known.values():
        parent = span["parent_span_id"]
        if parent in known and parent != span["span_id"]:
            children.setdefault(parent, []).append(span)
        else:
            roots.append(span)
    if not roots:
        return {}
    root = max(roots, key=lambda s: (_end(s), s["span_id"]))
    own: dict[str, int] = {}
    stack = [(root, int(root["start_ns"]), _end(root))]
    while stack:
        span, start, end = stack.pop()
        at, alone = end, 0
        for child in sorted(children.get(span["span_id"], ()), key=lambda s: (_end(s), s["span_id"]), reverse=True):
            ended, began = min(_end(child), end), max(int(child["start_ns"]), start)
            if ended > at or began >= ended:
                continue  # it ran beside what was waited for
            alone += at - ended
            stack.append((child, began, ended))
            at = began
        own[span["span_id"]] = alone + at - start
    return own


def _end(span: Span) -> int:
    return int(span["start_ns"]) + int(span["duration_ns"])
