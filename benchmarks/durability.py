"""What it costs that ClickHouse syncs the parts of an insert before it says that it is done.

    python -m benchmarks.durability [--rounds 15] [--spans 400]

The same segment is inserted into two stores in turn, one with `fsync_after_insert` and `fsync_part_directory` (as the
schema has it), one without; medians of wall time, and CPU-seconds of the store. Beside it the log: appending with a
sync after each group, and without.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from benchmarks.ingest import bodies, cpu_s
from llmtrace_collector.schema.migrate import migrate
from llmtrace_collector.wal.record import encode
from llmtrace_collector.writer import INSERT_SETTINGS
from support.services import Stack, stack_at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--spans", type=int, default=400, help="in a segment, 3.3 KB each")
    given = parser.parse_args()
    with ExitStack() as held, tempfile.TemporaryDirectory() as folder:
        sides = []
        for name, durable in (("synced", 1), ("not synced", 0)):
            (Path(folder) / name).mkdir()
            stack = held.enter_context(stack_at(Path(folder) / name))
            store = stack.store()
            client = _owner(stack)
            migrate(client)
            if not durable:
                _forget_to_sync(client)
            sides.append((name, store, client, []))
        for turn in range(given.rounds + 1):
            records = [
                encode(project="default", received_ns=time.time_ns(), request=body, items=100)
                for body in bodies(max(1, given.spans // 100), 100, seed=turn)
            ]
            for _, store, client, figures in sides:
                started, used = time.perf_counter(), cpu_s(store.popen.pid)
                client.raw_insert(
                    "otlp_traces_flat",
                    insert_block=b"".join(records),
                    fmt="Protobuf",
                    settings={**INSERT_SETTINGS, "insert_deduplication_token": os.urandom(8).hex()},
                )
                figures.append((time.perf_counter() - started, cpu_s(store.popen.pid) - used))
        print(f"{given.spans} spans a segment, {given.rounds} rounds in turn\n")
        print(f"{'insert':<12} {'median s':>9} {'CPU-s':>7} {'spans/s':>8}")
        for name, _, _, figures in sides:
            wall = statistics.median(seconds for seconds, _ in figures[1:])
            used = statistics.mean(cpu for _, cpu in figures[1:])
            print(f"{name:<12} {wall:9.3f} {used:7.3f} {given.spans / wall:8,.0f}")
    _log(given.rounds)


def _log(rounds: int) -> None:
    block = os.urandom(150_000)
    print(f"\n{'append 150 KB':<14} {'median ms':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for name, sync in (("fdatasync", os.fdatasync), ("no sync", lambda _: None)):
            descriptor = os.open(Path(folder) / name, os.O_WRONLY | os.O_CREAT)
            waits = []
            for _ in range(rounds * 10):
                started = time.perf_counter()
                os.write(descriptor, block)
                sync(descriptor)
                waits.append((time.perf_counter() - started) * 1e3)
            os.close(descriptor)
            print(f"{name:<14} {statistics.median(waits):9.3f}")


def _owner(stack: Stack) -> Any:
    from llmtrace_collector.database import Address, connect
    from llmtrace_collector.store.users import OWNER

    key = (stack.data / "store.key").read_text()
    return connect(
        Address(host="127.0.0.1", port=stack.store_port, username=OWNER, password=key), timeout_s=120, database=None
    )


def _forget_to_sync(client: Any) -> None:
    tables = client.query(
        "SELECT name FROM system.tables WHERE database = 'llmtrace' AND engine LIKE '%MergeTree'"
    ).result_rows
    for (name,) in tables:
        client.command(f"ALTER TABLE llmtrace.`{name}` MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0")


if __name__ == "__main__":
    main()
