"""Registers the components' JavaScript and CSS with Streamlit."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import streamlit as st


@cache
def renderer(name: str) -> Any:
    """The mounting function of the component whose code is `<name>.js` and `<name>.css` beside this module."""
    folder = files("llmtrace_dashboards.components")
    shared = (folder / "shared.css").read_text(encoding="utf-8")
    return st.components.v2.component(
        f"llmtrace_{name}",
        css=shared + (folder / f"{name}.css").read_text(encoding="utf-8"),
        js=(folder / f"{name}.js").read_text(encoding="utf-8"),
    )
