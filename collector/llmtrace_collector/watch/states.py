"""The state machine of one alert, and the one place that decides whether people are told.

                   over limit, for = 0: over_limit, notify
         +--------------------------------------------------------+
         |                                                        v
     inactive --- over_limit ---> pending --- held, notify ---> firing
         ^                           |                            |
         +------ dropped_back -------+        back_under, notify  v
         +---------------------------------------------------- resolved

`resolved` is a moment, not a place to stay: the next evaluation starts from `inactive`. A rule that is removed or
regrouped ends its alerts by `end`. Modelled on alertmanager's notify/dedup_stage.go: one pure function that answers
with a named reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal


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
    BACK_UNDER = "back_under"
    RULE_REMOVED = "rule_removed"
    RULE_CHANGED = "rule_changed"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where an alert stands."""

    state: State = State.INACTIVE
    since: datetime | None = None
    """When the group was first seen over the limit, in this episode; None while inactive."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What one look at an alert comes to."""

    standing: Standing
    """Where the alert stands now. Resolved keeps the `since` of the episode that ended."""
    reason: Reason
    changed: bool = False
    """The state is another one than before: an event to record."""
    notify: bool = False
    """People are to be told."""


def decide(previous: Standing, *, value: Decimal, limit: Decimal, now: datetime, hold: timedelta) -> Decision:
    """The new standing of an alert, the reason, and whether to notify.

    Args:
        previous: Where it stood; `resolved` counts as `inactive`.
        value: The figure now.
        limit: The alert is for `value > limit`: a limit of 5 is exceeded by 5.01, not by 5.
        now: The time of this evaluation.
        hold: How long the value must stay above the limit before the alert fires; zero: at once.
    """
    if value > limit:
        return _over(previous, now, hold)
    return _under(previous)


def _over(previous: Standing, now: datetime, hold: timedelta) -> Decision:
    if previous.state is State.FIRING:
        return Decision(standing=previous, reason=Reason.STILL_OVER)
    since = previous.since if previous.state is State.PENDING else None
    if since is None:
        state = State.PENDING if hold > timedelta(0) else State.FIRING
        return _move(state, now, Reason.OVER_LIMIT)
    if now - since >= hold:
        return _move(State.FIRING, since, Reason.HELD)
    return Decision(standing=previous, reason=Reason.WAITING)


def _under(previous: Standing) -> Decision:
    if previous.state is State.FIRING:
        return _move(State.RESOLVED, previous.since, Reason.BACK_UNDER)
    if previous.state is State.PENDING:
        return _move(State.INACTIVE, None, Reason.DROPPED_BACK)
    return Decision(standing=Standing(), reason=Reason.UNDER_LIMIT)


def end(previous: Standing, reason: Reason) -> Decision:
    """Ends a pending or firing alert that nobody evaluates any more; people hear of it if they heard of its start."""
    if previous.state is State.FIRING:
        return _move(State.RESOLVED, previous.since, reason)
    return _move(State.INACTIVE, None, reason)


def _move(state: State, since: datetime | None, reason: Reason) -> Decision:
    return Decision(
        standing=Standing(state=state, since=since),
        reason=reason,
        changed=True,
        notify=state in {State.FIRING, State.RESOLVED},
    )
