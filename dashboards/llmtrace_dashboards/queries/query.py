"""A query as data: the name of a `.sql` file beside this module and the values bound to its placeholders.

Values never enter SQL text: every one is a `{name:Type}` placeholder that ClickHouse itself fills in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from llmtrace.filters import condition, parse
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View

_TERMS = "-- include: _terms"
_LATER_TERMS = "-- include: _later_terms"


@dataclass(frozen=True, kw_only=True)
class Query:
    """What to ask the store."""

    name: str
    """The file `sql/<name>.sql`."""
    params: Mapping[str, Any] = field(default_factory=dict)
    instead: tuple[tuple[str, str], ...] = ()
    """Included files and what is included in their place: the same question to another table."""
    most_rows: int = 20_000
    """Beyond so many rows the store refuses."""

    @property
    def sql(self) -> str:
        """The text of `made`, without further terms where none are given."""
        return replace(self, params={"terms": ""} | dict(self.params)).made()[0]

    def made(self, *, text_index: bool = True) -> tuple[str, dict[str, Any]]:
        """The text to run and the values to bind.

        `-- include: <name>` lines are replaced by that file; `_terms` and `_later_terms` by the condition that the
        parameter `terms` asks for, a filter by the grammar of `llmtrace.filters`.
        """
        text, params = _text(self.name, self.instead), dict(self.params)
        if _TERMS not in text:
            return text, params
        found = condition(parse(params.pop("terms")), text_index=text_index)
        asked = f"        AND {found.sql}" if found.params or found.sql != "true" else ""
        later = _text("_later_terms", ()).replace(_TERMS, asked) if asked else ""
        return text.replace(_LATER_TERMS, later).replace(_TERMS, asked), params | dict(found.params)


@cache
def _text(name: str, instead: tuple[tuple[str, str], ...]) -> str:
    raw = (files("llmtrace_dashboards.queries") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(_included(line, dict(instead), instead) for line in raw.splitlines())


def _included(line: str, others: Mapping[str, str], instead: tuple[tuple[str, str], ...]) -> str:
    if not line.strip().startswith("-- include:"):
        return line
    name = line.split(":", 1)[1].strip()
    if name in {"_terms", "_later_terms"}:
        return f"-- include: {name}"
    return _text(others.get(name, name), instead)


def bounds(window: Window) -> dict[str, Any]:
    """The parameters `start_ms` and `end_ms`."""
    return {"start_ms": window.start_ms, "end_ms": window.end_ms}


def either(window: Window, before: Window) -> dict[str, Any]:
    """The parameters of `sql/_in_either.sql`: two windows, which may overlap."""
    whole = Window(start_ms=min(before.start_ms, window.start_ms), end_ms=max(before.end_ms, window.end_ms))
    now = {"now_start_ms": window.start_ms, "now_end_ms": window.end_ms}
    return bounds(whole) | now | {"before_start_ms": before.start_ms, "before_end_ms": before.end_ms}


def filters(view: View) -> dict[str, Any]:
    """The parameters of `sql/_filters.sql`; an empty list filters nothing."""
    return {
        "project": view.project,
        "models": list(view.model),
        "users": list(view.user),
        "services": list(view.svc),
        "environments": list(view.env),
        "statuses": list(view.status),
        "terms": view.q,
    }
