"""What a rule file says of who is told and when, as data. The default is: each alert alone, at once, and once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from llmtrace_collector.channels import Channel
from llmtrace_collector.watch.policy.matchers import Matcher, all_match

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class MuteTime:
    """A part of the week, by the clock on the wall of a place."""

    name: str
    weekdays: frozenset[int]
    """0 is Monday. Past midnight the day it began on counts."""
    begins: time
    ends: time
    """Not in it any more; at or before `begins`: on the day after."""
    zone: ZoneInfo

    def holds(self, now: datetime) -> bool:
        """Whether `now` is in it. By the wall clock, so an hour that a zone repeats is in it twice."""
        local = now.astimezone(self.zone)
        clock = local.time()
        if self.begins < self.ends:
            return local.weekday() in self.weekdays and self.begins <= clock < self.ends
        today = local.weekday() in self.weekdays and clock >= self.begins
        yesterday = (local.weekday() - 1) % 7 in self.weekdays and clock < self.ends
        return today or yesterday


@dataclass(frozen=True, kw_only=True)
class Route:
    """What goes together, how often, and to whom; the first of `routes` that matches takes an alert over."""

    matchers: tuple[Matcher, ...] = ()
    group_by: tuple[str, ...] | None = None
    """Labels; None: each alert is told alone; empty: all together."""
    group_wait: timedelta = timedelta(0)
    """How long the first alert of a group waits for others."""
    group_interval: timedelta = timedelta(0)
    """Between two notices of a group, if nothing got worse."""
    repeat_interval: timedelta | None = None
    """After which a notice is sent again while it fires; None: never."""
    channels: tuple[Channel, ...] | None = None
    """For rules that name none; None: the file's default."""
    mute: tuple[MuteTime, ...] = ()
    routes: tuple[Route, ...] = ()

    def of(self, labels: Mapping[str, str]) -> Route:
        """The route of an alert with these labels, deepest first."""
        for route in self.routes:
            if all_match(route.matchers, labels):
                return route.of(labels)
        return self

    def all(self) -> Iterable[Route]:
        """This one and all below."""
        yield self
        for route in self.routes:
            yield from route.all()


@dataclass(frozen=True, kw_only=True)
class Inhibition:
    """While a source fires, targets with the same values of `equal` are not told."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    def inhibits(self, target: Mapping[str, str], sources: Iterable[Mapping[str, str]]) -> bool:
        """Whether one of `sources`, the labels of what fires, keeps `target` quiet.

        As in Alertmanager, what matches both sides is not inhibited by its like, so nothing inhibits itself.
        """
        if not all_match(self.target, target):
            return False
        both = all_match(self.source, target)
        return any(
            all_match(self.source, source)
            and all(source.get(label, "") == target.get(label, "") for label in self.equal)
            and not (both and all_match(self.target, source))
            for source in sources
        )


@dataclass(frozen=True, kw_only=True)
class Flapping:
    """An alert that changes this often within the window is told once as flapping, then not until it is stable."""

    changes: int
    window: timedelta


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """A notice at every interval while rules are evaluated, so that its absence tells."""

    interval: timedelta
    channels: tuple[Channel, ...]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """All of it."""

    route: Route = field(default_factory=Route)
    inhibitions: Sequence[Inhibition] = ()
    flapping: Flapping | None = None
    heartbeat: Heartbeat | None = None
    routed: frozenset[str] = frozenset()
    """Rules that name no channels: the route's are theirs."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Everyone that is named here."""
        named = [channel for route in self.route.all() for channel in route.channels or ()]
        return tuple(dict.fromkeys((*named, *(self.heartbeat.channels if self.heartbeat else ()))))

    @property
    def shortest_repeat(self) -> timedelta | None:
        """Of all routes; None: nothing is repeated."""
        found = [route.repeat_interval for route in self.route.all() if route.repeat_interval]
        return min(found, default=None)
