"""Keys, codecs, indexes and projections of `spans` side by side, on the same generated rows.

    python benchmarks/store/designs.py --data FOLDER [--pieces 4] [--runs 5] [--only NAME ...]

FOLDER holds what `generate.py` made. Each design is a table beside `spans` that gets the same rows in the order in
which they came in, in pieces of 18 hours; then its parts are merged into one and the questions of `designs.sql` are
asked. CPU is that of the whole store process; of an insert without what reading and sorting the source takes (the same
statement into a table that keeps nothing). The tables are dropped in the end.
"""

from __future__ import annotations

import argparse
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generate import store_at
from questions import cpu_ns, settle

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

HOURS = 18
KEY = "project, toStartOfHour(timestamp), operation, model, timestamp"
BLOOM = "INDEX idx_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1"


@dataclass(frozen=True, kw_only=True)
class Design:
    """How a table differs from `spans`."""

    name: str
    key: str = KEY
    codecs: dict[str, str] = field(default_factory=dict)
    """Codec by column, or by type in angle brackets; others as in `spans`."""
    more: tuple[str, ...] = (BLOOM,)
    """Indexes and projections."""
    settings: str = ""


IDS = ("trace_id", "span_id", "parent_span_id")
HEAVY = ("attributes", "resource_attributes", "input_preview", "output_preview")
PROJECTION = "PROJECTION by_trace (SELECT trace_id, _part_offset ORDER BY trace_id)"

DESIGNS = (
    Design(name="as it is"),
    Design(name="key: project, time", key="project, timestamp"),
    Design(name="key: project, minute, trace", key="project, toStartOfMinute(timestamp), trace_id, timestamp"),
    Design(name="key: project, hour, trace", key="project, toStartOfHour(timestamp), trace_id, timestamp"),
    Design(name="everything LZ4", codecs={"*": "LZ4"}),
    Design(name="heavy columns ZSTD(3)", codecs=dict.fromkeys(HEAVY, "ZSTD(3)")),
    Design(name="everything ZSTD(3)", codecs={"*": "ZSTD(3)"}),
    Design(name="numbers T64, ZSTD(1)", codecs={"<UInt64>": "T64, ZSTD(1)"}),
    Design(name="times DoubleDelta", codecs=dict.fromkeys(("timestamp", "received_at"), "DoubleDelta, ZSTD(1)")),
    Design(name="enums and flags ZSTD(1)", codecs={"<LowCardinality>": "ZSTD(1)", "<Nullable>": "ZSTD(1)"}),
    Design(name="ids LZ4", codecs=dict.fromkeys(IDS, "LZ4")),
    Design(name="no index of trace ids", more=()),
    Design(name="bloom filter 0.01", more=(BLOOM.replace("0.001", "0.01"),)),
    Design(name="projection of trace ids", more=(PROJECTION,)),
    Design(name="granules of 2,048", settings=", index_granularity = 2048"),
)


