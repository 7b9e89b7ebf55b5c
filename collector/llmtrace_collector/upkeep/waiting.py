"""Whether a log still holds what was received before some moment."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path

from llmtrace_collector.wal.recovery import OPEN, SEALED
from llmtrace_collector.wal.segment import number_of

_ON_ITS_WAY = timedelta(seconds=1)
"""From receipt to the file, at most; a record that waits longer for the disk is refused."""


def has_older(wal: Path, than: datetime) -> bool:
    """Some segment may have records received before `than`: a segment's name is a time before its first record."""
    limit = int(than.timestamp() * 1e9)
    for path in wal.rglob("*"):
        if path.suffix in {OPEN, SEALED} and number_of(path) <= limit:
            return True
    return datetime.now(than.tzinfo) < than + _ON_ITS_WAY


def wait_until_stored(wal: Path, than: datetime, within_s: float) -> bool:
    """Waits for the collector to store what is older; False when it has not in time."""
    deadline = time.monotonic() + within_s
    while has_older(wal, than):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
