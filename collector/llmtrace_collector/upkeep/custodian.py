"""What the collector itself looks after in the store, now and then, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from llmtrace_collector.database import Address, faults
from llmtrace_collector.errors import StoreError
from llmtrace_collector.schema.backfill import backfill
from llmtrace_collector.upkeep import reach, retention

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = logging.getLogger(__name__)

_REST_S = 30.0


class Custodian:
    """Applies the retention of the file it was started with and fills new rollups, once ClickHouse answers."""

    def __init__(
        self, *, connect: Callable[[], Client], address: Address, settings: Sequence[retention.Setting]
    ) -> None:
        self._connect = connect
        self._address = address
        self._settings = settings
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
                    self._look_after(self._connect())
            except StoreError as error:
                log.info("looking after the store is put off: %s", error)
            except Exception:
                log.exception("looking after the store failed in a way nobody thought of")
            else:
                return
            if self._stop.wait(_REST_S):
                return

    def _look_after(self, client: Client) -> None:
        retention.store(client, self._settings, who=reach.whoever())
        for table in retention.apply(client):
            log.info("the retention of %s was changed", table)
        backfill(client, given_up=self._stop.is_set)
