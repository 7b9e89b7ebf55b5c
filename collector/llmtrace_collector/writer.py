"""From the log into ClickHouse: whole segments, in order, exactly once.

    take ──> insert under the segment's token ──> done
              │ cannot be reached, overloaded, out of room: the same bytes, the same token, again and again
              │ does not parse: find the bad records with a table that stores nothing, note what will be done
              │                 (SEGMENT.plan, durable), then insert the good ones under `segment:good`
              └ and bury the bad ones

An insert that was done but not acknowledged is repeated under its token and changes nothing: every table behind the
landing remembers the tokens of its last inserts (schema/migrations).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llmtrace_collector import deep, telemetry
from llmtrace_collector.database import Address, faults, rows
from llmtrace_collector.errors import PoisonError, StoreDownError, StoreError, StoreRefusedError
from llmtrace_collector.gate import Gate
from llmtrace_collector.landings import LANDINGS, Landing, landings_at
from llmtrace_collector.ledger import TAKEN, ledgers, settle_if_asked
from llmtrace_collector.poison import Plan, make_plan, split
from llmtrace_collector.schema.migrate import migrate, newest, version
from llmtrace_collector.schema.otlp import PROTO_SETTINGS
from llmtrace_collector.signals import Signal
from llmtrace_collector.wal import Segment, Wal, dead, places
from llmtrace_collector.wal.recovery import items_in

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = logging.getLogger(__name__)

INSERT_SETTINGS = {
    **PROTO_SETTINGS,
    # Of traces; each signal has its own.
    "format_schema": LANDINGS[Signal.TRACES].schema,
    "deduplicate_blocks_in_dependent_materialized_views": "1",
    # One segment must be one block: then a record that does not parse leaves nothing behind.
    "max_insert_block_size": "1048576",
    "input_format_parallel_parsing": "0",
    # Working views out, not running them, is what a small insert pays for: a fifth of it was for a shorter plan (0031).
    "query_plan_enable_optimizations": "0",
}

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_BALANCE_EVERY_S = 1.0
"""When something was stored; else a tenth as often."""
_PASSING_CODES = {159, 202, 241, 243, 252}
"""Of the moment, not of the tables: TIMEOUT_EXCEEDED, TOO_MANY_SIMULTANEOUS_QUERIES, MEMORY_LIMIT_EXCEEDED,
NOT_ENOUGH_SPACE, TOO_MANY_PARTS."""
_MOST_REFUSALS = 10
"""Of a segment whose records all parse; about half a minute."""


class Writer:
    """A thread that empties the log into ClickHouse."""

    def __init__(self, wal: Wal, address: Address, connect: Callable[[], Client], gate: Gate) -> None:
        self._wal = wal
        self._address = address
        self._connect = connect
        self._gate = gate
        self._client: Client | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self.reached = threading.Event()
        """Set once ClickHouse has answered; bringing its tables up to date may still take a while."""
        self.tried = threading.Event()
        """Set once ClickHouse was reached or was not."""
        self.migrated = threading.Event()
        """Set once the tables are those of this code."""
        self.refusal = ""
        """Why ClickHouse refuses for good; '' when it does not."""
        self._told_code: int | None = None
        self._refused, self._refusals = "", 0
        self.fault = ""
        """Why nothing can be stored at the moment; '' when it can."""
        self._balance_at = 0.0
        self._moved = True

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self, *, drain_s: float) -> None:
        """Stores what the (closed) log still holds, for at most `drain_s`, and ends; the rest stays in the log."""
        self._stop.set()
        self._thread.join(drain_s)

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                if self._step():
                    return
            except StoreError as error:
                self._tell(error)
                if self._stop.wait(pause_s):
                    return
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            except Exception:
                log.exception("storing failed in a way nobody thought of; the spans stay in the log")
                if self._stop.wait(_LONGEST_PAUSE_S):
                    return
            else:
                pause_s = _FIRST_PAUSE_S

    def _step(self) -> bool:
        """Stores one segment if there is one; True: asked to stop and nothing is left."""
        client = self._connected()
        self._balance(client)
        segment = self._wal.take(0.0 if self._stop.is_set() else 0.5)
        if segment is None:
            return self._stop.is_set()
        with self._gate.passing(self._stop.is_set):
            self._store(client, segment, LANDINGS[segment.signal])
            self._wal.done(segment)
        self._moved = True
        if self.fault:
            log.info("ClickHouse takes spans again")
            self.fault = ""
        return False

    def _balance(self, client: Client) -> None:
        """Tells where everything is; here, because between two inserts nothing is in two places."""
        now = time.monotonic()
        late_s = now - self._balance_at
        if self._stop.is_set() or late_s < 0 or (not self._moved and late_s < 9 * _BALANCE_EVERY_S):
            return
        with faults(self._address):
            taken = rows(client, TAKEN, {"log": self._wal.identity})
        known = ledgers(self._wal.folder, taken)
        if settle_if_asked(self._wal.folder, known):
            known = ledgers(self._wal.folder, taken)
        for signal, ledger in known.items():
            for term, items in ledger.terms().items():
                telemetry.put("llmtrace_ledger_items", items, signal=signal, term=term)
        telemetry.put("llmtrace_log_dead_letters", len(dead.letters(self._wal.folder)))
        self._moved = False
        # Rarer where it takes long.
        took_s = time.monotonic() - now
        self._balance_at = now + took_s + min(10 * _BALANCE_EVERY_S, max(_BALANCE_EVERY_S, 20 * took_s))

    def _connected(self) -> Client:
        """The client, with the tables up to date; connects at the first call and after a fault.

        Raises:
            StoreError: ClickHouse does not answer, refuses, or has a newer schema.
        """
        if self._client is None:
            client = self._connect()
            self.reached.set()
            self._settle(client)
            with faults(self._address):
                applied = migrate(client, cluster=self._address.cluster, owner=self._wal.identity)
            places.note_schema(self._wal.folder, newest())
            if applied:
                log.info("the tables are at version %d", applied[-1])
            self._client = client
            self.refusal = ""
            self.migrated.set()
            self.tried.set()
        return self._client

    def _settle(self, client: Client) -> None:
        """Before new tables and views: the one segment that may be stored already, by the way it may have taken.

        What a table remembers of an insert is made of the views on its way too; behind other views the segment would
        be stored a second time. It is tried until those of before have taken it or refuse it for good; what they refuse
        cannot have been stored. Another collector may have brought the tables up to date meanwhile: the ways of before
        are still there. Tables older than those the log knew are a backup's, and have the ways of their own version.
        """
        before = places.schema_of(self._wal.folder)
        with faults(self._address):
            found = version(client)
        if not found or before == newest() == found:
            return
        segment = self._wal.take(0.0)
        if segment is None:
            return
        try:
            with self._gate.passing(self._stop.is_set):
                self._store(client, segment, landings_at(min(before, found))[segment.signal])
                self._wal.done(segment)
        except StoreError as error:
            if not error.code or error.code in _PASSING_CODES:
                raise
            log.info("%s was not stored before the tables were brought up to date: %s", segment.path.name, error)

    def _tell(self, error: StoreError) -> None:
        self._client = None
        if isinstance(error, StoreRefusedError):
            self.refusal = str(error)
        # A refusal at the first try ends the collector, which says so itself; if it has not waited, the next try tells.
        if self.tried.is_set() or not self.refusal:
            # By code: the text may name a file that is another one each time.
            if not self.fault or error.code != self._told_code:
                log.warning("%s; accepted spans wait in the log", error)
            self._told_code = error.code
        self.fault = str(error)
        self.tried.set()

    def _store(self, client: Client, segment: Segment, landing: Landing) -> None:
        try:
            content = segment.read()
        except FileNotFoundError:
            log.error("%s was removed while it waited: its %d items are lost", segment.path.name, segment.items)
            telemetry.count("llmtrace_removed_segments")
            return
        if not content:
            return
        settings = {
            **INSERT_SETTINGS,
            "format_schema": landing.schema,
            # Read by the views that count what was stored, for the log's books (0016). What was handed in by hand
            # never went through these, so it is counted under another name.
            "log_comment": "given" if segment.is_given else self._wal.identity,
        }

        def insert(table: str, records: bytes, token: str) -> None:
            self._insert(client, table, records, **settings, insert_deduplication_token=token)
            if segment.signal is Signal.TRACES and table == landing.table:
                with faults(self._address):
                    deep.finish(client, token, settings, cluster=self._address.cluster)

        plan = Plan.load(segment)
        try:
            if plan is None:
                insert(landing.table, content, segment.token)
                telemetry.count(f"otelcol_exporter_sent_{segment.signal.items}", items_in(content))
                return
        except PoisonError as error:
            log.error("%s does not parse as a whole (%s): looking for the records at fault", segment.path.name, error)
            plan = make_plan(insert, landing, content)
            if not plan.bad and not plan.repaired:
                self._again(segment, content, error)
                return
            plan.save(segment)
        plan.carry_out(insert, landing, segment, content)
        bad = sum(items_in(split(content)[number]) for number in plan.bad)
        telemetry.count(f"otelcol_exporter_sent_{segment.signal.items}", items_in(content) - bad)
        telemetry.count(f"otelcol_exporter_send_failed_{segment.signal.items}", bad)

    def _again(self, segment: Segment, content: bytes, error: PoisonError) -> None:
        """Each record parses, and yet ClickHouse refuses them: a table behind the landing does. Not for ever."""
        self._refusals = self._refusals + 1 if self._refused == segment.token else 1
        self._refused = segment.token
        if self._refusals < _MOST_REFUSALS:
            raise StoreDownError(f"ClickHouse refuses {segment.path.name}: {error}", code=error.code) from error
        log.error("%s was refused %d times: it goes to the dead letters whole", segment.path.name, self._refusals)
        dead.bury(segment.path, "whole", content, reason=str(error), items=items_in(content))
        telemetry.count(f"otelcol_exporter_send_failed_{segment.signal.items}", items_in(content))

    def _insert(self, client: Client, table: str, content: bytes, **settings: Any) -> None:
        with faults(self._address):
            client.raw_insert(table, insert_block=content, fmt="Protobuf", settings=settings)
