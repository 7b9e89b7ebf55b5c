"""A table drawn as plain HTML from data: real links, icon and word for states, hostile text as text.

Streamlit's own table is a canvas: its cells can be neither linked within the app nor read by a screen reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from llmtrace_dashboards.components.assets import renderer

Tone = Literal["error", "warn", "good", "off"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: which key of a row it shows and how."""

    key: str
    label: str
    align: Literal["start", "end"] = "start"
    kind: Literal["text", "clip", "wrap", "bar"] = "text"


def cell(
    text: str, *, href: str = "", tone: Tone | None = None, size: float | None = None, muted: bool = False
) -> dict[str, Any]:
    """A cell with more to it than text: a link, a state, a bar of `size` relative to the column's largest."""
    extras = {"href": href, "tone": tone, "size": size, "muted": muted}
    return {"text": text} | {name: value for name, value in extras.items() if value}


_LONGEST = 400
"""Characters of a cell: the browser lays a table out often, and a cell of 5,000 takes it half a second each time."""


def table(
    columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], *, label: str, key: str, longest: int = _LONGEST
) -> None:
    """Draws it, cells with so many characters at most."""
    shown = [{name: _cut(value, longest) for name, value in row.items()} for row in rows]
    data = {"label": label, "columns": [vars(column) for column in columns], "rows": shown}
    renderer("table")(data=data, key=key)


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= longest else f"{value[: longest - 1]}…"
    return value | {"text": _cut(value["text"], longest)} if isinstance(value, dict) else value
