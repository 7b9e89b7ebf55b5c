"""One watch among several: leads with what the store has of the state, or stands by with a copy of it.

    leads:      take over (once an epoch) ─▶ adopt what others were asked ─▶ decide ─▶ copy ─▶ then deliver
    stands by:  hand on what people asked here ─▶ refresh the copy

What the leader decides is copied before it is delivered: one that takes over has every notice a receiver may have
heard of, under the same id.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llmtrace_collector.errors import StoreError
from llmtrace_collector.watch import outbox, own
from llmtrace_collector.watch.engine import Engine
from llmtrace_collector.watch.outbox import Leave
from llmtrace_collector.watch.standby import copies
from llmtrace_collector.watch.standby.copies import ASKED, SQL, Row
from llmtrace_collector.watch.standby.lease import TTL_S, Lease
from llmtrace_collector.watch.times import Clock, from_ms, iso

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from llmtrace_collector.watch.journal import Journal

_log = logging.getLogger("llmtrace_collector.watch")

_WHOLE_EVERY_S = 86_400.0
"""The leader copies every row this often: the store keeps them for three days."""

_MEMORIES_EVERY_S = 60.0
"""What conditions remember is copied with a change of the rule's alerts, and otherwise this often."""

_NEWEST = """
SELECT epoch, seq, member FROM watch_state ORDER BY epoch DESC, seq DESC LIMIT 1
"""
_STATE = """
SELECT source, key, argMax(content, (epoch, seq)) AS content
FROM watch_state
GROUP BY source, key
HAVING content != ''
ORDER BY source, key
"""
_ASKED = "SELECT member, seq, source, key, content FROM watch_asked ORDER BY member, seq"
_COLUMNS = ("member", "epoch", "seq", "source", "key", "content")


