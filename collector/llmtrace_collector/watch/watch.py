"""The life of the watch: two loops over one journal.

start -> evaluator: evaluate, mirror, every interval_s --------+
      -> deliverer: one helper per receiver with due notices  |--> stop
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from llmtrace_collector.channels import Post, Sender
from llmtrace_collector.errors import CollectorError, ConfigError, StoreError
from llmtrace_collector.watch import alerts, edited, mirror, outbox
from llmtrace_collector.watch.counters import Counters
from llmtrace_collector.watch.deliverer import Deliverer
from llmtrace_collector.watch.directory import Directory
from llmtrace_collector.watch.engine import Engine
from llmtrace_collector.watch.evaluator import Evaluator
from llmtrace_collector.watch.explainer import Explainer
from llmtrace_collector.watch.journal import Journal
from llmtrace_collector.watch.policy import Policy
from llmtrace_collector.watch.rules import RuleFile
from llmtrace_collector.watch.standby import TTL_S, Standby
from llmtrace_collector.watch.times import Clock, iso, system_clock
from llmtrace_collector.watch.troubles import Troubles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from random import Random

    from clickhouse_connect.driver.client import Client

    from llmtrace_collector.channels import Channel
    from llmtrace_collector.watch.edited import Edited
    from llmtrace_collector.watch.rule import Rule

_log = logging.getLogger("llmtrace_collector.watch")

_POLL_S = 1.0
"""The deliverer looks for retries that have come due this often; new notices wake it at once."""

_ALONE = Policy()

_LEAST_REST = 0.1
"""Of the interval: between two evaluations that take longer than it."""

_MOST_HELPERS = 256
"""Receivers served at the same time."""


class Watch:
    """Evaluates rules and delivers notices, durably.

    Use `start` and `stop` in a server. Tests call `evaluate_once`, `deliver_due` and `mirror_once` instead, with their
    own clock. One process at a time should own `state_path`; a second one would deliver some notices twice, under the
    same id. Watches on one store with files of their own need `standby`: then one of them leads.
    """

    def __init__(
        self,
        *,
        rules: Sequence[Rule],
        channels: Sequence[Channel] = (),
        default: Sequence[Channel] = (),
        policy: Policy = _ALONE,
        connect: Callable[[], Client],
        state_path: Path,
        dashboard_url: str,
        interval_s: float = 5.0,
        clock: Clock = system_clock,
        timer: Callable[[], float] = time.monotonic,
        random: Random | None = None,
        post: Post | None = None,
        changed: Callable[[], RuleFile | None] | None = None,
        ailing: Callable[[], Mapping[str, str]] = dict,
        standby: str = "",
        lease_s: float = TTL_S,
    ) -> None:
        """Opens the journal; nothing runs and nothing is connected before `start`.

        Args:
            rules: What to watch, from `rules.read`.
            channels: The named channels of the rule file; told when one of them fails.
            default: Those of edited rules that name none.
            policy: Who is told and when; each alert alone, at once and once unless given.
            connect: Makes a ClickHouse client; called when one is first needed and again after a fault.
            state_path: The SQLite file, `watch.db` in the data folder; made when it is not there.
            dashboard_url: Where links in notices lead, such as `http://localhost:8501`.
            interval_s: From the beginning of an evaluation to that of the next, where it does not take longer.
            clock: The aware time now.
            timer: Seconds that only grow; paces scans that take long.
            random: Of event ids and jitter; the operating system's unless given.
            post: Makes an attempt; the network unless given, and of it public addresses only.
            changed: Asked before each evaluation for other rules; `RuleSource.changed`. None: never.
            ailing: What is wrong with the collector, a sentence by what it concerns, '' where all is well.
            standby: This host's name, where other watches may be on the same store: one of them leads. Empty: this one
                is alone.
            lease_s: How long the others wait after the leader was last heard of.

        Raises:
            ConfigError: the file is no database of ours, or the URL is none.
        """
        if not dashboard_url.startswith(("http://", "https://")):
            raise ConfigError(f'"{dashboard_url}" is not a dashboard URL; write it like http://localhost:8501')
        self._file = RuleFile(rules=tuple(rules), channels=tuple(channels), default=tuple(default), policy=policy)
        self._interval_s = interval_s
        self._troubles = Troubles()
        self._counters = Counters()
        self._journal = Journal(state_path)
        self._edited = self._read_edited()
        found = edited.merged(self._file, self._edited)
        self._rules, self._problems = found.rules, found.problems
        self._engine = Engine(connect)
        self._standby = (
            Standby(journal=self._journal, connect=connect, name=standby, clock=clock, ttl_s=lease_s)
            if standby
            else None
        )
        chance = random or secrets.SystemRandom()
        self._evaluator = Evaluator(
            rules=self._rules,
            policy=found.policy,
            engine=self._engine,
            journal=self._journal,
            dashboard_url=dashboard_url,
            clock=clock,
            timer=timer,
            troubles=self._troubles,
            counters=self._counters,
            explainer=Explainer(connect, self._counters),
            decides=self._standby.decides if self._standby else lambda: True,
            ailing=ailing,
        )
        self._changed = changed
        self._deliverer = Deliverer(
            directory=Directory.of(self._rules, channels),
            journal=self._journal,
            post=post or Sender(),
            clock=clock,
            random=chance,
            dashboard_url=dashboard_url,
            troubles=self._troubles,
            counters=self._counters,
            leave=self._standby.leave if self._standby else lambda: outbox.ALL,
        )
        self._stopping = threading.Event()
        self._news = threading.Event()
        self._threads: list[threading.Thread] = []
        self._helpers: dict[str, threading.Thread] = {}

    def evaluate_once(self, *, paced: bool = False) -> int:
        """Looks at every rule once and returns how many alerts moved; a failing query moves none.

        With `paced`, as the running watch does it: a scan that took long rests for nine times as long, and its rules
        are left out until then.
        """
        return self._evaluator.evaluate(paced=paced)

    def reload(self) -> int:
        """Takes other rules and channels, when there are any; 1 when there were.

        Raises:
            ConfigError: the rule file has mistakes; what was read before holds.
        """
        found = self._changed() if self._changed else None
        if found is None:
            return 0
        self._file = found
        self._take()
        _log.info("the rules are read again: %d rules, %d channels", len(found.rules), len(found.channels))
        return 1

    def reload_edited(self) -> int:
        """Takes what people have edited over the admin API, when it is something else than before; 1 when it was.

        Raises:
            ConfigError: some of these rules do not hold as they are written; all others do.
        """
        found = self._read_edited()
        changed = found != self._edited
        if changed:
            self._edited = found
            self._take()
            _log.info("edited rules are taken: %d", len(found))
        if self._problems:
            raise ConfigError("; ".join(f"{name}: {problem}" for name, problem in self._problems.items()))
        return int(changed)

    def _read_edited(self) -> list[Edited]:
        with self._journal.transaction() as db:
            return edited.read(db)

    def _take(self) -> None:
        found = edited.merged(self._file, self._edited)
        self._rules, self._problems = found.rules, found.problems
        self._evaluator.replace(found.rules, found.policy)
        self._deliverer.replace(Directory.of(found.rules, self._file.channels))

    def deliver_due(self) -> int:
        """Sends every notice that is due, receiver after receiver, and returns how many were dealt with."""
        return sum(self._deliverer.serve(endpoint) for endpoint in self._deliverer.due_endpoints())

    def mirror_once(self) -> int:
        """Copies events and attempts to ClickHouse and returns how many rows; 0 when it does not take them."""
        try:
            copied = mirror.copy(self._journal, self._engine)
        except StoreError as error:
            self._counters.query_failures += 1
            self._troubles.begin("alert history", f"{error}; it waits in the journal")
            return 0
        self._troubles.end("alert history")
        return copied

    def health(self) -> dict[str, Any]:
        """The state of the watch, for `/healthz` and metrics: plain values, no secrets."""
        troubles = self._troubles.now()
        last = self._evaluator.last_evaluation
        with self._journal.transaction() as db:
            live, notices, unmirrored = alerts.counts(db), outbox.counts(db), mirror.waiting(db)
        return {
            "last_evaluation": iso(last) if last else None,
            "error": "; ".join(f"{what}: {why}" for what, why in troubles.items()) or None,
            "rules": len(self._rules),
            "pending": live.get("pending", 0),
            "firing": live.get("firing", 0),
            "outbox": notices.get("waiting", 0),
            "outbox_failed": notices.get("failed", 0),
            "unmirrored": unmirrored,
            "counters": asdict(self._counters),
            "standby": self._standby.health() if self._standby else None,
        }

    def start(self) -> None:
        """Starts the evaluator and the deliverer, as daemon threads."""
        loops = {"llmtrace-watch-evaluate": self._evaluate_loop, "llmtrace-watch-deliver": self._deliver_loop}
        if self._standby:
            loops["llmtrace-watch-lease"] = self._lease_loop
        for name, loop in loops.items():
            thread = threading.Thread(target=loop, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Ends the threads and closes the journal; twice is safe.

        Returns:
            False when a request was still under way after `timeout_s`: its notice is sent again at the next start.
        """
        self._stopping.set()
        self._news.set()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        helpers = list(self._helpers.values())  # the deliverer, which makes them, has ended
        for thread in helpers:
            thread.join(max(0.0, deadline - time.monotonic()))
        ended = not any(thread.is_alive() for thread in [*self._threads, *helpers])
        if ended and self._standby:
            self._standby.stop()
        if ended:
            self._journal.close()
        return ended

    def keep_lease(self) -> int:
        """Renews the lease, takes it, or looks who has it; 1 when this watch leads or is alone.

        Raises:
            StoreError: the store does not answer.
        """
        if self._standby is None:
            return 1
        self._standby.lease.keep()
        return int(self._standby.decides())

    def stand_by_once(self) -> int:
        """Takes over, or refreshes the copy of what the leader has; 1 when it took over.

        Raises:
            StoreError: the store does not answer.
        """
        return self._standby.tick() if self._standby else 0

    def copy_once(self) -> int:
        """Copies what has changed for those that stand by, and returns how many rows.

        Raises:
            StoreError: the store does not take it; it is copied again.
        """
        return self._standby.copy() if self._standby else 0

    def _lease_loop(self) -> None:
        while self._standby and not self._stopping.is_set():
            self._guarded("lease", self.keep_lease)
            self._stopping.wait(self._standby.lease.period_s)

    def _evaluate_loop(self) -> None:
        if self._standby:
            self._guarded("lease", self.keep_lease)  # else a watch alone would begin with a pause
        while not self._stopping.is_set():
            began = time.monotonic()
            self._guarded("rules", self.reload)
            self._guarded("standby", self.stand_by_once)
            self._guarded("edited rules", self.reload_edited)  # a watch that takes over has those of the one before
            if self._standby is None or self._standby.decides():
                moved = self._guarded("evaluator", partial(self.evaluate_once, paced=True))
                copied = self._guarded("standby copy", self.copy_once)
                if moved or copied:
                    self._news.set()
            self._guarded("mirror", self.mirror_once)
            left_s = began + self._interval_s - time.monotonic()
            self._stopping.wait(max(left_s, self._interval_s * _LEAST_REST))

    def _deliver_loop(self) -> None:
        while not self._stopping.is_set():
            if not self._guarded("deliverer", self._send_helpers):
                self._guarded("standby copy", self.copy_once)  # what was delivered, once nothing is under way
            self._news.wait(_POLL_S)
            self._news.clear()

    def _send_helpers(self) -> int:
        """A thread for each receiver with something due, so that a slow one delays no other."""
        self._helpers = {endpoint: thread for endpoint, thread in self._helpers.items() if thread.is_alive()}
        for endpoint in self._deliverer.due_endpoints():
            if endpoint not in self._helpers and len(self._helpers) < _MOST_HELPERS:
                helper = threading.Thread(target=self._help, args=[endpoint], name="llmtrace-watch-send", daemon=True)
                self._helpers[endpoint] = helper
                helper.start()
        return len(self._helpers)

    def _help(self, endpoint: str) -> None:
        self._guarded("deliverer", partial(self._deliverer.serve, endpoint, stopping=self._stopping.is_set))

    def _guarded(self, what: str, step: Callable[[], int]) -> int:
        """One step of a loop: a thread that dies of a fault would be a watch that sleeps."""
        try:
            done = step()
        except (CollectorError, sqlite3.Error) as error:
            self._troubles.begin(what, f"{error}")
        except Exception as error:  # noqa: BLE001 a defect of ours must not silence the alerts
            self._troubles.begin(what, f"{type(error).__name__}: {error}")
        else:
            self._troubles.end(what)
            return done
        return 0
