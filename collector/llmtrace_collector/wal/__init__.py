"""The write-ahead log: what was acknowledged is here, on disk, until ClickHouse has it on disk."""

from llmtrace_collector.wal.limits import WalLimits
from llmtrace_collector.wal.log import Segment, Wal, WalFullError

__all__ = ["Segment", "Wal", "WalFullError", "WalLimits"]
