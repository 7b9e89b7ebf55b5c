"""Who did what: one line for each thing, durable before it is answered.

DIR/audit.jsonl  mode 0600; the collector copies it into `audit_log`
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime

from llmtrace_collector.folder import DataFolder, sync_folder

AUDIT_FILE = "audit.jsonl"


@dataclass(frozen=True, kw_only=False)
class Audit:
    """Of one data folder; processes may write it at the same time."""

    folder: DataFolder

    def note(self, *, who: str, action: str, project: str, subject: str, detail: str) -> None:
        """Appends a line, and returns once it is on the disk."""
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "who": who,
            "action": action,
            "project": project,
            "subject": subject,
            "detail": detail,
        }
        path = self.folder.path / AUDIT_FILE
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as out:
            out.write(json.dumps(line).encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())
        sync_folder(path.parent)
