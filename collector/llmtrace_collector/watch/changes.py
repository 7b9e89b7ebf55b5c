"""From verdicts to changes of alerts: pure functions over the live alerts of a rule and what its condition says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtrace_collector.watch.groups import EVERYTHING, group_of
from llmtrace_collector.watch.patience import NoData
from llmtrace_collector.watch.rule import Rule
from llmtrace_collector.watch.states import Decision, Reason, Standing, decide, end
from llmtrace_collector.watch.templates import filled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from llmtrace_collector.watch.alerts import Alert
    from llmtrace_collector.watch.verdict import Number, Verdict


@dataclass(frozen=True, kw_only=True)
class Change:
    """An alert is to move, or what it waits for is to be kept (`decision.changed` is False)."""

    rule: str
    kind: str
    key: str
    decision: Decision
    value: Number
    limit: Number
    window: timedelta
    began: datetime | None
    """When the episode that is left had begun; None: it begins now."""
    fired_event: str | None
    """The event that had fired the alert; None: it was not firing."""
    measure: str = ""
    unit: str = ""
    summary: str = ""
    expected: tuple[float, float] | None = None
    runbook: str = ""


def changes(
    rule: Rule,
    live: Sequence[Alert],
    verdicts: Mapping[str, Verdict],
    now: datetime,
    *,
    most: int,
    known: Collection[str] = (),
) -> Iterator[Change]:
    """What moves: first the alerts that are live, then groups that are new, in the order of the verdicts.

    Args:
        rule: The rule, as it stands now.
        live: Its pending and firing alerts.
        verdicts: What the condition says, by group key; a group that is not here has no figure.
        now: The time of the evaluation.
        most: How many alerts of the rule may be live.
        known: Groups that once had a figure: what the lack of one is told of.
    """
    standing = {alert.key: alert for alert in live}
    for alert in live:
        change = _change(rule, alert.key, verdicts.get(alert.key), now, alert)
        if change:
            yield change
    room = most - len(live)
    silent = _silent(rule, verdicts, known) if rule.patience.no_data is NoData.ALERT else ()
    for key in (*(key for key, verdict in verdicts.items() if verdict.severity), *silent):
        if room <= 0:
            return
        change = None if key in standing else _change(rule, key, verdicts.get(key), now, None)
        if change:
            room -= 1
            yield change


def _silent(rule: Rule, verdicts: Mapping[str, Verdict], known: Collection[str]) -> list[str]:
    """Groups that should have a figure and have none."""
    expected = known if rule.group_by else {EVERYTHING}
    return [key for key in expected if key not in verdicts]


def _change(rule: Rule, key: str, verdict: Verdict | None, now: datetime, alert: Alert | None) -> Change | None:
    standing = alert.standing if alert else Standing()
    decision = decide(standing, verdict, now, rule.patience)
    if not decision.changed and decision.standing == standing:
        return None
    condition = rule.condition
    value, limit = _figures(verdict, alert)
    sentence = verdict.summary if verdict else ""
    if decision.reason is Reason.NO_DATA:
        sentence = "There are no figures any more."
    return Change(
        rule=rule.name,
        kind=condition.kind,
        key=key,
        decision=decision,
        value=value,
        limit=limit,
        window=condition.reach,
        began=standing.since,
        fired_event=alert.fired_event if alert else None,
        measure=condition.measure,
        unit=condition.unit,
        summary=filled(rule.summary, group_of(key), value, limit, condition.unit) or sentence,
        expected=verdict.expected if verdict else None,
        runbook=filled(rule.runbook, group_of(key), value, limit, condition.unit),
    )


def _figures(verdict: Verdict | None, alert: Alert | None) -> tuple[Number, Number]:
    """Those of now, else the last ones that were told."""
    if verdict:
        return verdict.value, verdict.limit
    return (alert.value, alert.limit) if alert else (0, 0)


def ending(alert: Alert, rule: Rule | None) -> Change | None:
    """The end of an alert whose rule is gone or groups by something else; None: its rule stands."""
    if rule is None:
        reason = Reason.RULE_REMOVED
    elif rule.condition.kind != alert.kind or {*rule.group_by, *rule.condition.labels} != set(group_of(alert.key)):
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
        measure=alert.measure,
        unit=alert.unit,
    )
