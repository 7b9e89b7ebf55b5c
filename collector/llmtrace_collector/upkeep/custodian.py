"""What the collector itself looks after in the store, now and then, in a thread of its own.

- The retention of the file it was started with is applied, and new rollups are filled, once ClickHouse answers.
- A deletion is settled: once this collector's log has nothing older than the request, what came out of the log late is
  deleted, too, and its dead letters are cleaned. A deletion whose command did not live to its end is finished.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from llmtrace_collector.database import Address, faults
from llmtrace_collector.errors import StoreError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.gate import Gate
from llmtrace_collector.schema.backfill import backfill
from llmtrace_collector.upkeep import deletion, letters, orders, reach, retention, waiting
from llmtrace_collector.upkeep.shards import shards_of

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = logging.getLogger(__name__)

_SOON_S = 1.0
"""Between looks while a deletion is not settled."""

_ABANDONED_AFTER = timedelta(minutes=10)
"""A command that has not ended its deletion by then is taken for dead."""


class Custodian:
    """The thread."""

    def __init__(
        self,
        *,
        connect: Callable[[], Client],
        address: Address,
        folder: DataFolder,
        settings: Sequence[retention.Setting],
        interval_s: float = 10.0,
    ) -> None:
        """`settings` are those of the retention file; nothing runs before `start`."""
        self._connect = connect
        self._address = address
        self._folder = folder
        self._settings = settings
        self._interval_s = interval_s
        self._applied = self._unsettled = False
        self._clients: list[Client] = []
        """One of each shard, or of the one server."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="custodian", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """Asks it to end and waits; safe when it was never started."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            try:
                with faults(self._address):
                    self._clients = self._clients or shards_of(self._connect(), self._address)
                    self._look_after(self._clients)
            except StoreError as error:
                self._clients = []
                log.info("looking after the store is put off: %s", error)
            except Exception:
                log.exception("looking after the store failed in a way nobody thought of")
            if self._stop.wait(_SOON_S if self._unsettled else self._interval_s):
                return

    def _look_after(self, clients: Sequence[Client]) -> None:
        if not self._applied:
            for client in clients:
                self._apply(client)
            self._applied = True
        own = self._folder.collector_id()
        unsettled = [(client, each) for client in clients for each in orders.logged(client) if own not in each.settled]
        self._unsettled = bool(unsettled)
        for client, each in unsettled:
            if not self._stop.is_set():
                self._settle(client, each, own)

    def _apply(self, client: Client) -> None:
        retention.store(client, self._settings, who=reach.whoever())
        for table in retention.apply(client):
            log.info("the retention of %s was changed", table)
        backfill(client, given_up=self._stop.is_set)

    def _settle(self, client: Client, logged: orders.Logged, own: str) -> None:
        order = deletion.within(logged.deletion, client)
        selection = order.selection
        if waiting.has_older(self._folder.wal, selection.requested_at):
            return
        clean = partial(letters.remove, self._folder.wal)
        gate = Gate(self._folder.path)
        if not logged.done:
            if datetime.now(UTC) < selection.requested_at + _ABANDONED_AFTER:
                return
            deletion.carry_out(client, order, gate=gate, letters=clean)
        late = replace(order, hours=frozenset())
        gone = deletion.carry_out(client, late, gate=gate, letters=clean, collector=own)
        orders.note(client, late, "settled", collector=own)
        log.info("the deletion %s is settled; %d rows came after it", selection.deletion_id, sum(gone.values()))
