"""Going places: the URL is set first, and the page follows from it. Links are followed by `components/links.js`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import streamlit as st

from llmtrace_dashboards.state.view import View, parse


def register(found: dict[str, Any]) -> None:
    """Remembers the pages of this session by URL path."""
    st.session_state["pages"] = found


def pages() -> tuple[str, ...]:
    """The URL paths of all pages."""
    return tuple(st.session_state["pages"])


def page(path: str) -> Any:
    """The page at `path`, for `st.page_link`."""
    return st.session_state["pages"][path]


def here() -> tuple[View, tuple[str, ...]]:
    """The view of the present URL, and notices about what was wrong with it."""
    return parse({name: st.query_params.get_all(name) for name in st.query_params})


def go(view: View) -> None:
    """Makes `view` the URL of the present page; for callbacks, after which the script runs anyway."""
    st.query_params.from_dict(view.params())


def href(path: str, view: View) -> str:
    """A link within the app."""
    return f"{path}?{urlencode(view.params(), doseq=True)}"
