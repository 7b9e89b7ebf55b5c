"""Going places: the URL is set first, and the page follows from it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import streamlit as st

from llmtrace_dashboards.state.view import View, parse


def register(pages: dict[str, Any]) -> None:
    """Remembers the pages of this session by URL path."""
    st.session_state["pages"] = pages


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


def follow(link: str | None) -> None:
    """Opens a link made by `href`, without loading the app anew; None stays."""
    if not link:
        return
    parts = urlsplit(link)
    view, _ = parse(parse_qs(parts.query))
    if parts.path in st.session_state["pages"]:
        st.switch_page(page(parts.path), query_params=view.params())
