"""What a run of the script is about: the view, its window, the zone and the colours, fixed once per run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View
from llmtrace_dashboards.theme import Palette


@dataclass(frozen=True, kw_only=True)
class Current:
    """The same for all panels of a page, so that their figures agree."""

    view: View
    window: Window
    now_ms: int
    zone: tzinfo
    zone_name: str
    palette: Palette

    @property
    def pinned(self) -> View:
        """The view with the window of this run: what links carry."""
        return self.view.pinned(self.now_ms)
