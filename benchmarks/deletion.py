"""How long deletion, export and backup take on a few million spans, and whether they do what they say.

    python benchmarks/deletion.py [--spans 2000000] [--users 20000]

Spans of 60 days, users by Zipf's law, made in the engine itself; one store process, no collector. A line a
step: how long, and CPU-seconds of the store, which other work on the machine hardly changes.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from llmtrace_collector.database import Address, connect
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.gate import Gate
from llmtrace_collector.schema.migrate import migrate
from llmtrace_collector.store.users import OWNER
from llmtrace_collector.upkeep import backup, deletion, export, importing, orders
from support.services import stack_at

FILL = """
INSERT INTO spans (project, timestamp, trace_id, span_id, name, duration_ns, is_call, operation, provider, model,
    input_tokens, output_tokens, cost_usd, user_id, session_id, input_preview, attributes, received_at)
SELECT 'default',
    toDateTime64('{end}', 9, 'UTC') - toIntervalMillisecond(rand64(1) % {range_ms}) AS at,
    lower(hex(MD5(toString(intDiv({first} + number, 5))))), hex(reinterpretAsFixedString({first} + number)), 'chat',
    rand(2) % 5000000000, 1, 'chat', 'openai', ['gpt-5', 'gpt-5-mini', 'gpt-4o', 'o4'][1 + rand(3) % 4],
    rand(4) % 4000, rand(5) % 900,
    toDecimal128(rand(6) % 100000 / 1000000, 12), concat('user-', toString(u)), concat('s', toString(rand(7) % 100000)),
    repeat(hex(rand64(8)), 10), map('k', hex(rand64(9))), at
FROM (SELECT number, toUInt32(pow({users}, rand(10) / 4294967295)) AS u FROM numbers({rows}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=2_000_000)
    parser.add_argument("--users", type=int, default=20_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, stack_at(Path(place)) as stack:
        step = partial(timed, stack.store().popen.pid)
        key = DataFolder(stack.data).store_key()
        address = Address(host="127.0.0.1", port=stack.store_port, username=OWNER, password=key)
        client: Any = connect(address, timeout_s=3600)
        client.database = "system"
        migrate(client)
        fill(client, given.spans, given.users)
        folder = DataFolder(stack.data)
        gate = Gate(stack.data)
        size = (
            "SELECT formatReadableSize(sum(bytes_on_disk)), count() FROM system.parts WHERE active AND table = 'spans'"
        )
        print(f"{given.spans:,} spans: {client.query(size).result_rows[0]}")
        step("backup", lambda: backup.create(folder, client, "one").size_bytes)
        step("second backup on it", lambda: backup.create(folder, client, "two", base="one").size_bytes)
        for name in ("user-1", "user-500", f"user-{given.users - 1}"):
            order = orders.order(kind="user", value=name, project="default", who="benchmark")
            step(f"delete {name}", lambda order=order: deletion.carry_out(client, order, gate=gate))  # type: ignore[misc]
        trace = client.command("SELECT any(trace_id) FROM spans")
        order = orders.order(kind="trace", value=trace, project="default", who="benchmark")
        step("delete one trace", lambda: deletion.carry_out(client, order, gate=gate))
        end = datetime.now(UTC)
        order = orders.order(
            kind="time", project="default", start=end - timedelta(days=9), end=end - timedelta(days=8), who="b"
        )
        step("delete one day", lambda: deletion.carry_out(client, order, gate=gate))
        step("purge", lambda: deletion.purge(client))
        out = Path(place) / "export"
        step(
            "export of 10 days",
            lambda: rows(export.export(client, ["spans"], end - timedelta(days=20), end - timedelta(days=10), out)),
        )
        order = orders.order(
            kind="time", project="default", start=end - timedelta(days=20), end=end - timedelta(days=10), who="b"
        )
        deletion.carry_out(client, order, gate=gate)
        client.command("TRUNCATE TABLE deletions")
        step(
            "import of them",
            lambda: sum(each.file.rows for each in importing.bring_in(client, out, who="b", gate=gate)),
        )
        kept = f"timestamp >= toDateTime('{end - timedelta(days=39):%Y-%m-%d %H:%M:00}', 'UTC')"  # a whole minute
        sums = f"SELECT count(), sum(cost_usd) FROM spans WHERE is_call AND {kept}"
        rolled = f"SELECT sum(calls), sum(cost_usd) FROM spend_1m WHERE {kept.replace('timestamp', 'minute')}"
        print("spans", client.query(sums).result_rows, "spend_1m", client.query(rolled).result_rows)


def rows(manifest: export.Manifest) -> int:
    return sum(file.rows for file in manifest.files)


def fill(client: Any, spans: int, users: int) -> None:
    end = datetime.now(UTC)
    for first in range(0, spans, 200_000):
        client.command(
            FILL.format(
                end=f"{end:%Y-%m-%d %H:%M:%S}",
                range_ms=60 * 86_400 * 1000,
                first=first,
                rows=min(200_000, spans - first),
                users=users,
            )
        )


def timed(store: int, name: str, work: Callable[[], Any]) -> None:
    began, before = time.monotonic(), cpu_s(store)
    result = work()
    took, worked = time.monotonic() - began, cpu_s(store) - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{name:<24} {took:8.2f} s {worked:8.2f} CPU-s   {result}   (this process at most {peak} MB)", flush=True)


def cpu_s(pid: int) -> float:
    """CPU time of another process, all threads (clock_getcpuclockid of POSIX, as Linux numbers it)."""
    return time.clock_gettime((~pid << 3) | 2)


if __name__ == "__main__":
    main()
