"""Links between pages as one step of the browser's history each. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterable

from llmtrace_dashboards.components.assets import renderer


def links(pages: Iterable[str]) -> None:
    """Answers plain clicks on links to the pages of these URL paths, wherever on the page they are."""
    renderer("links")(data={"pages": list(pages)}, key="links")
