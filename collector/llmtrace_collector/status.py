"""How the collector is, for people, load balancers and Prometheus: GET /livez, /readyz and /metrics.

With several receiver processes any of them may be asked. So each writes what it counts to a file once a second, the
first one also how the log and the store are, and whoever is asked reads them all.

wal/telemetry.json, wal/receivers/K/telemetry.json     values of one process
wal/status.json                                        what the first process knows
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from llmtrace_collector import process, telemetry
from llmtrace_collector.wal.places import receiver_folder, receivers_in

log = logging.getLogger(__name__)

_EVERY_S = 1.0
_STALE_S = 15.0
"""What the first process said longer ago than this is not believed any more."""

PATHS = frozenset({"/livez", "/readyz", "/metrics"})

Answer = tuple[int, str, bytes]
"""Status, content type, body."""


class Status:
    """What one process tells. Thread-safe."""

    def __init__(self, wal_folder: Path, number: int, why_closed: Callable[[], str]) -> None:
        """`number` is 0 for the first process; `why_closed` says why this one cannot accept, '' when it can."""
        self._folder = wal_folder
        self._number = number
        self._why_closed = why_closed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)
        self.refresh: Callable[[], dict[str, Any]] | None = None
        """In the first process: sets the gauges and gives what `/readyz` shows of log and store."""

    def start(self) -> None:
        """Begins to write the files; needed where there is more than one process."""
        self._thread.start()

    def stop(self) -> None:
        """Writes them once more and ends. Twice is safe."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def answer(self, path: str) -> Answer:
        """To GET one of `PATHS`."""
        if path == "/livez":
            return 200, "text/plain; charset=utf-8", b"ok\n"
        known = self._known()
        if path == "/metrics":
            process.tell()
            merged = telemetry.merged(telemetry.values(), self._others())
            return 200, "text/plain; version=0.0.4; charset=utf-8", telemetry.exposition(merged)
        why = self._why_closed()
        shown = {"ready": not why, "accepting": {"ok": not why, "why": why}, **known}
        return 503 if why else 200, "application/json", (json.dumps(shown, indent=2) + "\n").encode()

    def _known(self) -> dict[str, Any]:
        if self.refresh:
            return self.refresh()
        try:
            file = self._folder / "status.json"
            age_s = time.time() - file.stat().st_mtime
            known: dict[str, Any] = json.loads(file.read_bytes())
        except (OSError, ValueError):
            return {"store": {"reachable": False, "why": "the collector's first process has not said yet"}}
        if age_s > _STALE_S:
            known["store"] = {"reachable": False, "why": f"the collector's first process is silent for {age_s:.0f} s"}
        return known

    def _files(self) -> Iterator[tuple[int, Path]]:
        yield 0, self._folder / "telemetry.json"
        for number in receivers_in(self._folder):
            yield number, receiver_folder(self._folder, number) / "telemetry.json"

    def _own(self) -> Path:
        folder = receiver_folder(self._folder, self._number) if self._number else self._folder
        return folder / "telemetry.json"

    def _others(self) -> list[Path]:
        return [file for number, file in self._files() if number != self._number]

    def forget(self) -> None:
        """Removes what processes of an earlier start have left."""
        for _, file in self._files():
            file.unlink(missing_ok=True)
        (self._folder / "status.json").unlink(missing_ok=True)

    def _run(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(_EVERY_S)
            try:
                self._write()
            except OSError as error:
                # A full disk: the next second may be better, and the door says so itself.
                log.debug("the values cannot be written: %s", error)

    def _write(self) -> None:
        process.tell()
        if self.refresh:
            _replace(self._folder / "status.json", json.dumps(self.refresh()).encode())
        _replace(self._own(), telemetry.dumps(telemetry.values()))


def _replace(file: Path, content: bytes) -> None:
    """Whole or not at all for who reads; not synced: it is told anew after a power loss."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(file)