class Standby:
    """For one watch; `keep` runs on a thread of its own, `tick` before and `copy` after each evaluation."""

    def __init__(
        self,
        *,
        journal: Journal,
        connect: Callable[[], Client],
        name: str,
        clock: Clock,
        timer: Callable[[], float] = time.monotonic,
        ttl_s: float = TTL_S,
    ) -> None:
        """Nothing is connected before `keep`; `name` is this host's, for people."""
        self._journal = journal
        self._clock = clock
        self._timer = timer
        with journal.transaction() as db:
            copies.prepare(db, secrets.token_hex(8))
            self._member: str = db.execute(SQL["me"]).fetchone()["member"]
        self.lease = Lease(Engine(connect), member=self._member, name=name, timer=timer, ttl_s=ttl_s)
        self._engine = Engine(connect)
        self._copying = threading.Lock()
        """Protects what follows, and the engine: copies are made after evaluations and after deliveries."""
        self._epoch = 0
        """In which the state was taken over."""
        self._seq = 0
        self._asked_seq = 0
        self._whole_at = float("-inf")
        self._memories_at = float("-inf")
        self._refreshed: tuple[int, int] = (0, 0)
        self._refresh_after = float("-inf")

    def leads(self) -> bool:
        """Whether this watch decides and delivers now."""
        epoch = self.lease.epoch()
        return epoch != 0 and epoch == self._epoch

    def decides(self) -> bool:
        """Whether it may move alerts: it leads, or is alone with a store that does not answer."""
        return self.leads() or self.lease.is_alone()

    def leave(self) -> Leave | None:
        """What may be delivered now."""
        if self.leads():
            return Leave(shared=True, always=own.STORE)
        return Leave(rule=own.STORE) if self.lease.is_alone() else None

    def tick(self) -> int:
        """Takes over, adopts, or refreshes; 1 when it took over.

        Raises:
            StoreError: the store does not answer; it is tried again.
        """
        with self._copying:
            epoch = self.lease.epoch()
            if epoch == 0:
                if not self.lease.is_alone():
                    self._stand_by()
                return 0
            took = epoch != self._epoch
            if took:
                self._take_over(epoch)
            self._adopt()
            return int(took)

    def _take_over(self, epoch: int) -> None:
        newest = self._engine.rows(_NEWEST, {})
        with self._journal.transaction() as db:
            led = db.execute(SQL["me"]).fetchone()["led"]
        mine = not newest or (newest[0]["member"] == self._member and int(newest[0]["epoch"]) == led)
        self._hand_on()
        state = [] if mine else self._state()
        with self._journal.transaction() as db:
            if not mine:
                copies.replace(db, state)
            outbox.recover(db, self._clock())
            copies.everything(db)
            db.execute(SQL["led"], {"epoch": epoch})
        self._epoch, self._seq, self._whole_at = epoch, 0, self._timer()
        self._memories_at = float("-inf")
        what = "its own state" if mine else f"{len(state)} rows of the one before"
        _log.info("this watch leads: epoch %d, with %s", epoch, what)
        self._copy_all()

    def _state(self) -> list[Row]:
        return [
            Row(source=row["source"], key=row["key"], content=copies.content_of(row["content"]))
            for row in self._engine.rows(_STATE, {})
        ]

    def _adopt(self) -> None:
        """Takes in what people asked of others since the last time; what was taken in is part of the state."""
        with self._journal.transaction() as db:
            known = {row["member"]: row["seq"] for row in db.execute(SQL["adoptions"])}
        asked = [row for row in self._engine.rows(_ASKED, {}) if int(row["seq"]) > known.get(row["member"], 0)]
        if not asked:
            return
        rows = [Row(source=row["source"], key=row["key"], content=copies.content_of(row["content"])) for row in asked]
        with self._journal.transaction() as db:
            copies.adopt(db, rows)
            for row in asked:
                db.execute(SQL["adopt"], {"member": row["member"], "seq": int(row["seq"])})

    def _stand_by(self) -> None:
        self._epoch = 0
        self._hand_on()
        if self._timer() < self._refresh_after:
            return
        newest = self._engine.rows(_NEWEST, {})
        at = (int(newest[0]["epoch"]), int(newest[0]["seq"])) if newest else (0, 0)
        if at == self._refreshed or (newest and newest[0]["member"] == self._member):
            return
        began = self._timer()
        state = self._state()
        with self._journal.transaction() as db:
            copies.replace(db, state)
        self._refreshed = at
        self._refresh_after = self._timer() + 20 * (self._timer() - began)

    def _hand_on(self) -> None:
        """What people asked here goes to the leader, by way of the store."""
        with self._journal.transaction() as db:
            rows = [row for row in copies.changes(db) if row.source in ASKED and row.content is not None]
        rows = [row for row in rows if row.source != "members" or (row.content or {}).get("acknowledged")]
        if not rows:
            return
        self._asked_seq = seq = max(self._asked_seq + 1, int(self._clock().timestamp() * 1000))
        values = [[self._member, seq, row.source, row.key, row.text()] for row in rows]
        columns = ("member", "seq", "source", "key", "content")
        self._engine.insert("watch_asked", values, columns, token=f"asked-{self._member}-{seq}")
        with self._journal.transaction() as db:
            copies.copied(db, rows)

    def copy(self) -> int:
        """Copies what has changed, if this watch leads; how many rows.

        Raises:
            StoreError: they are not known to be stored, and are copied again.
        """
        with self._copying:
            if not self.leads():
                return 0
            if self._timer() - self._whole_at > _WHOLE_EVERY_S:
                self._whole_at = self._timer()
                with self._journal.transaction() as db:
                    copies.everything(db)
            return self._copy_all()

    def _copy_all(self) -> int:
        total = 0
        while rows := self._due():
            self._seq += 1
            values = [[self._member, self._epoch, self._seq, row.source, row.key, row.text()] for row in rows]
            token = f"state-{self._member}-{self._epoch}-{self._seq}-{secrets.token_hex(4)}"
            self._engine.insert("watch_state", values, _COLUMNS, token=token)
            with self._journal.transaction() as db:
                copies.copied(db, rows)
            total += len(rows)
        return total

    def _due(self) -> list[Row]:
        """The next rows to copy."""
        with self._journal.transaction() as db:
            rows = copies.changes(db)
        moved = {copies.rule_of(row) for row in rows if row.source in {"alerts", "members"}}
        if self._timer() - self._memories_at < _MEMORIES_EVERY_S:
            return [row for row in rows if row.source != "memories" or copies.rule_of(row) in moved]
        self._memories_at = self._timer()
        return rows

    def health(self) -> dict[str, Any]:
        """Who leads, for people and metrics."""
        seen = self.lease.seen()
        return {
            "leads": self.leads(),
            "leader": seen.name if seen else None,
            "epoch": seen.epoch if seen else 0,
            "since": iso(from_ms(seen.since_ms)) if seen else None,
        }

    def stop(self) -> None:
        """Lets another lead at once; nothing when the store does not answer."""
        try:
            if self.leads():
                self.copy()
            self.lease.give_up()
        except StoreError as error:
            _log.info("the lease ends by itself: %s", error)
