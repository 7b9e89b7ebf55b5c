"""Import of an export: each file exactly once, projects kept, rollups made by the same views as ever.

    cost_adjustments, rows alone -> spans -> everything else -> what the costs of the first change in the rollups

Costs that were found out later come before the spans, so that nobody prices these meanwhile, and go into the rollups
after them, because names of users are looked up there.

A file is one insert under a token made of its SHA-256, so a repeated or interrupted import changes nothing while the
tables remember the token; the table `imports` remembers the file for good: noted before with 0 rows, and after. Rows
that were deleted after the export began are deleted again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llmtrace_collector.errors import CollectorError, ConfigError
from llmtrace_collector.gate import Gate
from llmtrace_collector.pricing.batches import add_up
from llmtrace_collector.upkeep import deletion, orders
from llmtrace_collector.upkeep.export import File, Manifest
from llmtrace_collector.upkeep.selection import moment
from llmtrace_collector.upkeep.tables import KEPT
from llmtrace_collector.upkeep.text import literal

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_SETTINGS = {
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    # One file is one block, and one token.
    "max_insert_block_size": 1_048_576,
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 0,
    "input_format_parquet_max_block_size": 1_048_576,
    "input_format_parquet_prefer_block_bytes": 1 << 30,
    "input_format_parallel_parsing": 0,
    "max_insert_threads": 1,
}

_COSTS = "cost_adjustments"

_IN_ORDER = [_COSTS, *(table.name for table in reversed(KEPT) if table.name != _COSTS)]
"""Spans before all that belongs to them: so an import that is cut short never has bodies without their spans."""


class DamagedExportError(CollectorError):
    """A file is not what the manifest says."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of one file."""

    file: File
    taken: bool
    """False: it was imported before."""


def check(folder: Path) -> Manifest:
    """The manifest of a folder whose files are all there and whole.

    Raises:
        ConfigError: it is no export.
        DamagedExportError: a file is missing or has other bytes.
    """
    manifest = Manifest.load(folder)
    known = {table.name for table in KEPT}
    for file in manifest.files:
        path = folder / file.name
        if file.table not in known or path.resolve().parent.parent != folder.resolve():
            raise ConfigError(f"{folder}/manifest.json names {file.name}, which is none of an export's files")
        if not path.is_file() or _digest(path) != file.sha256:
            raise DamagedExportError(f"{path} is not the file that was exported: copy it again, or export again")
    return manifest


def bring_in(
    client: Client,
    folder: Path,
    *,
    who: str,
    gate: Gate | None,
    overlap: bool = False,
    shards: Sequence[Client] = (),
) -> Iterator[Imported]:
    """Imports what was not imported before, and tells of each file; `shards` are those of a cluster.

    Raises:
        ConfigError: rows of the same project and time are there already, and `overlap` is not given.
    """
    manifest = check(folder)
    files = sorted(manifest.files, key=lambda file: (_IN_ORDER.index(file.table), file.name))
    costs: list[File] = []
    for file in files:
        begun = _noted(client, file)
        if begun:
            yield Imported(file=file, taken=False)
            continue
        if begun is None and not overlap:
            _must_be_free(client, file)
        _note(client, file, who, rows=0)
        with gate.passing() if gate else nullcontext():
            _insert(client, folder, manifest, file)
        if file.table == _COSTS:
            costs.append(file)
            continue
        _note(client, file, who, rows=file.rows)
        yield Imported(file=file, taken=True)
    for file in costs:
        with gate.passing() if gate else nullcontext():
            for shard in shards or (client,):
                add_up(shard, _rows_of(folder, file), f"import:{file.sha256}")
        _note(client, file, who, rows=file.rows)
        yield Imported(file=file, taken=True)
    for shard in shards or (client,):
        _delete_again(shard, datetime.fromisoformat(manifest.exported_at), gate)


def _rows_of(folder: Path, file: File) -> str:
    """SQL for the rows of `cost_adjustments` that are of this file."""
    from pyarrow.parquet import read_table

    told = read_table(folder / file.name, columns=["batch"])  # type: ignore[no-untyped-call]
    batches = ", ".join(literal(name) for name in sorted(set(told.column("batch").to_pylist())))
    start, end = moment(datetime.fromisoformat(file.start)), moment(datetime.fromisoformat(file.end))
    return f"project = {literal(file.project)} AND timestamp >= {start} AND timestamp < {end} AND batch IN ({batches})"


def _insert(client: Client, folder: Path, manifest: Manifest, file: File) -> None:
    client.raw_insert(
        file.table,
        column_names=[f"`{name}`" for name in manifest.columns[file.table]],
        insert_block=(folder / file.name).read_bytes(),
        fmt="Parquet",
        settings={**_SETTINGS, "insert_deduplication_token": f"import:{file.sha256}"},
    )


def _noted(client: Client, file: File) -> int | None:
    """How many rows of this file were imported; 0: begun and not known to have ended; None: never seen."""
    sql = f"SELECT max(rows), count() FROM imports WHERE sha256 = {literal(file.sha256)}"
    rows, times = client.query(f"{sql} AND table_name = {literal(file.table)}").result_rows[0]
    return int(rows) if times else None


def _note(client: Client, file: File, who: str, *, rows: int) -> None:
    client.command(
        f"INSERT INTO imports SELECT now64(3), {literal(file.sha256)}, {literal(file.table)}, {literal(file.name)},"
        f" {rows}, {literal(who)}"
    )


def _must_be_free(client: Client, file: File) -> None:
    """Refuses to add rows to rows: those of an export and its source would be there twice."""
    time = next(table.time for table in KEPT if table.name == file.table)
    start, end = moment(datetime.fromisoformat(file.start)), moment(datetime.fromisoformat(file.end))
    rows = int(
        client.query(
            f"SELECT count() FROM {file.table} WHERE project = {literal(file.project)}"
            f" AND {time} >= {start} AND {time} < {end}"
        ).result_rows[0][0]
    )
    if rows:
        raise ConfigError(
            f"{file.table} has {rows:,} rows of project {file.project} between {file.start} and {file.end}: importing"
            f" {file.name} could double them; give --overlap if they are others"
        )


def _delete_again(client: Client, since: datetime, gate: Gate | None) -> None:
    for each in orders.logged(client):
        if each.deletion.selection.requested_at >= since:
            order = replace(deletion.within(each.deletion, client), hours=frozenset())
            deletion.carry_out(client, order, gate=gate, collector="import")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
