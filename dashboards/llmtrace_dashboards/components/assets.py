"""Registers the components' JavaScript and CSS with Streamlit."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import streamlit as st


@cache
def renderer(name: str) -> Any:
    """The mounting function of the component of `<name>.js` and, if there is one, `<name>.css` beside this module."""
    folder = files("llmtrace_dashboards.components")
    styles = (folder / "shared.css", folder / f"{name}.css")
    return st.components.v2.component(
        f"llmtrace_{name}",
        css="".join(file.read_text(encoding="utf-8") for file in styles if file.is_file()),
        js=(folder / f"{name}.js").read_text(encoding="utf-8"),
    )
