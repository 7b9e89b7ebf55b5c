"""What a run of the script is about: the view, its window, the zone and the colours, fixed once per run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import cached_property
from typing import Any, TypeVar

from llmtrace_dashboards import database
from llmtrace_dashboards.queries import sources
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View
from llmtrace_dashboards.theme import Palette

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Current:
    """The same for all panels of a page, so that their figures agree."""

    view: View
    window: Window
    now_ms: int
    zone: tzinfo
    zone_name: str
    palette: Palette
    kept: dict[str, Any] = field(default_factory=dict, compare=False)
    """What one panel has asked for and another needs too."""

    def once(self, name: str, ask: Callable[[], T]) -> T:
        """What `ask` answers; asked once a run of the page."""
        if name not in self.kept:
            with database.noting() as asked:
                self.kept[name] = ask(), asked
        found, asked = self.kept[name]
        database.note(asked)
        answer: T = found
        return answer

    @cached_property
    def spans(self) -> int | None:
        """How many spans the view matches, by which its figures come from spans or a rollup; None: not known."""
        try:
            with database.noting():  # by the way: no panel is about it
                return int(database.rows(sources.size(self.view, self.window))[0]["spans"])
        except database.StoreError:
            return None  # the panels tell

    @property
    def pinned(self) -> View:
        """The view with the window of this run: what links carry."""
        return self.view.pinned(self.now_ms)
