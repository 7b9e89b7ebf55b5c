"""Dead letters: records that could not be stored, with the reason, for a person to look at.

wal/dead/SIGNAL/SEGMENT-PART.records     the records, in the segment's own form; PART says which of the segment they are
wal/dead/SIGNAL/SEGMENT-PART.reason      one sentence
"""

from __future__ import annotations

from pathlib import Path

from llmtrace_collector.folder import made, write_whole

RECEIVERS = "receivers"
"""The folder in the log's that has the logs of further receiver processes."""


def bury(segment: Path, part: str, records: bytes, reason: str) -> Path:
    """Writes `records` of a segment and why; durable when this returns. The same part again replaces what was there."""
    folder = made(made(_root(segment) / "dead") / segment.parent.name)
    name = f"{segment.stem}-{part}"
    write_whole(folder / f"{name}.reason", (reason.strip() + "\n").encode())
    file = folder / f"{name}.records"
    write_whole(file, records)
    return file


def _root(segment: Path) -> Path:
    """The log's folder; a receiver's own log is two folders further down."""
    base = segment.parent.parent
    return base.parent.parent if base.parent.name == RECEIVERS else base
