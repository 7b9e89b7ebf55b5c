"""One of several watches on a store leads; the others stand by with a copy of its state (decision 33).

lease: who leads, by rows of the store          watch.db ──changes──▶ watch_state ──▶ watch.db of the others
"""

from __future__ import annotations

from llmtrace_collector.watch.standby.lease import TTL_S, Lease
from llmtrace_collector.watch.standby.standby import Standby

__all__ = ["TTL_S", "Lease", "Standby"]
