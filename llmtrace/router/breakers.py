"""Circuit breakers: who is not to be asked for a while.

    closed ──failures in a row──▶ open ──its time is over──▶ half-open: one trial ──answered──▶ closed
      ▲ one failure: one call at a time                          └──failed──▶ open, for twice as long

Nygard, Release It! (2007), chapter 5.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

_MAX_KNOWN: Final = 1024


@dataclass(frozen=True, kw_only=True)
class BreakerSettings:
    """When a deployment is left alone, and for how long; seconds."""

    failures: int = 2
    """In a row."""
    open_s: float = 30.0
    """At first; twice as long after each trial that failed."""
    longest_s: float = 600.0
    trial_s: float = 60.0
    """A trial that says nothing for so long is given up."""


@dataclass(frozen=True)
class Ticket:
    """Leave to ask; a breaker that has changed since does not listen to what comes of it."""

    generation: int


class Breaker:
    """One deployment's. ``now`` is a time in seconds of one clock, from anywhere."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()  # protects all below
        self._failures = 0
        self._open_until: float | None = None
        self._open_s = settings.open_s
        self._trial_until: float | None = None
        self._generation = 0

    def admit(self, now: float) -> Ticket | None:
        """Leave to ask it now; None: leave it alone."""
        with self._lock:
            if self._open_until is not None and now < self._open_until:
                return None
            if self._failures:
                if self._trial_until is not None and now < self._trial_until:
                    return None
                self._trial_until = now + self._settings.trial_s
            return Ticket(self._generation)

    def force(self) -> Ticket:
        """Leave to ask it although it is to be left alone, where there is nobody else."""
        with self._lock:
            return Ticket(self._generation)

    def succeeded(self, ticket: Ticket) -> None:
        """It answered."""
        with self._lock:
            if ticket.generation != self._generation:
                return
            if self._failures:
                self._generation += 1
            self._failures, self._open_until, self._trial_until = 0, None, None
            self._open_s = self._settings.open_s

    def failed(self, ticket: Ticket, now: float, *, open_s: float | None = None) -> None:
        """It did not; ``open_s``: leave it alone at once, for so many seconds."""
        with self._lock:
            if ticket.generation != self._generation:
                return
            self._failures += 1
            self._trial_until = None
            was_open = self._open_until is not None
            if open_s is None and not was_open and self._failures < self._settings.failures:
                return
            if was_open:
                self._open_s *= 2
            self._open_s = min(self._open_s, self._settings.longest_s)
            self._open_until = now + min(max(self._open_s, open_s or 0.0), self._settings.longest_s)
            self._generation += 1

    def let_go(self, ticket: Ticket) -> None:
        """What came of it says nothing of its health."""
        with self._lock:
            if ticket.generation == self._generation:
                self._trial_until = None

    def is_open(self, now: float) -> bool:
        """Whether it is left alone."""
        with self._lock:
            return self._open_until is not None and now < self._open_until


class Breakers:
    """Those of all deployments, the least used forgotten beyond 1,024."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()  # protects _known
        self._known: OrderedDict[Hashable, Breaker] = OrderedDict()

    def of(self, key: Hashable) -> Breaker:
        """The one of a deployment."""
        with self._lock:
            breaker = self._known.get(key)
            if breaker is None:
                breaker = self._known[key] = Breaker(self._settings)
                if len(self._known) > _MAX_KNOWN:
                    self._known.popitem(last=False)
            else:
                self._known.move_to_end(key)
            return breaker
