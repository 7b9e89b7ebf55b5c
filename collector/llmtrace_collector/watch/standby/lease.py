"""The lease: who of several watches leads, without a compare-and-set.

An epoch is taken by an insert under the token `lease-<epoch>`: of two the first is stored, the second is taken for its
repetition, and both read who won. It is held by renewals. Ends are compared by the clock of the store alone; the holder
itself counts from before it asked, by its own monotonic clock, and stops at four fifths, so it has always stopped
before another begins (Gray & Cheriton 1989).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from llmtrace_collector.errors import StoreError

TTL_S = 15.0
"""How long a lease lasts after its last renewal."""

_SAFE = 0.8
"""Of the lease, for its holder."""


class Store(Protocol):
    """The part of `watch.engine.Engine` that is needed."""

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The result of a query."""

    def insert(self, table: str, rows: Any, columns: Any, *, token: str) -> None:
        """Appends once by token."""


_NEWEST = """
SELECT epoch, argMin(member, at) AS holder, argMin(name, at) AS name, toUnixTimestamp64Milli(min(at)) AS since_ms
FROM watch_leases
WHERE epoch = (SELECT max(epoch) FROM watch_leases)
GROUP BY epoch
LIMIT 1
"""
_RENEWED = """
SELECT
    toUnixTimestamp64Milli(now64(3, 'UTC')) AS now_ms,
    toUnixTimestamp64Milli(max(until)) AS until_ms,
    max(ended) AS ended
FROM watch_renewals
WHERE epoch = {epoch:UInt64} AND member = {member:String}
LIMIT 1
"""
_NOW = "SELECT now64(3, 'UTC') AS now LIMIT 1"


@dataclass(frozen=True, kw_only=True)
class Held:
    """The newest lease, as the store has it."""

    epoch: int
    holder: str
    name: str
    left_s: float
    """Until it ends; below 0: it has ended."""
    until_ms: int
    """Since 1970, by the clock of the store."""
    since_ms: int


class Lease:
    """One watch's part in it. `keep` is called every few seconds; `leads` at any time, from any thread."""

    def __init__(
        self, store: Store, *, member: str, name: str, timer: Callable[[], float], ttl_s: float = TTL_S
    ) -> None:
        self._store = store
        self._member = member
        self._name = name
        self._timer = timer
        self._ttl_s = ttl_s
        self._lock = threading.Lock()
        """Protects what follows."""
        self._epoch = 0
        self._until = float("-inf")
        self._seen: Held | None = None
        self._cut_off = False

    @property
    def period_s(self) -> float:
        """How often it should be kept."""
        return self._ttl_s / 3

    def keep(self) -> None:
        """Renews it, takes it when nobody holds it, or looks who does.

        Raises:
            StoreError: the store does not answer; what is held is held to its end.
        """
        try:
            self._keep()
        except StoreError:
            with self._lock:
                self._cut_off = True
            raise
        with self._lock:
            self._cut_off = False

    def _keep(self) -> None:
        asked, in_time = self._timer(), True
        held = self._look()
        if held is None or (held.holder != self._member and held.left_s <= 0) or self._is_from_before(held):
            epoch = 1 if held is None else held.epoch + 1
            asked = self._timer()
            row = [[epoch, self._member, self._name]]
            self._store.insert("watch_leases", row, ["epoch", "member", "name"], token=f"lease-{epoch}")
            held = self._look()
        elif held.holder == self._member:
            asked = self._timer()
            self._renew(held.epoch, self._now() + timedelta(milliseconds=self._ttl_ms), ended=False)
            in_time = self._now().timestamp() * 1000 < held.until_ms  # else another may not have seen it, and begun
        with self._lock:
            self._seen = held
            if held is not None and held.holder == self._member and in_time:
                self._epoch, self._until = held.epoch, asked + self._ttl_s * _SAFE
            else:
                self._epoch, self._until = 0, float("-inf")

    @property
    def _ttl_ms(self) -> int:
        return int(self._ttl_s * 1000)

    def _is_from_before(self, held: Held) -> bool:
        """Whether it is this member's, from before the process began, or has ended meanwhile: an epoch is one term."""
        with self._lock:
            return held.holder == self._member and (self._epoch != held.epoch or held.left_s <= 0)

    def _look(self) -> Held | None:
        newest = self._store.rows(_NEWEST, {})
        if not newest:
            return None
        row = newest[0]
        renewed = self._store.rows(_RENEWED, {"epoch": row["epoch"], "member": row["holder"]})[0]
        until_ms = max(int(row["since_ms"]) + self._ttl_ms, int(renewed["until_ms"] or 0))
        left_ms = 0 if renewed["ended"] else until_ms - int(renewed["now_ms"])
        return Held(
            epoch=int(row["epoch"]),
            holder=row["holder"],
            name=row["name"],
            left_s=left_ms / 1000,
            until_ms=until_ms,
            since_ms=int(row["since_ms"]),
        )

    def _now(self) -> datetime:
        found: datetime = self._store.rows(_NOW, {})[0]["now"]
        return found

    def _renew(self, epoch: int, until: datetime, *, ended: bool) -> None:
        token = f"renewal-{epoch}-{self._member}-{until.timestamp():.3f}-{ended}"
        row = [[epoch, self._member, until, ended]]
        self._store.insert("watch_renewals", row, ["epoch", "member", "until", "ended"], token=token)

    def epoch(self) -> int:
        """Of the lease that is held here now; 0: none is."""
        with self._lock:
            return self._epoch if self._timer() < self._until else 0

    def is_alone(self) -> bool:
        """Whether the store does not answer, and nobody else was ever seen to lead: then nobody else can, either."""
        with self._lock:
            return self._cut_off and (self._seen is None or self._seen.holder == self._member)

    def seen(self) -> Held | None:
        """Who led when last looked."""
        with self._lock:
            return self._seen

    def give_up(self) -> None:
        """At the end of the process: another may begin at once."""
        with self._lock:
            epoch, self._epoch, self._until = self._epoch, 0, float("-inf")
        if epoch:
            self._renew(epoch, self._now(), ended=True)
