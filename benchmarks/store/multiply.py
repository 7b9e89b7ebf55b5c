"""Makes a generated store ten times as large (or so), in lean columns: for measuring queries, not storing.

    python benchmarks/store/multiply.py --data FOLDER --copies 10 [--seconds 1500]

Each copy has traces of its own and the times of the first, a few microseconds later. The columns that no question
reads (bodies, previews, maps of attributes) are left to their defaults, as in rows from before a migration; the rollups
are those of the first, as often. So 100 million spans cost minutes of CPU instead of an hour. The folder can take no
spans afterwards: its views are gone.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from generate import SIZES, store_at

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

LEAN = (
    "project", "timestamp", "trace_id", "span_id", "parent_span_id", "sampling_threshold", "sampling_weight", "name",
    "kind", "service_name", "environment", "duration_ns", "status_code", "is_call", "operation", "provider", "model",
    "input_tokens", "output_tokens", "cached_input_tokens", "cost_usd", "time_to_first_token_ns", "user_id",
    "session_id", "received_at",
)  # fmt: skip
VIEWS = (
    "generated_spans",
    "generated_content",
    "spend_1m_mv",
    "span_1h_mv",
    "service_1h_mv",
    "traces_mv",
    "dim_values_mv",
    "spans_mv",
)
SUMMED = ("span_1h", "service_1h", "dim_values", "spend_1m")
OTHER_TRACE = "concat(substring('0123456789abcdef', {copy:UInt8} + 1, 1), substring(trace_id, 2))"


def prepare(client: Client) -> None:
    """Sets the first copy aside and makes an empty lean table, once."""
    if client.command("EXISTS TABLE spans_first"):
        return
    for view in VIEWS:
        client.command(f"DROP TABLE IF EXISTS {view}")
    for table in ("traces", *SUMMED, "spans"):
        client.command(f"RENAME TABLE {table} TO {table}_first")
    for table in ("traces", *SUMMED):
        client.command(f"CREATE TABLE {table} AS {table}_first")
    plain = client.query(
        "SELECT concat('`', name, '` ', type, ' ', compression_codec) FROM system.columns WHERE database = 'llmtrace'"
        " AND table = 'spans_first' AND name IN {lean:Array(String)} ORDER BY position",
        parameters={"lean": list(LEAN)},
    ).result_rows
    engine = client.command("SELECT engine_full FROM system.tables WHERE name = 'spans_first' FORMAT TSVRaw")
    index = "INDEX idx_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1"
    client.command(f"CREATE TABLE spans ({', '.join(row[0] for row in plain)}, {index}) ENGINE = {engine}")
    client.command("CREATE TABLE copies (what String) ENGINE = MergeTree ORDER BY what")


def columns(client: Client) -> list[tuple[str, str]]:
    """Each column of the first table with how it is declared: those first that others are reckoned from."""
    rows = client.query(
        "SELECT name, type, default_kind, default_expression FROM system.columns"
        " WHERE database = 'llmtrace' AND table = 'spans_first' ORDER BY position"
    ).result_rows
    ordered = sorted(rows, key=lambda row: bool(row[2]))
    return [(name, f"`{name}` {kind} {how} {default}".strip()) for name, kind, how, default in ordered]


def copy(client: Client, number: int, until: float, folder: Path, reserve_gb: float) -> bool:
    """One copy, by weeks; False: out of time or room."""
    done = {row[0] for row in client.query("SELECT what FROM copies").result_rows}
    weeks = client.query("SELECT DISTINCT _partition_id FROM spans_first ORDER BY 1").result_rows
    lean = ", ".join(LEAN)
    shown = lean.replace("trace_id", f"{OTHER_TRACE} AS trace_id", 1)
    shown = shown.replace("timestamp", "addNanoseconds(timestamp, 1000 * {copy:UInt8}) AS timestamp", 1)
    into_spans = f"INSERT INTO spans ({lean}) SELECT {shown} FROM spans_first"
    into_traces = f"INSERT INTO traces SELECT {OTHER_TRACE} AS trace_id, * EXCEPT (trace_id) FROM traces_first"
    work = [(f"spans {week}", f"{into_spans} WHERE _partition_id = '{week}'") for (week,) in weeks]
    work.append(("traces", into_traces))
    work += [(table, f"INSERT INTO {table} SELECT * FROM {table}_first") for table in SUMMED]
    for what, sql in work:
        if f"{number} {what}" in done:
            continue
        if time.monotonic() > until or shutil.disk_usage(folder).free < reserve_gb * 1e9:
            return False
        client.command(sql, parameters={"copy": number}, settings={"max_threads": 1, "max_insert_threads": 1})
        client.insert("copies", [[f"{number} {what}"]], column_names=["what"])
    return True


def main() -> None:
    """Multiplies and says what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1500)
    parser.add_argument("--reserve-gb", type=float, default=20)
    given = parser.parse_args()
    until = time.monotonic() + given.seconds
    with store_at(given.data, up_to_date=False) as (client, _):
        prepare(client)
        for number in range(given.copies):
            went_on = copy(client, number, until, given.data, given.reserve_gb)
            print(f"{number + 1:>3} copies, {client.command('SELECT count() FROM spans'):,} spans", flush=True)
            if not went_on:
                break
        for _, declared in columns(client):
            client.command(f"ALTER TABLE spans ADD COLUMN IF NOT EXISTS {declared}")
        for row in client.query(SIZES).result_rows:
            print("{:<16} {:>12,} rows {:>10,.1f} MiB".format(*row))


if __name__ == "__main__":
    main()
