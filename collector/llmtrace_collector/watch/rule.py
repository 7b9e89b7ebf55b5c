"""Rules as data: what to measure, for which groups, against which limit, and whom to tell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from llmtrace_collector.channels import Channel

GROUP_KEYS = ("project", "user", "model")
"""What a rule may group by, in the order in which groups are shown."""


@dataclass(frozen=True, kw_only=True)
class Spend:
    """Dollars of a group over a rolling window, against a limit."""

    kind: ClassVar[str] = "spend"

    window: timedelta
    """Whole minutes: the last N full minutes and the running one."""
    limit_usd: Decimal
    """The alert fires above this figure, not at it."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: it raises at most one alert for each group."""

    name: str
    """Unique; together with the group it is the identity of an alert."""
    condition: Spend
    """What is measured and when it is too much. A union once there are more kinds."""
    group_by: tuple[str, ...] = ()
    """Of GROUP_KEYS, in their order; empty: one group, everything."""
    hold: timedelta = timedelta(0)
    """`for` in the file: how long the condition must hold before the alert fires."""
    channels: tuple[Channel, ...] = ()
    """Whom to tell; empty: the alert is seen in the dashboard alone."""


def group_key(group: Mapping[str, str]) -> str:
    """The canonical JSON of `group`: sorted keys, no blanks. The identity of an alert within its rule."""
    return json.dumps(dict(group), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def group_of(key: str) -> dict[str, str]:
    """The group whose `group_key` is `key`."""
    group: dict[str, str] = json.loads(key)
    return group
