"""From figures to changes of state: pure functions over the live alerts of a rule and one scan's answer."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from llmtrace_collector.watch.rule import Rule, group_of
from llmtrace_collector.watch.states import Decision, Reason, Standing, decide, end

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from llmtrace_collector.watch.alerts import Alert


@dataclass(frozen=True, kw_only=True)
class Change:
    """An alert is to move."""

    rule: str
    kind: str
    key: str
    decision: Decision
    value: Decimal
    limit: Decimal
    window: timedelta
    began: datetime | None
    """When the episode that is left had begun; None: it begins now."""
    fired_event: str | None
    """The event that had fired the alert; None: it was not firing."""


def changes(
    rule: Rule, live: Sequence[Alert], dollars: Mapping[str, Decimal], now: datetime, *, most: int
) -> Iterator[Change]:
    """What moves: first the alerts that are live, then groups that are new, dearest first, while there is room.

    Args:
        rule: The rule, as it stands now.
        live: Its pending and firing alerts.
        dollars: The spend by group key; a live alert's group that is absent spent nothing.
        now: The time of the evaluation.
        most: How many alerts of the rule may be live.
    """
    known = {alert.key: alert for alert in live}
    for alert in live:
        change = _change(rule, alert.key, dollars.get(alert.key, Decimal(0)), now, alert)
        if change:
            yield change
    room = most - len(live)
    for key, value in dollars.items():
        if room <= 0:
            return
        change = None if key in known else _change(rule, key, value, now, None)
        if change:
            room -= 1
            yield change


def _change(rule: Rule, key: str, value: Decimal, now: datetime, alert: Alert | None) -> Change | None:
    limit = rule.condition.limit_usd
    standing = alert.standing if alert else Standing()
    decision = decide(standing, value=value, limit=limit, now=now, hold=rule.hold)
    if not decision.changed:
        return None
    return Change(
        rule=rule.name,
        kind=rule.condition.kind,
        key=key,
        decision=decision,
        value=value,
        limit=limit,
        window=rule.condition.window,
        began=standing.since,
        fired_event=alert.fired_event if alert else None,
    )


def ending(alert: Alert, rule: Rule | None) -> Change | None:
    """The end of an alert whose rule is gone or groups by something else; None: its rule stands."""
    if rule is None:
        reason = Reason.RULE_REMOVED
    elif rule.condition.kind != alert.kind or set(rule.group_by) != set(group_of(alert.key)):
        reason = Reason.RULE_CHANGED
    else:
        return None
    return Change(
        rule=alert.rule,
        kind=alert.kind,
        key=alert.key,
        decision=end(alert.standing, reason),
        value=alert.value,
        limit=alert.limit,
        window=alert.window,
        began=alert.standing.since,
        fired_event=alert.fired_event,
    )
