"""`llmtrace data export` and `import`: Parquet files."""

from __future__ import annotations

import argparse
import importlib.util
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmtrace_collector.commands.terminal import say, time_of
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.gate import Gate
from llmtrace_collector.upkeep import export, importing, reach


def add_to(actions: Any) -> None:
    """Adds the actions to those of `llmtrace data`."""
    out = actions.add_parser("export", help="write rows to Parquet files")
    out.add_argument("folder", metavar="DIR", type=Path, help="a new folder")
    out.add_argument("--table", action="append", metavar="TABLE", help="may be repeated (default: spans, span_content)")
    out.add_argument("--from", dest="start", metavar="TIME", default="1970-01-02", help="from this time on (UTC)")
    out.add_argument("--to", dest="end", metavar="TIME", help="before this time (default: now)")
    out.add_argument("--project", default="", help="of this project alone")
    back = actions.add_parser("import", help="bring exported rows in, each file once")
    back.add_argument("folder", metavar="DIR", type=Path, help="what `export` wrote")
    back.add_argument("--overlap", action="store_true", help="also where rows of the same project and time are there")
    for each, run in ((out, _export), (back, _import)):
        reach.add_to(each)
        each.set_defaults(run=run)


def _export(given: argparse.Namespace) -> int:
    if importlib.util.find_spec("pyarrow") is None:
        raise ConfigError('the export needs pyarrow: pip install "llmtrace-otel[parquet]"')
    start = time_of(given.start, "--from")
    end = time_of(given.end, "--to") if given.end else datetime.now(UTC)
    tables = given.table or ["spans", "span_content"]
    with reach.reach(given).session() as client:
        manifest = export.export(client, tables, start, end, given.folder, project=given.project)
    for table in tables:
        files = [file for file in manifest.files if file.table == table]
        rows, size = sum(file.rows for file in files), sum(file.size_bytes for file in files)
        say(f"{table:<20} {rows:>12,} rows in {len(files)} files, {size:,} bytes")
    return 0


def _import(given: argparse.Namespace) -> int:
    where = reach.reach(given)
    gate = Gate(where.folder.path) if where.folder else None
    with where.session() as client:
        shards = where.shards(client)
        for each in importing.bring_in(
            client, given.folder, who=reach.whoever(), gate=gate, overlap=given.overlap, shards=shards
        ):
            what = f"{each.file.rows:>12,} rows" if each.taken else "was imported before"
            say(f"{each.file.name:<40} {what}")
    return 0
