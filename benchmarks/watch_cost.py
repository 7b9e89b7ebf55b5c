"""What an evaluation costs: a thousand rules by a hundred groups, and the same rules on ten times the traffic.

    python -m benchmarks.watch_cost [--rules 1000] [--groups 100] [--ticks 5] [--seed 7]

Threshold, spend, objective and budget rules over a few windows, groupings and filters; calls of two hours in the
embedded engine of this process. Queries are counted where they are made. CPU time is of the whole process: engine,
client and rules together; what is spent on rules alone is timed apart, on the readings of the last tick.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import clickhouse_connect

from llmtrace_collector.schema.migrate import migrate
from llmtrace_collector.watch import Watch, load

NOW = datetime.now(UTC).replace(microsecond=0)
MEASURES = ("error_rate", "latency_p95", "calls", "refusal_rate", "cost_per_call", "output_tokens_per_call")
WINDOWS = ("5m", "15m", "1h")


def rules(count: int, groups: int, dice: random.Random) -> Iterator[str]:
    """So many rules that hardly ever fire."""
    for n in range(count):
        model = f"model-{dice.randrange(groups)}"
        where = f", where: {{model: {model}}}" if n % 3 == 0 else ""
        head = f"  - {{name: r{n}, "
        if n % 10 == 0:
            yield f"{head}kind: spend, group_by: [model], window: {dice.choice(WINDOWS)}, limit_usd: 1000000}}"
        elif n % 10 == 1:
            yield f"{head}kind: objective, measure: error_rate, target: 50%, group_by: [model]}}"
        elif n % 10 == 2:
            yield f"{head}kind: spend, period: day, group_by: [model], limit_usd: 1000000}}"
        else:
            measure, window = dice.choice(MEASURES), dice.choice(WINDOWS)
            what = f"measure: {measure}, window: {window}, above: 900000"
            yield f"{head}kind: threshold, {what}, group_by: [model]{where}}}"


def fill(client: Any, groups: int, calls: int) -> None:
    """Calls of the last two hours, evenly over groups and time."""
    client.command(
        "INSERT INTO spans (project, timestamp, trace_id, span_id, name, is_call, model, duration_ns, status_code,"
        " sampling_weight, cost_usd, output_tokens, output_refused)"
        f" SELECT 'default', toDateTime64('{NOW:%Y-%m-%d %H:%M:%S}', 9, 'UTC') -"
        " toIntervalMillisecond(rand64(1) % 7200000),"
        " lower(hex(MD5(toString(number)))), lower(hex(reinterpretAsFixedString(number))), 'chat', 1,"
        f" concat('model-', toString(rand(2) % {groups})), rand(3) % 5000000000, if(rand(4) % 100 = 0, 'ERROR', 'OK'),"
        " 1, toDecimal128(rand(5) % 1000 / 1000000, 12), rand(6) % 900, rand(7) % 50 = 0"
        f" FROM numbers({calls}) SETTINGS max_partitions_per_insert_block = 0"
    )


def measure(watch: Watch, client: Any, ticks: int) -> tuple[int, float, float, int]:
    """Queries, CPU-ms and wall-ms of a tick (medians, the first left out), and transitions."""
    asked = 0
    query = client.query

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal asked
        asked += 1
        return query(*args, **kwargs)

    client.query = counted
    found, moved = [], 0
    try:
        for _ in range(ticks + 1):
            before = asked, time.process_time(), time.perf_counter()
            moved += round_of(watch)
            found.append((asked - before[0], time.process_time() - before[1], time.perf_counter() - before[2]))
    finally:
        client.query = query
    queries, cpu, wall = zip(*found[1:], strict=True)
    return max(queries), statistics.median(cpu) * 1e3, statistics.median(wall) * 1e3, moved


def round_of(watch: Watch) -> int:
    """What the loop of a watch does: where others may stand by, with the copy for them."""
    watch.stand_by_once()
    moved = watch.evaluate_once()
    watch.copy_once()
    return moved


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--ticks", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--alone", action="store_true", help="as if there could be no other collector on the store")
    given = parser.parse_args()
    dice = random.Random(given.seed)
    heads = (
        "rules",
        "groups",
        "calls",
        "queries a tick",
        "CPU-ms",
        "wall ms",
        "CPU-us a rule and group",
        "transitions",
    )
    print(f"| {' | '.join(heads)} |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        client = clickhouse_connect.get_client(interface="chdb", path=folder)
        migrate(client)
        file = Path(folder) / "rules.yaml"
        calls = 0
        for more in (100_000, 900_000):
            fill(client, given.groups, more)
            calls += more
            for count in (10, given.rules):
                file.write_text("rules:\n" + "\n".join(rules(count, given.groups, dice)) + "\n", encoding="utf-8")
                watch = Watch(
                    rules=load(file),
                    connect=lambda: client,
                    state_path=Path(folder) / f"watch-{calls}-{count}.db",
                    dashboard_url="http://localhost:8501",
                    clock=lambda: NOW + timedelta(seconds=1),
                    standby="" if given.alone else "benchmark",
                    lease_s=3600,
                )
                watch.keep_lease()
                queries, cpu, wall, moved = measure(watch, client, given.ticks)
                share = cpu * 1e3 / count / given.groups
                row = (count, given.groups, f"{calls:,}", queries, f"{cpu:,.0f}", f"{wall:,.0f}", f"{share:.1f}", moved)
                print(f"| {' | '.join(str(cell) for cell in row)} |", flush=True)
                watch.stop()
        client.close()


if __name__ == "__main__":
    main()
