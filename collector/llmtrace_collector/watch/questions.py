"""From an alert to the question whose answer explains it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from llmtrace_collector.explain import Question, Window
from llmtrace_collector.explain.attributes import BY_NAME
from llmtrace_collector.explain.measures import AMOUNTS, CONDITIONS, QUANTILES
from llmtrace_collector.watch import windows
from llmtrace_collector.watch.notices import OVERFLOW

_ATTRIBUTES = {"prompt": "prompt_name"}
"""Dimensions of rules that have another name there."""

_MEASURES = {
    "cost_usd": "cost",
    "error_rate": "errors",
    "refusal_rate": "refusals",
    "truncation_rate": "truncations",
    "empty_rate": "empty_outputs",
    "invalid_json_rate": "invalid_json",
    "invalid_schema_rate": "invalid_schema",
    "invalid_tool_call_rate": "invalid_tool_calls",
    "unpriced_rate": "unpriced",
    "retry_rate": "retries",
    "cache_hit_share": "cache_misses",
    "ttft": "time_to_first_token",
}
"""Measures of rules that have another name there; what has the same name is not here."""

_PERCENTILE = re.compile(r"_p\d+$")

_LOW_IS_ODD = frozenset({"cache_misses"})
"""A rule on it fires below its limit, and calls that meet it are more then."""

SHORTEST = timedelta(minutes=10)
"""Of a window: what fires on a minute is looked for in the ten before."""


def question(
    *,
    measure: str,
    group: Mapping[str, str],
    labels: Collection[str] = (),
    window: timedelta,
    since: datetime,
    now: datetime,
    value: float,
    limit: float,
) -> Question | None:
    """The question behind an alert; None: nothing of calls could explain it.

    Args:
        measure: What the rule measures; empty: that a value is new, which `labels` name.
        group: The group, and what the rule filters by.
        labels: Keys of `group` that say which alert of a group it is.
        window: Of the rule.
        since: When the episode began.
        now: When it is asked.
        value: The figure.
        limit: What it was held against.
    """
    at = windows.start(since, max(window, SHORTEST))
    span = Window(start=at, end=now)
    filters = _filters({key: one for key, one in group.items() if key not in labels})
    if filters is None or span.end <= span.start:
        return None
    asked: dict[str, Any] = {"window": span, "reference": span.before, "filters": filters}
    if not measure:
        new = [key for key in labels if key in BY_NAME and group.get(key)]
        return Question(measure=new[0], value=group[new[0]], **asked) if new else None
    name = _PERCENTILE.sub("", measure)
    name = _MEASURES.get(name, name)
    fell = value < limit
    if name in AMOUNTS:
        return Question(measure=name, fall=fell, **asked)
    if fell != (name in _LOW_IS_ODD):
        return None
    if name not in {*CONDITIONS, *QUANTILES}:
        return None
    return Question(measure=name, fallback=limit if name in QUANTILES else None, **asked)


def _filters(group: Mapping[str, str]) -> dict[str, str] | None:
    """None: the calls of the group cannot be told apart from others."""
    if OVERFLOW in group.values():
        return None
    named = {_ATTRIBUTES.get(key, key): one for key, one in group.items()}
    return named if named.keys() <= BY_NAME.keys() else None
