"""One rule judged: readings in, verdicts and what to keep out. Pure; live evaluation and back-tests use the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmtrace_collector.watch import known as groups
from llmtrace_collector.watch.conditions import Look
from llmtrace_collector.watch.patience import NoData

if TYPE_CHECKING:
    from datetime import datetime

    from llmtrace_collector.watch.conditions.condition import Memory
    from llmtrace_collector.watch.known import Known
    from llmtrace_collector.watch.rule import Rule
    from llmtrace_collector.watch.scans import Reading
    from llmtrace_collector.watch.states import Standing
    from llmtrace_collector.watch.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an evaluation says of one rule."""

    rule: Rule
    verdicts: Mapping[str, Verdict]
    """By group key."""
    truncated: bool = False
    """There are more groups than were looked at."""
    memory: Memory | None = None
    """Of the condition; None: as before."""
    known: Known | None = None
    """Groups that have had figures; None: as before, or not kept."""
    silent: Collection[str] = field(default_factory=list)
    """Known groups without a figure, where the rule tells of that apart."""


def remembers_groups(rule: Rule) -> bool:
    """The rule needs to know which groups there have been."""
    return bool(rule.new_group_delay) or rule.patience.no_data in {NoData.ALERT, NoData.SEPARATE}


def judge(
    rule: Rule,
    readings: Mapping[str, Reading],
    now: datetime,
    *,
    live: Mapping[str, Standing],
    memory: Memory,
    known: Known,
) -> Outcome:
    """Judges every group of a rule.

    Args:
        rule: The rule.
        readings: By the names of its condition's needs.
        now: The time of the evaluation.
        live: Its pending and firing alerts.
        memory: What its condition kept.
        known: Groups that have had figures.
    """
    truncated = any(reading.truncated for reading in readings.values())
    look = Look(rule=rule, now=now - rule.delay, readings=readings, live=live, memory=memory)
    found = rule.condition.judge(look)
    if not remembers_groups(rule):
        return Outcome(rule=rule, verdicts=found.verdicts, truncated=truncated, memory=found.memory)
    seen = groups.seen(known, found.verdicts, now)
    young = groups.young(seen, now, rule.new_group_delay) if rule.group_by else set()
    return Outcome(
        rule=rule,
        verdicts={key: verdict for key, verdict in found.verdicts.items() if key not in young or key in live},
        truncated=truncated,
        memory=found.memory,
        known=None if seen is known else seen,
        silent=[key for key in seen if key not in found.verdicts],
    )
