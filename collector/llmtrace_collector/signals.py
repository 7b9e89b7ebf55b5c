"""The kinds of data OTLP carries: the one name for each, in folders, tables and metrics."""

from __future__ import annotations

from enum import StrEnum


class Signal(StrEnum):
    """A kind of data; its value is the folder in the log and the end of the landing table's name."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"

    @property
    def items(self) -> str:
        """What one piece of it is called in the names of the OTel Collector's metrics."""
        return {"traces": "spans", "logs": "log_records", "metrics": "metric_points"}[self.value]
