"""The write-ahead log: what was acknowledged is here, on disk, until ClickHouse has it on disk."""

from llmtrace_collector.wal.limits import WalLimits
from llmtrace_collector.wal.room import WalFullError
from llmtrace_collector.wal.segment import Segment
from llmtrace_collector.wal.wal import Appender, ReceiverLog, Wal

__all__ = ["Appender", "ReceiverLog", "Segment", "Wal", "WalFullError", "WalLimits"]
