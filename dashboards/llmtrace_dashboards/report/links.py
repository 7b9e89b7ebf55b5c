"""Ways from a figure of the report into the app, where it is told where that is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

from llmtrace_dashboards.report.markup import Child, Html, joined, tag
from llmtrace_dashboards.state.view import View

Link = Callable[[str, View | None, Child], Html]
"""Of a page of the app, a view and what leads there; without a view nothing does."""


def into(app: str) -> Link:
    """Links into the app at that address; '': what would lead there, and no link."""
    return partial(_link, app.rstrip("/")) if app else _plain


def _link(app: str, to: str, view: View | None, shown: Child) -> Html:
    if view is None:
        return joined(shown)
    return tag("a", shown, href=f"{app}/{to}?{urlencode(view.params(), doseq=True)}")


def _plain(_to: str, _view: View | None, shown: Child) -> Html:
    return joined(shown)
