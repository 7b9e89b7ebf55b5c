"""Strings from outside inside Streamlit's labels, which are Markdown: as code, so that nothing in them is read."""

from __future__ import annotations

import re


def code(text: str, *, most: int = 60) -> str:
    """`text` as a Markdown code span: no links, images, icons, formulas or HTML come out of it."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split()) or "(empty)"
    short = flat if len(flat) <= most else flat[: most - 1] + "…"
    fence = "`" * (max((len(run) for run in re.findall("`+", short)), default=0) + 1)
    pad = " " if short.startswith("`") or short.endswith("`") else ""
    return f"{fence}{pad}{short}{pad}{fence}"
