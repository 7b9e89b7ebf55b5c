"""Fills a store with generated spans, by INSERT SELECT inside the engine; the same for the same seed.

    python benchmarks/store/generate.py --data FOLDER --spans 10_000_000 [--share 0.1] [--seconds 900]

The rows go through the views that real ones go through behind `otlp_spans`, so rollups and indexes are filled as well.
It goes on where it was stopped: each piece has a deduplication token, and the pieces that are done are noted. It stops
by itself after `--seconds`, or when the disk has less than `--reserve-gb` left.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from llmtrace_collector.database import Address, connect
from llmtrace_collector.schema.migrate import migrate
from llmtrace_collector.store.users import OWNER
from support.services import Stack

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

PIECE = 250_000
DAYS = 30
SENTENCES = 4096
HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What to generate."""

    spans: int
    share: float
    """Of calls with captured messages, 2 to 4 KB each."""
    seed: int = 7


@contextmanager
def store_at(folder: Path, *, up_to_date: bool = True) -> Iterator[tuple[Client, int]]:
    """The owner's client of a store process on `folder`, and the process's id."""
    stack = Stack.at(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        process = stack.store()
        key = (stack.data / "store.key").read_text()
        address = Address(host="127.0.0.1", port=stack.store_port, username=OWNER, password=key)
        client = connect(address, timeout_s=900)
        if up_to_date:
            migrate(client)
        yield client, process.popen.pid
    finally:
        stack.clean_up()


def fill(client: Client, shape: Shape, *, folder: Path, seconds: float, reserve_gb: float) -> int:
    """Inserts pieces until all are there or a bound is met; how many spans there are."""
    prepare(client, shape)
    anchor_ns = int(client.command("SELECT anchor_ns FROM generation LIMIT 1"))
    done = {row[0] for row in client.query("SELECT piece FROM generation_pieces").result_rows}
    began = time.monotonic()
    for piece in range(-(-shape.spans // PIECE)):
        if piece in done:
            continue
        if time.monotonic() - began > seconds or shutil.disk_usage(folder).free < reserve_gb * 1e9:
            break
        first = piece * PIECE
        parameters = {
            "seed": shape.seed,
            "share": shape.share,
            "total": shape.spans,
            "days": DAYS,
            "anchor_ns": anchor_ns,
            "first": first,
            "end": min(first + PIECE, shape.spans),
        }
        token = {"insert_deduplication_token": f"generated-{shape.seed}-{piece}"}
        client.command(statement(), parameters=parameters, settings=SETTINGS | token)
        client.command(f"INSERT INTO generation_pieces VALUES ({piece})")
        print(f"{min(first + PIECE, shape.spans):>12,} spans, {time.monotonic() - began:6.0f} s", flush=True)
    return int(client.command("SELECT count() FROM spans"))


SETTINGS = {
    # One piece is one block, as one segment of the log is.
    "max_block_size": PIECE,
    "max_insert_block_size": PIECE,
    "min_insert_block_size_rows": PIECE,
    "min_insert_block_size_bytes": 0,
    "max_threads": 1,
    "max_insert_threads": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "max_execution_time": 0,
}


def prepare(client: Client, shape: Shape) -> None:
    """The tables of the generation itself, once."""
    if client.command("EXISTS TABLE generation"):
        told = client.query("SELECT seed, spans, share FROM generation LIMIT 1").result_rows[0]
        if told != (shape.seed, shape.spans, shape.share):
            sys.exit(f"this folder has another generation, {told}: name an empty one with --data")
        return
    client.command("CREATE TABLE IF NOT EXISTS generation_pieces (piece UInt32) ENGINE = MergeTree ORDER BY piece")
    client.command("CREATE TABLE IF NOT EXISTS sentences (n UInt32, text String) ENGINE = MergeTree ORDER BY n")
    client.insert("sentences", list(enumerate(sentences(shape.seed))), column_names=["n", "text"])
    client.command("CREATE TABLE IF NOT EXISTS generated AS spans ENGINE = Null")
    for name in ("input_messages", "output_messages"):
        client.command(f"ALTER TABLE generated ADD COLUMN IF NOT EXISTS {name} String")
    into_spans, into_content = (
        "* EXCEPT (input_messages, output_messages)",
        ("project, timestamp, trace_id, span_id, input_messages, output_messages"),
    )
    client.command(
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS generated_spans TO spans AS SELECT {into_spans} FROM generated"
    )
    client.command(
        "CREATE MATERIALIZED VIEW IF NOT EXISTS generated_content TO span_content AS"
        f" SELECT {into_content} FROM generated WHERE input_messages != ''"
    )
    client.command(
        "CREATE TABLE IF NOT EXISTS generation (seed UInt64, spans UInt64, share Float64, anchor_ns Int64)"
        " ENGINE = MergeTree ORDER BY seed"
    )
    anchor_ns = time.time_ns() // HOUR_NS * HOUR_NS
    client.insert("generation", [[shape.seed, shape.spans, shape.share, anchor_ns]])


def statement() -> str:
    """The INSERT of `spans.sql` with its uniforms and texts written out."""
    sql = (Path(__file__).parent / "spans.sql").read_text()
    of_row = [
        f"bitShiftRight(cityHash64({{seed:UInt64}}, n, {k}), 11) / 9007199254740992 AS u{k}" for k in range(1, 13)
    ]
    of_trace = [
        f"bitShiftRight(cityHash64({{seed:UInt64}}, trace, {k}), 11) / 9007199254740992 AS v{k}" for k in range(1, 8)
    ]
    dictionary = "(SELECT groupArray(text) FROM (SELECT text FROM sentences ORDER BY n))"
    sql = sql.replace("{uniforms}", ", ".join(of_row + of_trace))

    def text(found: re.Match[str]) -> str:
        """So many to four times as many sentences."""
        count = int(found[1])
        which = f"range({count * 100}, toUInt32({count * 101} + {count * 3} * u{count + 1}))"
        return (
            f"arrayStringConcat(arrayMap(i -> {dictionary}[1 + cityHash64({{seed:UInt64}}, n, i) % {SENTENCES}],"
            f" {which}), ' ')"
        )

    return re.sub(r"\{text:(\d+)\}", text, sql)


def sentences(seed: int) -> list[str]:
    """Sentences of made-up words, the common ones as common as Zipf's law has it."""
    dice = random.Random(seed)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "ol")]
    words = ["".join(dice.choices(syllables, k=dice.randint(1, 4))) for _ in range(20_000)]
    pick = lambda: words[int(len(words) ** dice.random())]  # noqa: E731
    return [" ".join(pick() for _ in range(dice.randint(8, 20))).capitalize() + "." for _ in range(SENTENCES)]


def main() -> None:
    """Generates and says what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--share", type=float, default=0.1, help="of calls with messages")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--reserve-gb", type=float, default=20)
    given = parser.parse_args()
    shape = Shape(spans=given.spans, share=given.share, seed=given.seed)
    with store_at(given.data) as (client, _):
        there = fill(client, shape, folder=given.data, seconds=given.seconds, reserve_gb=given.reserve_gb)
        print(f"{there:,} spans")
        for row in client.query(SIZES).result_rows:
            print("{:<16} {:>12,} rows {:>10,.1f} MiB".format(*row))


SIZES = """
SELECT table, sum(rows) AS stored, sum(bytes_on_disk) / 1048576
FROM system.parts WHERE active AND database = 'llmtrace' GROUP BY table ORDER BY stored DESC
"""

if __name__ == "__main__":
    main()
