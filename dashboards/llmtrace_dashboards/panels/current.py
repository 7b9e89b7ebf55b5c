"""What a run of the script is about: the view, its window, the zone and the colours, fixed once per run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import cached_property
from typing import Any, TypeVar

from llmtrace_dashboards import database
from llmtrace_dashboards.queries import sources
from llmtrace_dashboards.queries.query import Query
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View
from llmtrace_dashboards.theme import Palette

T = TypeVar("T")
_AT_ONCE = 2
"""Questions of a page that are answered by the side: the store has its own threads for each."""


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

    def ahead(self, name: str, ask: Callable[[], object]) -> None:
        """Has `ask` answered by the side, while the page is drawn; `once` has the answer."""
        if name not in self.kept:
            self.kept[name] = self._side.submit(_noted, ask)

    def once(self, name: str, ask: Callable[[], T]) -> T:
        """What `ask` answers; asked once a run of the page. A failure is raised and not kept."""
        kept = self.kept.pop(name, None)
        found, asked = kept.result() if isinstance(kept, Future) else kept or _noted(ask)
        self.kept[name] = found, asked
        database.note(asked)
        answer: T = found
        return answer

    @cached_property
    def _side(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ahead")

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


def _noted(ask: Callable[[], object]) -> tuple[Any, Sequence[Query]]:
    with database.noting() as asked:
        return ask(), asked
