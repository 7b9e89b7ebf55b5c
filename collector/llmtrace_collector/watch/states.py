"""The state machine of one alert, and the one place that decides whether a change is worth telling.

                       for = 0: over_limit
         +------------------------------------------------------------+
         |                                                            v  escalated, eased: another severity
     inactive -- over_limit, no_data --> pending -- held ---------> firing --+
         ^                                  |                         |  ^   | still_over, keep_firing
         +------ dropped_back, stale -------+                         |  +---+
         +-------------- resolved: back_under, stale, data_back <-----+

`resolved` is a moment, not a place to stay: the next evaluation starts from `inactive`. A rule that is removed or
regrouped ends its alerts by `end`. Every wait (`for`, keep-firing, no data) is a time kept in the standing, so it
survives a restart. Modelled on Prometheus' rules/alerting.go (for, keep_firing_for) and alertmanager's
notify/dedup_stage.go: one pure function that answers with a named reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from llmtrace_collector.watch.patience import NoData, Patience
from llmtrace_collector.watch.severity import Severity

if TYPE_CHECKING:
    from llmtrace_collector.watch.verdict import Verdict


class State(StrEnum):
    """The states of an alert, as written in `alert_events` and in notices."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Reason(StrEnum):
    """Why the state is what it is after a decision."""

    UNDER_LIMIT = "under_limit"
    OVER_LIMIT = "over_limit"
    WAITING = "waiting"
    HELD = "held"
    DROPPED_BACK = "dropped_back"
    STILL_OVER = "still_over"
    KEEP_FIRING = "keep_firing"
    ESCALATED = "escalated"
    EASED = "eased"
    BACK_UNDER = "back_under"
    NO_DATA = "no_data"
    DATA_BACK = "data_back"
    STALE = "stale"
    RULE_REMOVED = "rule_removed"
    RULE_CHANGED = "rule_changed"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where an alert stands."""

    state: State = State.INACTIVE
    severity: Severity = Severity.NONE
    """At which it fires; while pending, what has been asked for all the time."""
    since: datetime | None = None
    """When the group was first seen over the limit, in this episode; None while inactive."""
    worse_since: datetime | None = None
    """Since when a higher severity than this one is asked for."""
    better_since: datetime | None = None
    """Since when this severity is no longer asked for, while it fires."""
    missing: int = 0
    """Evaluations in a row that found no figure."""
    missing_since: datetime | None = None
    """Since when there has been none. Kept while it fires for want of data."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What one look at an alert comes to."""

    standing: Standing
    """Where the alert stands now. Resolved keeps the `since` and the severity of the episode that ended."""
    reason: Reason
    changed: bool = False
    """The state or the severity is another one than before: an event to record."""
    notify: bool = False
    """People are to be told."""


def decide(previous: Standing, verdict: Verdict | None, now: datetime, patience: Patience) -> Decision:
    """The new standing of an alert, the reason, and whether to notify.

    Args:
        previous: Where it stood; `resolved` counts as `inactive`.
        verdict: What the condition says of it; None: there is no figure.
        now: The time of this evaluation; one before the last is taken as no time passed.
        patience: What the rule waits for.
    """
    if verdict is None:
        return _without(previous, now, patience)
    seen = replace(previous, missing=0)
    if previous.state is State.FIRING:
        return _firing(seen, verdict, now, patience)
    if verdict.severity is Severity.NONE:
        return _calm(seen)
    if previous.state is State.PENDING:
        return _pending(seen, verdict.severity, now, patience)
    return _begin(verdict.severity, Reason.OVER_LIMIT, now, patience.hold)


def _calm(previous: Standing) -> Decision:
    if previous.state is State.PENDING:
        return _move(Standing(), Reason.DROPPED_BACK)
    return Decision(standing=Standing(), reason=Reason.UNDER_LIMIT)


def _begin(severity: Severity, reason: Reason, now: datetime, hold: timedelta) -> Decision:
    state = State.PENDING if hold > timedelta(0) else State.FIRING
    return _move(Standing(state=state, severity=severity, since=now), reason)


def _pending(previous: Standing, asked: Severity, now: datetime, patience: Patience) -> Decision:
    """Fires at the severity that was asked for all the while; what is worse since later counts from later."""
    if previous.missing_since is not None and previous.missing_since == previous.since:
        return Decision(standing=Standing(state=State.PENDING, severity=asked, since=now), reason=Reason.WAITING)
    worse = (previous.worse_since or now) if asked > previous.severity else None
    standing = replace(previous, severity=min(asked, previous.severity), worse_since=worse, missing_since=None)
    if previous.since is not None and now - previous.since >= patience.hold:
        return _move(replace(standing, state=State.FIRING), Reason.HELD)
    return Decision(standing=standing, reason=Reason.WAITING)


def _firing(previous: Standing, verdict: Verdict, now: datetime, patience: Patience) -> Decision:
    asked = max(verdict.severity, min(previous.severity, verdict.holding))
    if asked > previous.severity:
        worse = previous.worse_since or now
        if now - worse >= patience.hold:
            return _move(_fires(previous, asked), Reason.ESCALATED)
        return Decision(standing=replace(_fires(previous), worse_since=worse), reason=Reason.STILL_OVER)
    if asked == previous.severity:
        return Decision(standing=_fires(previous), reason=Reason.STILL_OVER)
    better = previous.better_since or now
    if now - better < patience.keep_firing:
        return Decision(standing=replace(previous, better_since=better, worse_since=None), reason=Reason.KEEP_FIRING)
    if asked is Severity.NONE:
        was_missing = previous.missing_since is not None
        return _resolve(previous, Reason.DATA_BACK if was_missing else Reason.BACK_UNDER)
    return _move(_fires(previous, asked), Reason.EASED)


def _fires(previous: Standing, severity: Severity | None = None) -> Standing:
    """Firing, without a wait under way."""
    return Standing(
        state=State.FIRING, severity=previous.severity if severity is None else severity, since=previous.since
    )


def _without(previous: Standing, now: datetime, patience: Patience) -> Decision:
    """No figure: what that means is the rule's to say."""
    since = previous.missing_since or now
    standing = replace(previous, missing=previous.missing + 1, missing_since=since)
    live = previous.state in {State.PENDING, State.FIRING}
    if patience.no_data is NoData.ALERT and previous.state is not State.FIRING:
        if now - since >= patience.no_data_for:
            fires = Standing(state=State.FIRING, severity=Severity.CRITICAL, since=previous.since or since)
            return _move(replace(fires, missing_since=since), Reason.NO_DATA)
        if previous.state is State.PENDING:
            return Decision(standing=standing, reason=Reason.WAITING)
        return _move(replace(standing, state=State.PENDING, severity=Severity.CRITICAL, since=since), Reason.NO_DATA)
    if patience.no_data is NoData.OK and live and standing.missing >= patience.stale_after:
        return end(previous, Reason.STALE)
    return Decision(standing=standing if live else Standing(), reason=Reason.NO_DATA)


def end(previous: Standing, reason: Reason) -> Decision:
    """Ends a pending or firing alert that nobody evaluates any more; people hear of it if they heard of its start."""
    if previous.state is State.FIRING:
        return _resolve(previous, reason)
    return _move(Standing(), reason)


def _resolve(previous: Standing, reason: Reason) -> Decision:
    return _move(Standing(state=State.RESOLVED, severity=previous.severity, since=previous.since), reason)


def _move(standing: Standing, reason: Reason) -> Decision:
    return Decision(
        standing=standing,
        reason=reason,
        changed=True,
        notify=standing.state in {State.FIRING, State.RESOLVED},
    )
