"""How much of everything it takes to store so many spans a second, from what one span was measured to cost.

    python -m benchmarks.capacity [--fixed-s 0.6] [--span-us 105] [--check]

`--check` runs the model of one collector's way (`pipeline.py`) against measured points and prints both. All costs may
be given anew as options: those of another machine, other spans, another cloud. Prices are assumptions.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from benchmarks.pipeline import Costs, Found, Rules, most_spans_a_second, simulate

DEDUP_WINDOW = 10_000
"""Tokens each table remembers (`schema/otlp.py`); an insert of new spans takes one, two at the turn of a week."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """What is known of one span and one machine; docs/scale.md says where each figure is from."""

    wire_bytes: float = 3_100
    """Of a span in a request."""
    door_us: float = 21
    """CPU of the collector to accept a span, 100 in a request."""
    store_us: float = 15
    """CPU of the collector to have a span inserted."""
    fixed_s: float = 0.6
    """CPU of an insert, whatever its size."""
    span_us: float = 105
    """CPU of the store for each span of it."""
    merge_us: float = 50
    """CPU of later merges for a span."""
    stored_bytes: float = 1_313
    """On disk for a span with its text, all tables, one replica."""
    lean_bytes: float = 113
    """The same for a span without text."""
    segment_spans: float = 10_400
    cores: int = 32
    """Of a shard."""
    use: float = 0.6
    """Part of a machine that may be busy on average."""
    days_hot: float = 7
    days_kept: float = 30
    replicas: int = 2
    core_month: float = 30.0
    """Dollars; assumed."""
    disk_gb_month: float = 0.08
    object_gb_month: float = 0.023
    network_gb: float = 0.01
    """Between zones, each way it is sent once."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a rate takes."""

    rate: float
    writers: int
    """Collectors, because each has one writer."""
    door_cores: float
    inserts_a_second: float
    store_cores: float
    shards: int
    network_gbit: float
    """Into the collectors; as much again goes on to the store."""
    disk_tb: float
    object_tb: float
    remembered_s: float
    """How far back a shard remembers the tokens of inserts."""
    dollars_month: float


def needs(rate: float, model: Model) -> Needs:
    """By arithmetic alone; segments fill up as the rate of each writer grows."""
    costs = Costs(insert_cpu_s=model.fixed_s, span_cpu_s=model.span_us * 1e-6)
    rules = Rules(segment_spans=int(model.segment_spans))
    most = most_spans_a_second(costs, rules) * model.use
    writers = math.ceil(rate / most)
    each = rate / writers
    per_insert = min(model.segment_spans, max(each, each * model.fixed_s / max(0.05, 1 - each * model.span_us * 1e-6)))
    inserts = rate / max(1.0, per_insert)
    inserting = inserts * model.fixed_s + rate * model.span_us * 1e-6
    merging = rate * model.merge_us * 1e-6
    store_cores = (inserting + merging * model.replicas) / model.use
    shards = max(1, math.ceil(store_cores / model.replicas / model.cores)) if rate > most else 1
    replicas = model.replicas if rate > most else 1
    door_cores = rate * (model.door_us + model.store_us) * 1e-6 / model.use
    a_day_gb = rate * 86_400 / 1e9 * model.stored_bytes
    disk_tb = a_day_gb * min(model.days_hot, model.days_kept) * replicas / 1e3
    object_tb = a_day_gb * max(0.0, model.days_kept - model.days_hot) / 1e3
    moved_gb = rate * model.wire_bytes / 1e9 * 86_400 * 30 + a_day_gb * 30 * (replicas - 1)
    dollars = (
        (door_cores + store_cores) * model.core_month
        + disk_tb * 1e3 * model.disk_gb_month
        + object_tb * 1e3 * model.object_gb_month
        + (moved_gb * model.network_gb if replicas > 1 else 0.0)
    )
    return Needs(
        rate=rate,
        writers=writers,
        door_cores=door_cores,
        inserts_a_second=inserts,
        store_cores=store_cores,
        shards=shards,
        network_gbit=rate * model.wire_bytes * 8 / 1e9,
        disk_tb=disk_tb,
        object_tb=object_tb,
        remembered_s=DEDUP_WINDOW / (inserts / shards),
        dollars_month=dollars,
    )


@dataclass(frozen=True, kw_only=True)
class Point:
    """One measured load of `benchmarks.ingest.freshness`."""

    rate: float
    p50_s: float
    """From the acknowledgement to the query."""
    p99_s: float


MEASURED = (
    Point(rate=1, p50_s=12.8, p99_s=27.3),
    Point(rate=10, p50_s=7.1, p99_s=11.8),
    Point(rate=10, p50_s=11.5, p99_s=16.9),
    Point(rate=200, p50_s=5.3, p99_s=7.5),
    Point(rate=200, p50_s=12.5, p99_s=18.5),
    Point(rate=1000, p50_s=28.6, p99_s=34.8),
)
"""On two cores with a load of 20 to 25 from other work."""


def check(points: Sequence[Point], model: Model) -> None:
    """The model beside what was measured: the speed is fitted to the median, and the 99th percentile is the test."""
    print("| spans/s | p50 s, measured | speed that gives it | p99 s, model | p99 s, measured |\n|---|---|---|---|---|")
    for point in points:
        speed, found = fitted(point, model)
        print(f"| {point.rate:g} | {point.p50_s:.1f} | {speed:.2f} | {found.p99_s:.1f} | {point.p99_s:.1f} |")


def fitted(point: Point, model: Model) -> tuple[float, Found]:
    """The speed at which the model has the measured median, and what else it has then."""
    slow, fast = 0.01, 2.0
    for _ in range(20):
        speed = math.sqrt(slow * fast)
        costs = Costs(insert_cpu_s=model.fixed_s, span_cpu_s=model.span_us * 1e-6, speed=speed)
        found = simulate(point.rate, costs, seconds=60)
        slow, fast = (speed, fast) if found.p50_s > point.p50_s else (slow, speed)
    return speed, found


def main() -> None:
    """Prints the table of decades."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for each in fields(Model):
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=type(each.default), default=each.default)
    parser.add_argument("--check", action="store_true")
    given = vars(parser.parse_args())
    checking = given.pop("check")
    model = Model(**given)
    if checking:
        check(MEASURED, model)
        return
    print(
        "| spans/s | collectors | their cores | inserts/s | store cores, all replicas | shards | Gbit/s in |"
        " SSD TB | object TB | tokens reach back s | dollars a month |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for decade in range(2, 7):
        found = needs(10.0**decade, model)
        print(
            f"| {found.rate:,.0f} | {found.writers} | {found.door_cores:.1f} | {found.inserts_a_second:.1f} |"
            f" {found.store_cores:.1f} | {found.shards} | {found.network_gbit:.2f} | {found.disk_tb:,.1f} |"
            f" {found.object_tb:,.1f} | {found.remembered_s:,.0f} | {found.dollars_month:,.0f} |"
        )


if __name__ == "__main__":
    main()
