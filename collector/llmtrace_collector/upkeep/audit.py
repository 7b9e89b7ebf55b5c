"""Copies what was done, from the data folder's audit.jsonl into `audit_log`; the file is what counts.

audit.jsonl      line line line | line line          only ever appended to
audit.position              offset ^                 where the copy has come to, written after the insert
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmtrace_collector.access.audit import AUDIT_FILE
from llmtrace_collector.database import Address, faults
from llmtrace_collector.errors import StoreError
from llmtrace_collector.folder import write_whole

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = logging.getLogger(__name__)

_EVERY_S = 2.0
_MOST_BYTES = 4 * 1024**2
_COLUMNS = ("at", "who", "action", "project", "subject", "detail")


class AuditCopy:
    """A thread that does it while the collector runs."""

    def __init__(self, folder: Path, *, connect: Callable[[], Client], address: Address) -> None:
        self._file = folder / AUDIT_FILE
        self._position_file = folder / "audit.position"
        self._connect = connect
        self._address = address
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """Asks it to end and waits; safe when it was never started."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                while self._copy():
                    """There was some, so there may be more."""
            except (StoreError, OSError) as error:
                log.debug("the audit log is copied later: %s", error)

    def _copy(self) -> bool:
        position = self._position()
        if not self._file.exists() or self._file.stat().st_size <= position:
            return False
        with self._file.open("rb") as file:
            file.seek(position)
            piece = file.read(_MOST_BYTES)
        whole = piece[: piece.rfind(b"\n") + 1]
        if whole:
            with faults(self._address):
                self._insert(position, whole.splitlines(keepends=True))
            write_whole(self._position_file, str(position + len(whole)).encode(), mode=0o600)
        return bool(whole)

    def _insert(self, position: int, lines: Sequence[bytes]) -> None:
        """Each line under a token of its own: one that was copied before its place was noted changes nothing."""
        client = self._connect()
        for line in lines:
            if row := _row(line):
                token = hashlib.sha256(b"%d %b" % (position, line)).hexdigest()
                client.insert("audit_log", [row], column_names=_COLUMNS, settings={"insert_deduplication_token": token})
            position += len(line)
        client.close()

    def _position(self) -> int:
        try:
            return int(self._position_file.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return 0


def _row(line: bytes) -> list[Any] | None:
    """One line as a row; `None` for a line that a crash has cut short."""
    try:
        found = json.loads(line)
        return [datetime.fromisoformat(found["at"]), *(str(found[name]) for name in _COLUMNS[1:])]
    except (ValueError, KeyError, TypeError):
        return None
