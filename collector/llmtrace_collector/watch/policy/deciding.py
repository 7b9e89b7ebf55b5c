"""Whether people are told now: one pure function with a named reason, after alertmanager's notify/dedup_stage.go.

A member is an alert in its bundle. `told` is what people believe of it: 0 that it is fine, else the severity at which
they believe that it fires. Whoever was told that it fires is told its end, at once or at the pace of the group,
whatever silences there are by then: a page that nobody closes is worse than one more message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Why(StrEnum):
    """Why people are told, or are not."""

    FIRST = "first"
    ESCALATED = "escalated"
    CHANGED = "changed"
    REPEAT = "repeat"
    FLAPPING = "flapping"
    RESOLVED = "resolved"

    GROUP_WAIT = "group_wait"
    GROUP_INTERVAL = "group_interval"
    SILENCED = "silenced"
    MUTED = "muted"
    INHIBITED = "inhibited"
    ACKNOWLEDGED = "acknowledged"
    TOLD = "told"
    NEVER_TOLD = "never_told"


SAID = frozenset({Why.FIRST, Why.ESCALATED, Why.CHANGED, Why.REPEAT, Why.FLAPPING, Why.RESOLVED})
"""The reasons with which a notice goes out."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The route's times."""

    group_wait: timedelta = timedelta(0)
    group_interval: timedelta = timedelta(0)
    repeat_interval: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Member:
    """An alert as it stands and as people know it."""

    firing: bool
    severity: int
    """Of the alert now; higher is worse, 0 is none."""
    changed: datetime
    """When it last began to fire, ended, or became another severity."""
    told: int = 0
    acknowledged: int = 0
    """The severity at which somebody took it on; 0: nobody did."""
    hushed: Why | None = None
    """SILENCED, MUTED or INHIBITED now."""
    flapping: bool = False
    flapping_told: bool = False

    @property
    def fires(self) -> bool:
        """As people are to see it: what flaps fires until it is stable."""
        return self.firing or (self.flapping and self.told > 0)

    @property
    def news(self) -> Why | None:
        """What people do not know yet and may be told."""
        if self.told and not self.fires:
            return Why.RESOLVED
        if not self.fires or self.hushed:
            return None
        if self.firing and self.severity > self.told > 0:
            return Why.ESCALATED
        if self.flapping:
            return None if self.flapping_told else Why.FLAPPING
        if not self.told:
            return Why.FIRST
        return Why.CHANGED if self.severity < self.told else None

    @property
    def repeats(self) -> bool:
        """Whether it is worth being said again."""
        known = self.firing and self.told > 0 and not self.hushed and not self.flapping
        return known and self.acknowledged < self.severity

    @property
    def shown(self) -> bool:
        """Whether a notice that goes out now speaks of it."""
        return self.told > 0 or self.news is not None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one look at a bundle comes to."""

    why: Why
    until: datetime | None = None
    """When to look again, for GROUP_WAIT and GROUP_INTERVAL."""

    @property
    def tell(self) -> bool:
        """A notice goes out."""
        return self.why in SAID


_URGENCY = (Why.ESCALATED, Why.FIRST, Why.FLAPPING, Why.CHANGED, Why.RESOLVED)


def decide(members: Sequence[Member], *, sent: datetime | None, now: datetime, pace: Pace) -> Answer:
    """Whether a bundle is told of now, and why.

    Args:
        members: Its alerts.
        sent: When its last notice went into the outbox, since it was last at rest; None: none did.
        now: The time. One before `sent` (a clock set back) counts as `sent`.
        pace: The route's times.
    """
    fresh = [member for member in members if member.news]
    if fresh:
        why = min((member.news for member in fresh if member.news), key=_URGENCY.index)
        if why is Why.ESCALATED:
            return Answer(why=why)
        if sent is None:
            due, waiting = min(member.changed for member in fresh) + pace.group_wait, Why.GROUP_WAIT
        else:
            due, waiting = sent + pace.group_interval, Why.GROUP_INTERVAL
        return Answer(why=why) if max(now, sent or now) >= due else Answer(why=waiting, until=due)
    if sent and pace.repeat_interval and now - sent >= pace.repeat_interval and any(m.repeats for m in members):
        return Answer(why=Why.REPEAT)
    return Answer(why=_quiet(members))


def _quiet(members: Sequence[Member]) -> Why:
    firing = [member for member in members if member.fires]
    if not firing:
        return Why.NEVER_TOLD
    for member in firing:
        if member.hushed:
            return member.hushed
    if any(member.acknowledged >= member.severity for member in firing):
        return Why.ACKNOWLEDGED
    return Why.FLAPPING if all(m.flapping for m in firing) and not any(m.flapping_told for m in firing) else Why.TOLD
