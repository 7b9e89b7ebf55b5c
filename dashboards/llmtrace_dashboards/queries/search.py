"""Search in captured questions and answers, by whole words."""

from __future__ import annotations

from llmtrace_dashboards.queries.query import Query, bounds
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View

MOST = 50
"""Spans in an answer."""

INDEXED_SINCE = (26, 2)
"""The version of ClickHouse with text indexes; the schema has none on an older one."""


def search(view: View, window: Window, words: str, *, server: tuple[int, ...] = INDEXED_SINCE) -> Query:
    """Rows of spans whose question or answer has all of `words`, in any order and case, newest first.

    `server` is the version of ClickHouse: on one without text indexes the messages of the range are read instead.
    """
    name = "search" if server >= INDEXED_SINCE else "search_scan"
    return Query(name=name, params=bounds(window) | {"project": view.project, "words": words, "limit": MOST})
