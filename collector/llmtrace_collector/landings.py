"""Where a segment of each signal is inserted: one table of landing tables and the schemas they are read with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from llmtrace_collector import otlp
from llmtrace_collector.schema.otlp import proto
from llmtrace_collector.signals import Signal


@dataclass(frozen=True, kw_only=True)
class Landing:
    """How one signal goes into ClickHouse."""

    table: str
    """The landing table (engine Null); beside it `<table>_check`, the same without views."""
    schema: str
    """The .proto text its records are read with; the message is `Record`."""
    canonical: Callable[[bytes], bytes]
    """A request the way upb writes it; raises `otlp.MalformedError`."""

    @property
    def check_table(self) -> str:
        """Takes a segment and stores nothing: for finding poison."""
        return f"{self.table}_check"


def _landing(signal: Signal, table: str) -> Landing:
    return Landing(table=table, schema=proto(signal), canonical=partial(otlp.canonical, signal))


LANDINGS: dict[Signal, Landing] = {
    Signal.TRACES: _landing(Signal.TRACES, "otlp_traces_flat"),
    Signal.LOGS: _landing(Signal.LOGS, "otlp_logs"),
    Signal.METRICS: _landing(Signal.METRICS, "otlp_metrics"),
}
"""By signal; a migration makes the two tables of each."""

_FLAT_SINCE = 28
_BEFORE_FLAT = LANDINGS | {Signal.TRACES: replace(LANDINGS[Signal.TRACES], table="otlp_traces")}


def landings_at(version: int) -> dict[Signal, Landing]:
    """Those of a schema version: what an earlier one may have taken is known there by its own way alone."""
    return LANDINGS if version >= _FLAT_SINCE else _BEFORE_FLAT
