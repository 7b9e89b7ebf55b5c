"""Ingest measured: the doors beside others, storing beside the engine by itself, and how fresh what is stored is.

    python -m benchmarks.ingest             requests accepted and durable, beside a server that only reads, and rotel
    python -m benchmarks.ingest.storing     what storing costs, beside the same inserts without a collector
    python -m benchmarks.ingest.freshness   from the acknowledgement until a query finds the span

All are bounded in count, stay on loopback, and are the same for the same seed but for the time of day.
"""

from .bodies import bodies
from .processes import cpu_s

__all__ = ["bodies", "cpu_s"]