class Builder:
    """Makes the tables of one store."""

    def __init__(self, client: Client, pid: int, pieces: int) -> None:
        self._client = client
        self._pid = pid
        rows = client.query(
            "SELECT name, type, compression_codec FROM system.columns WHERE database = 'llmtrace' AND table = 'spans'"
            " AND default_kind IN ('', 'DEFAULT') ORDER BY position"
        ).result_rows
        self._columns: list[tuple[str, str, str]] = [(name, kind, codec) for name, kind, codec in rows]
        newest: datetime = client.query("SELECT max(timestamp) FROM spans").result_rows[0][0]
        start = newest.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=14)
        self.windows = [start + timedelta(hours=HOURS * n) for n in range(pieces)]

    def create(self, design: Design, table: str, engine: str = "MergeTree") -> None:
        """The empty table."""
        self._client.command(f"DROP TABLE IF EXISTS {table} SYNC")
        columns = [f"`{name}` {kind} {self._codec(design, name, kind, was)}" for name, kind, was in self._columns]
        if engine == "Null":
            self._client.command(f"CREATE TABLE {table} ({', '.join(columns)}) ENGINE = Null")
            return
        self._client.command(
            f"CREATE TABLE {table} ({', '.join([*columns, *design.more])}) ENGINE = MergeTree"
            f" PARTITION BY toMonday(timestamp) ORDER BY ({design.key})"
            f" SETTINGS fsync_after_insert = 1{design.settings}"
        )

    def _codec(self, design: Design, name: str, kind: str, was: str) -> str:
        of_kind = next((codec for want, codec in design.codecs.items() if want[0] == "<" and want[1:-1] in kind), "")
        if "T64" in of_kind and kind not in {"UInt64", "Nullable(UInt64)"}:
            of_kind = ""
        chosen = design.codecs.get(name) or of_kind or design.codecs.get("*", "")
        return f"CODEC({chosen})" if chosen else was

    def fill(self, table: str) -> float:
        """All pieces; CPU-seconds."""
        names = ", ".join(f"`{name}`" for name, _, _ in self._columns)
        before = cpu_ns(self._pid)
        for start in self.windows:
            self._client.command(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM spans WHERE timestamp >= {{start:DateTime}}"
                f" AND timestamp < {{start:DateTime}} + INTERVAL {HOURS} HOUR ORDER BY received_at",
                parameters={"start": start},
                settings={"max_threads": 1, "max_insert_threads": 1, "min_insert_block_size_rows": 2**20},
            )
        return (cpu_ns(self._pid) - before) / 1e9

    def merge(self, table: str) -> float:
        """Into one part a week; CPU-seconds."""
        before = cpu_ns(self._pid)
        self._client.command(f"OPTIMIZE TABLE {table} FINAL", settings={"max_execution_time": 0})
        return (cpu_ns(self._pid) - before) / 1e9

    def size(self, table: str) -> tuple[int, float]:
        """Rows, and bytes a row, indexes and projections included."""
        rows, size = self._client.query(
            "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts"
            " WHERE active AND database = 'llmtrace' AND table = {table:String}",
            parameters={"table": table},
        ).result_rows[0]
        return rows, size / rows


def asked() -> Iterator[tuple[str, str]]:
    """Name and text of each question."""
    text = (Path(__file__).parent / "designs.sql").read_text()
    parts = re.split(r"^-- name: (.+)$", text, flags=re.MULTILINE)[1:]
    for name, sql in zip(parts[::2], parts[1::2], strict=True):
        yield name, sql.strip().removesuffix(";")


def cost_ms(client: Client, pid: int, sql: str, parameters: dict[str, Any], runs: int) -> float:
    """Median CPU milliseconds of a question, after it was asked once."""
    took = []
    for _ in range(runs + 1):
        before = cpu_ns(pid)
        client.query(sql, parameters=parameters)
        took.append((cpu_ns(pid) - before) / 1e6)
    return statistics.median(took[1:])


def main() -> None:
    """Builds, asks and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pieces", type=int, default=4, help=f"of {HOURS} hours")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], help="names of designs")
    given = parser.parse_args()
    with store_at(given.data, up_to_date=False) as (client, pid):
        settle(client, 120)
        builder = Builder(client, pid, given.pieces)
        builder.create(DESIGNS[0], "design_null", engine="Null")
        builder.fill("design_null")
        reading_s = builder.fill("design_null")
        start = builder.windows[0]
        trace_id, first, last = client.query(
            "SELECT trace_id, min(timestamp), max(timestamp) FROM spans WHERE timestamp >= {start:DateTime}"
            " AND timestamp < {start:DateTime} + INTERVAL 5 MINUTE GROUP BY trace_id ORDER BY trace_id LIMIT 1",
            parameters={"start": start + timedelta(hours=5)},
        ).result_rows[0]
        parameters = {"start": start, "trace_id": trace_id, "from": first, "to": last + timedelta(minutes=1)}
        names = [name for name, _ in asked()]

        print(
            f"| design | rows | insert, CPU-us a row | merge, CPU-us a row | bytes a row | {' | '.join(names)} |"
            f"\n|{'---|' * (5 + len(names))}",
            flush=True,
        )
        for design in DESIGNS:
            if given.only and design.name not in given.only:
                continue
            builder.create(design, "design")
            inserted_s = builder.fill("design") - reading_s
            merged_s = builder.merge("design")
            rows, size = builder.size("design")
            costs = [
                cost_ms(client, pid, sql.replace("{table}", "design"), parameters, given.runs) for _, sql in asked()
            ]
            shown = " | ".join(f"{cost:.0f}" for cost in costs)
            print(
                f"| {design.name} | {rows:,} | {inserted_s / rows * 1e6:.1f} | {merged_s / rows * 1e6:.1f} |"
                f" {size:.0f} | {shown} |",
                flush=True,
            )
        client.command("DROP TABLE design SYNC")
        client.command("DROP TABLE design_null")


if __name__ == "__main__":
    main()
