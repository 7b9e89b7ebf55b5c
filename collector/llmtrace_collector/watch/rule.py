"""Rules as data: what to measure, for which groups, when it is too much, and whom to tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from llmtrace_collector.watch.patience import Patience
from llmtrace_collector.watch.severity import Severity

if TYPE_CHECKING:
    from llmtrace_collector.channels import Channel
    from llmtrace_collector.watch.conditions import Condition


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: it raises at most one alert for each group."""

    name: str
    """Unique; together with the group it is the identity of an alert."""
    condition: Condition
    """What is measured and when it is too much."""
    group_by: tuple[str, ...] = ()
    """Dimensions, in the order of `measures.DIMENSIONS`; empty: one group, everything."""
    where: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Only calls with these values."""
    patience: Patience = field(default_factory=Patience)
    delay: timedelta = timedelta(0)
    """Windows end so long ago: spans that come late are waited for."""
    new_group_delay: timedelta = timedelta(0)
    """A group is left alone so long after it was first seen."""
    severity: Severity = Severity.CRITICAL
    """Of what fires, where the condition does not tell two."""
    summary: str = ""
    """In place of the sentence that the condition makes; may name `{group}`, `{value}`, `{limit}` and group keys."""
    runbook: str = ""
    """Where it is written what to do."""
    channels: tuple[Channel, ...] = ()
    """Whom to tell; empty: the alert is seen in the dashboard alone."""
