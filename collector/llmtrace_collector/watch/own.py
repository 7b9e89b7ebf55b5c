"""The watch's alerts about itself: what it cannot see is told like anything else, never kept quiet.

| rule | group | fires when |
|---|---|---|
| `llmtrace.store` | | ClickHouse has not answered for five minutes |
| `llmtrace.evaluation` | `{"rule": ...}` | a rule could not be evaluated for five minutes |
| `llmtrace.groups` | `{"rule": ...}` | a rule has more groups than are watched |
| `llmtrace.collector` | `{"what": ...}` | something is wrong with the collector itself, for five minutes |
| `llmtrace.no_data` | `{"rule": ..., ...}` | a group has no figures any more, with `no_data: separate` |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from llmtrace_collector.watch.changes import Change
from llmtrace_collector.watch.groups import group_key, group_of
from llmtrace_collector.watch.patience import NoData, Patience
from llmtrace_collector.watch.rule import Rule
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.states import Decision, Reason, Standing, decide, end
from llmtrace_collector.watch.verdict import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from llmtrace_collector.channels import Channel
    from llmtrace_collector.watch.alerts import Alert

PREFIX = "llmtrace."
STORE = "llmtrace.store"
EVALUATION = "llmtrace.evaluation"
GROUPS = "llmtrace.groups"
NO_DATA = "llmtrace.no_data"
COLLECTOR = "llmtrace.collector"
KIND = "watch"
PATIENCE_S = 300
"""A store that starts again and a query that fails once are no alert."""


def about_rule(rule: Rule) -> str:
    """The group of an alert about a rule."""
    return group_key({"rule": rule.name})


def about_collector(what: str) -> str:
    """The group of an alert about the collector."""
    return group_key({"what": what})


def faults(
    name: str, why: Mapping[str, str], live: Iterable[Alert], looked_at: Iterable[str], now: datetime
) -> Iterator[Change]:
    """Changes of alerts of `name`: those in `why` are wrong, other live ones that were looked at are right again.

    Args:
        name: `STORE`, `EVALUATION`, `GROUPS` or `COLLECTOR`.
        why: What is wrong, a sentence, by group key.
        live: The live alerts of `name`.
        looked_at: Group keys of which it is known now.
        now: The time of the evaluation.
    """
    hold = timedelta(seconds=0 if name == GROUPS else PATIENCE_S)
    yield from _all(
        name,
        why,
        {alert.key: alert for alert in live},
        looked_at=set(looked_at),
        now=now,
        patience=Patience(hold=hold),
    )


def silences(rule: Rule, silent: Iterable[str], live: Iterable[Alert], now: datetime) -> Iterator[Change]:
    """Changes of the alerts that groups of `rule` have no figures any more."""
    own = {alert.key: alert for alert in live if group_of(alert.key).get("rule") == rule.name}
    why = {group_key({**group_of(key), "rule": rule.name}): "There are no figures any more." for key in silent}
    patience = Patience(hold=rule.patience.no_data_for)
    yield from _all(NO_DATA, why, own, looked_at={*own, *why}, now=now, patience=patience)


def _all(
    name: str,
    why: Mapping[str, str],
    live: Mapping[str, Alert],
    *,
    looked_at: set[str],
    now: datetime,
    patience: Patience,
) -> Iterator[Change]:
    for key in {*why, *live} & looked_at:
        alert = live.get(key)
        standing = alert.standing if alert else Standing()
        asked = Severity.WARNING if key in why else Severity.NONE
        verdict = Verdict(severity=asked, value=int(key in why), limit=0)
        decision = decide(standing, verdict, now, patience)
        if decision.changed:
            yield _change(name, key, decision, standing=standing, alert=alert, sentence=why.get(key, ""))


def orphans(live: Iterable[Alert], rules: Mapping[str, Rule]) -> Iterator[Change]:
    """Ends of alerts about rules that are gone, or that ask for something else now."""
    for alert in live:
        rule = rules.get(group_of(alert.key).get("rule", ""))
        keeps = alert.rule in {STORE, COLLECTOR} or rule is not None
        if alert.rule == NO_DATA and rule is not None:
            keeps = rule.patience.no_data is NoData.SEPARATE
        if not keeps:
            decision = end(alert.standing, Reason.RULE_REMOVED)
            yield _change(alert.rule, alert.key, decision, standing=alert.standing, alert=alert, sentence="")


def _change(
    name: str, key: str, decision: Decision, *, standing: Standing, alert: Alert | None, sentence: str
) -> Change:
    return Change(
        rule=name,
        kind=KIND,
        key=key,
        decision=decision,
        value=int(bool(sentence)),
        limit=0,
        window=timedelta(0),
        began=standing.since,
        fired_event=alert.fired_event if alert else None,
        summary=sentence,
    )


def channels_of(name: str, key: str, rules: Mapping[str, Rule]) -> tuple[Channel, ...]:
    """Whom an alert tells: the channels of its rule; of one of ours those of the rule it is about, or of all."""
    if name in {STORE, COLLECTOR}:
        return tuple(dict.fromkeys(channel for rule in rules.values() for channel in rule.channels))
    rule = rules.get(group_of(key).get("rule", "") if name.startswith(PREFIX) else name)
    return rule.channels if rule else ()
