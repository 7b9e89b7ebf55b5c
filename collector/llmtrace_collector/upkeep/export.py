"""Export to Parquet: one folder, files of bounded size, and a manifest that says what must be in them.

DIR/
  manifest.json            written last: its absence says that the export was cut short
  spans/000001.parquet     rows of one stretch of time, at most about 100,000 of one project
  span_content/...

Each file is one query over a stretch of time, halved until it is small enough, so that neither the store nor this
process ever holds more than one file's rows.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from llmtrace_collector.database import DATABASE
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import sync_folder, write_whole
from llmtrace_collector.schema.migrate import migrations
from llmtrace_collector.upkeep.selection import moment
from llmtrace_collector.upkeep.tables import KEPT, Kept
from llmtrace_collector.upkeep.text import literal

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

FORMAT = 1
MOST_ROWS = 100_000
"""Of a file, about: 300 MB of rows with long attributes."""

_SHORTEST = timedelta(seconds=1)
_WRITE = {
    "output_format_parquet_string_as_string": 1,
    "output_format_parquet_compression_method": "zstd",
    "output_format_parquet_row_group_size": 10_000,
    "max_threads": 2,
}


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of an export."""

    name: str
    """Relative to the folder."""
    table: str
    project: str
    start: str
    """ISO time of the first moment its rows may have, UTC."""
    end: str
    """The first moment after."""
    rows: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What an export has."""

    format: int = FORMAT
    schema_version: int
    exported_at: str
    """When it began, ISO, UTC: deletions after it are done again when it is imported."""
    start: str
    end: str
    columns: dict[str, list[str]]
    """Names, by table."""
    files: list[File] = field(default_factory=list)

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Reads `folder/manifest.json`.

        Raises:
            ConfigError: there is none, or it is of a newer kind.
        """
        path = folder / "manifest.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            files = [File(**each) for each in content.pop("files")]
            found = cls(files=files, **content)
        except FileNotFoundError:
            raise ConfigError(f"{path} is not there: {folder} is no export, or one that was cut short") from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"{path} cannot be read ({error}): export again") from error
        if found.format != FORMAT or found.schema_version > migrations()[-1].version:
            raise ConfigError(f"{path} was written by a newer llmtrace: import it with that one")
        return found


def export(
    client: Client, tables: Sequence[str], start: datetime, end: datetime, folder: Path, *, project: str = ""
) -> Manifest:
    """Writes the rows of `tables` from `start` to before `end` into a new folder; one project, or all ('').

    Raises:
        ConfigError: a table is none that can be exported, or the folder is not empty.
    """
    chosen = [_table(name) for name in tables]
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty: name a new folder for the export")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    now = datetime.now(UTC).isoformat()
    columns = {table.name: _columns(client, table) for table in chosen}
    files = [
        file
        for table in chosen
        for number, part in enumerate(_parts(client, table, start, end, project), 1)
        if (file := _write(client, table, columns[table.name], part, folder / table.name / f"{number:06d}.parquet"))
    ]
    manifest = Manifest(
        schema_version=migrations()[-1].version,
        exported_at=now,
        start=start.isoformat(),
        end=end.isoformat(),
        columns=columns,
        files=files,
    )
    write_whole(folder / "manifest.json", json.dumps(asdict(manifest), indent=1).encode())
    return manifest


@dataclass(frozen=True, kw_only=True)
class _Part:
    project: str
    start: datetime
    end: datetime
    rows: int


def _table(name: str) -> Kept:
    found = next((table for table in KEPT if table.name == name), None)
    if found is None:
        names = ", ".join(table.name for table in KEPT)
        raise ConfigError(
            f'"{name}" is no table that is exported; these are: {names} (rollups are made again from spans)'
        )
    return found


def _columns(client: Client, table: Kept) -> list[str]:
    sql = (
        "SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String}"
        " AND default_kind NOT IN ('ALIAS', 'MATERIALIZED', 'EPHEMERAL') ORDER BY position"
    )
    return [row[0] for row in client.query(sql, parameters={"database": DATABASE, "table": table.name}).result_rows]


def _parts(client: Client, table: Kept, start: datetime, end: datetime, project: str) -> Iterator[_Part]:
    """Stretches of time of one project each, in order, with few enough rows."""
    of = f" AND project = {literal(project)}" if project else ""
    sql = (
        f"SELECT project, toMonday({table.time}) AS week, min({table.time}), max({table.time}), count()"
        f" FROM {table.name} WHERE {_within(table, start, end)}{of} GROUP BY project, week ORDER BY project, week"
    )
    for name, _, first, last, rows in client.query(sql).result_rows:
        after = last.replace(tzinfo=UTC) + timedelta(microseconds=1)
        yield from _halved(client, table, _Part(project=name, start=first.replace(tzinfo=UTC), end=after, rows=rows))


def _halved(client: Client, table: Kept, part: _Part) -> Iterator[_Part]:
    if part.rows <= MOST_ROWS or part.end - part.start <= _SHORTEST:
        if part.rows:
            yield part
        return
    middle = part.start + (part.end - part.start) / 2
    for start, end in ((part.start, middle), (middle, part.end)):
        sql = (
            f"SELECT count() FROM {table.name} WHERE project = {literal(part.project)} AND {_within(table, start, end)}"
        )
        rows = int(client.query(sql).result_rows[0][0])
        yield from _halved(client, table, _Part(project=part.project, start=start, end=end, rows=rows))


def _write(client: Client, table: Kept, columns: Sequence[str], part: _Part, path: Path) -> File | None:
    path.parent.mkdir(exist_ok=True, mode=0o700)
    where = f"project = {literal(part.project)} AND {_within(table, part.start, part.end)}"
    names = ", ".join(f"`{column}`" for column in columns)
    sql = f"SELECT {names} FROM {table.name} WHERE {where} ORDER BY {table.time}"
    digest = hashlib.sha256()
    with client.raw_stream(sql, fmt="Parquet", settings=_WRITE) as stream, path.open("wb") as out:
        while piece := stream.read(1 << 20):
            digest.update(piece)
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    sync_folder(path.parent)
    rows = rows_in(path)
    if not rows:
        path.unlink()
        return None
    return File(
        name=f"{path.parent.name}/{path.name}",
        table=table.name,
        project=part.project,
        start=part.start.isoformat(),
        end=part.end.isoformat(),
        rows=rows,
        size_bytes=path.stat().st_size,
        sha256=digest.hexdigest(),
    )


def rows_in(path: Path) -> int:
    """How many rows a Parquet file says it has."""
    from pyarrow.parquet import read_metadata

    return int(read_metadata(path).num_rows)  # type: ignore[no-untyped-call]


def _within(table: Kept, start: datetime, end: datetime) -> str:
    return f"{table.time} >= {moment(start)} AND {table.time} < {moment(end)}"
