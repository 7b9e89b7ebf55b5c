"""Prices what came without a cost, in a thread of the collector, once a minute."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from llmtrace_collector.database import Address, faults
from llmtrace_collector.errors import CollectorError
from llmtrace_collector.gate import Gate
from llmtrace_collector.pricing import book
from llmtrace_collector.pricing.batches import Batches, Change, finish
from llmtrace_collector.upkeep.shards import shards_of

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=7)
"""Older calls are priced by `llmtrace prices reprice`."""


class Pricer:
    """Looks at the rollup for calls without a cost, and prices those hours in which there are more than before."""

    def __init__(
        self, *, connect: Callable[[], Client], address: Address, folder: Path, interval_s: float = 60.0
    ) -> None:
        self._connect = connect
        self._address = address
        self._folder = folder
        self._gate = Gate(folder)
        self._interval_s = interval_s
        self._stamp: object = None
        self._shards: list[_Shard] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pricer", daemon=True)

    def start(self) -> None:
        """Starts the thread; not with an interval of 0."""
        if self._interval_s:
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
                    self.pass_once(datetime.now(UTC))
            except CollectorError as error:
                self._shards = []
                log.info("pricing is put off: %s", error)
            except Exception:
                self._shards = []
                log.exception("pricing failed in a way nobody thought of")
            if self._stop.wait(self._interval_s):
                return

    def pass_once(self, now: datetime) -> int:
        """Prices what there is to price; how many spans got a cost."""
        priced = sum(self._pass_over(shard, now) for shard in self._prepared())
        if priced:
            log.info("%d spans that came without a cost have one now", priced)
        return priced

    def _pass_over(self, shard: _Shard, now: datetime) -> int:
        finish(shard.client, gate=self._gate)
        priced = 0
        found = _unpriced(shard.client, now)
        moved: set[datetime] = set()
        for hour in sorted({key[0] for key, calls in found.items() if shard.seen.get(key) != calls}):
            if self._stop.is_set():
                break
            spans = shard.batches.price(hour, Change(reason="first", who="collector")).spans
            priced += spans
            moved |= {hour} if spans else set()
        # What was priced makes room for as many that come meanwhile: such an hour is looked at once more. In the others
        # as many as before are the same ones.
        shard.seen = {key: calls for key, calls in found.items() if key[0] not in moved}
        return priced

    def _prepared(self) -> list[_Shard]:
        stamp = book.stamp(self._folder)
        if not self._shards or stamp != self._stamp:
            prices = book.load(self._folder)
            clients = shards_of(self._connect(), self._address)
            self._shards = [_Shard(client, Batches(client, prices, self._gate)) for client in clients]
            self._stamp = stamp
        return self._shards


class _Shard:
    """A shard of a cluster, or the one server."""

    def __init__(self, client: Client, batches: Batches) -> None:
        self.client = client
        self.batches = batches
        self.seen: Unpriced = {}
        """At the last try."""


Unpriced = dict[tuple[datetime, str, str], int]
"""How many calls without a cost there are, by hour, provider and model."""


def _unpriced(client: Client, now: datetime) -> Unpriced:
    sql = (files("llmtrace_collector.pricing") / "sql" / "hours.sql").read_text(encoding="utf-8")
    rows = client.query(sql, parameters={"since": now - LOOK_BACK}).result_rows
    return {(hour.replace(tzinfo=UTC), provider, model): calls for hour, provider, model, calls in rows}
