"""Dead letters: records that could not be stored, with the reason, for a person to look at.

wal/dead/SEGMENT-FIRST-LAST.records      the records, in the segment's own form
wal/dead/SEGMENT-FIRST-LAST.reason       one sentence
"""

from __future__ import annotations

from pathlib import Path

from llmtrace_collector.folder import sync_folder, write_whole


def bury(wal_folder: Path, name: str, records: bytes, reason: str) -> Path:
    """Writes `records` and why; durable when this returns. The same name again replaces what was there."""
    folder = wal_folder / "dead"
    if not folder.exists():
        folder.mkdir(mode=0o700)
        sync_folder(wal_folder)
    write_whole(folder / f"{name}.reason", (reason.strip() + "\n").encode())
    file = folder / f"{name}.records"
    write_whole(file, records)
    return file
