"""What caching and routing saved: one ledger, each dollar once."""

from __future__ import annotations

from typing import Final

from llmtrace import semconv
from llmtrace_dashboards.queries.query import Query, bounds, filters
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View

GROUPS: Final = ("all", "day", "model", "user", "feature", "team", "service", "environment", "provider", "project")
MOST_GROUPS: Final = 1_000

COUNTERFACTUALS: Final = {
    "prompt_cache": "the provider's prompt caching: the same call without cached input, at the model that answered",
    "local_cache": "our cache: the provider asked again, with its own caching",
    "routing": "routing: the model the app asked for, same tokens; less answers that did not stand, and shadows",
}
"""Against what each saving is counted, for people."""

_NAMES: Final = {
    "origin_name": semconv.REPLY_ORIGIN,
    "saved_name": semconv.REPLY_SAVED_USD,
    "counterfactual_name": semconv.ROUTER_COUNTERFACTUAL_USD,
    "discarded_name": semconv.ROUTER_DISCARDED_USD,
    "shadow_name": semconv.ROUTER_SHADOW_OF,
    "input_price_name": semconv.COST_UNIT_PRICES["input"],
    "cache_read_name": semconv.COST_PARTS["cache_read"],
    "cache_write_name": semconv.COST_PARTS["cache_write"],
}


def savings(view: View, window: Window, group: str = "all", *, limit: int = MOST_GROUPS) -> Query:
    """Per value of `group`, one of `GROUPS`: calls, spent, and saved by whom; the greatest savings first."""
    params = bounds(window) | filters(view) | _NAMES | {"group": group, "limit": limit}
    return Query(name="savings", params=params)
