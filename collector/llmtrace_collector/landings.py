"""Where a segment of each signal is inserted: one table of landing tables and the schemas they are read with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


LANDINGS: dict[Signal, Landing] = {
    signal: Landing(table=f"otlp_{signal}", schema=proto(signal), canonical=partial(otlp.canonical, signal))
    for signal in Signal
}
"""By signal; a migration makes the two tables of each."""
