"""A button that makes a picture of what a part of the page draws; in the browser, from the charts that stand there."""

from __future__ import annotations

from llmtrace_dashboards.components.assets import renderer


def picture(container: str, file_name: str) -> None:
    """Offers the charts in the container with this key as one PNG; nothing where it has none."""
    renderer("picture")(data={"container": container, "file": file_name}, key=f"picture_{container}")
