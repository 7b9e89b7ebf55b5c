"""Export to Parquet and back: the same rows, once, in the same projects, with the rollups they make."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from llmtrace_collector.errors import StoreDownError
from llmtrace_collector.gate import Gate
from llmtrace_collector.pricing import book
from llmtrace_collector.pricing.batches import Batches, Change
from llmtrace_collector.schema.migrate import migrate
from llmtrace_collector.signals import Signal
from llmtrace_collector.upkeep import export, importing
from llmtrace_collector.upkeep.tables import ROLLUPS
from support.command import llmtrace
from support.landing import land
from support.otlp import CALL, request, span
from support.services import CLUSTER, Stack, stack_at

pytestmark = pytest.mark.processes

PROJECTS = ("parquet", "par'quet")


def fill(stack: Stack, project: str, spans: int) -> None:
    hour = 3600 * 10**9
    made = [
        span(
            {
                **CALL,
                "user.id": f"u{n % 7}",
                "gen_ai.input.messages": '[{"role":"user"}]',
                "odd": ["ö", 1.5, True],
                "n": n,
            },
            start_time_unix_nano=time.time_ns() - n * hour,
            events=[],
        )
        for n in range(spans)
    ]
    land(stack, Signal.TRACES, request(*made), project=project)


def fingerprint(stack: Stack, table: str, project: str) -> Any:
    """Every row of a project, whatever its order."""
    rows = f"SELECT * FROM {table}{' FINAL' if table in {r.name for r in ROLLUPS} else ''} WHERE project = {{p:String}}"
    sql = f"SELECT count(), sum(cityHash64(toString(tuple(*)))) FROM ({rows})"
    return stack.owner().query(sql, parameters={"p": project}).result_rows[0]


@pytest.fixture
def other(tmp_path: Path) -> Any:
    """Another, empty store."""
    with stack_at(tmp_path) as stack:
        stack.store()
        client = stack.owner()
        client.database = "system"
        migrate(client, cluster=CLUSTER)
        yield stack


def test_there_and_back_every_row_is_the_same_and_a_second_import_changes_nothing(
    stack: Stack, other: Stack, tmp_path: Path
) -> None:
    for project in PROJECTS:
        fill(stack, project, 300)
    folder = tmp_path / "export"
    code, said = llmtrace(stack, "data", "export", str(folder), "--project", PROJECTS[0])
    assert code == 0, said
    assert "spans                         300 rows in " in said
    code, said = llmtrace(stack, "data", "export", str(tmp_path / "export2"), "--project", PROJECTS[1])
    assert code == 0, said
    manifest = json.loads((folder / "manifest.json").read_text())
    for file in manifest["files"]:
        assert pyarrow.parquet.ParquetFile(folder / file["name"]).metadata.num_rows == file["rows"]
    for _ in range(2):
        for each in ("export", "export2"):
            assert llmtrace(other, "data", "import", str(tmp_path / each))[0] == 0
        for project in PROJECTS:
            for table in ("spans", "span_content", *(rollup.name for rollup in ROLLUPS)):
                assert fingerprint(other, table, project) == fingerprint(stack, table, project), table


class Cut:
    """A client that dies right after its nth insert of a file."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def raw_insert(self, *args: Any, **named: Any) -> None:
        self._client.raw_insert(*args, **named)
        raise StoreDownError("killed")


def test_an_import_that_dies_after_each_file_is_stored_takes_every_file_once(
    stack: Stack, other: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(stack, "small files", 60)
    monkeypatch.setattr(export, "MOST_ROWS", 20)
    now, week = time.time(), 7 * 86_400
    start, end = (export.datetime.fromtimestamp(at, export.UTC) for at in (now - week, now + week))
    manifest = export.export(stack.owner(), ["spans"], start, end, tmp_path / "e", project="small files")
    assert len(manifest.files) > 3
    assert max(file.rows for file in manifest.files) <= 20
    for _ in manifest.files:
        with pytest.raises(StoreDownError):
            list(importing.bring_in(Cut(other.owner()), tmp_path / "e", who="", gate=None, shards=[other.shard()]))  # type: ignore[arg-type]
        finished = importing.bring_in(
            other.owner(), tmp_path / "e", who="", gate=Gate(tmp_path), shards=[other.shard()]
        )
        assert next(each for each in finished if each.taken).file in manifest.files
    assert all(
        not each.taken
        for each in importing.bring_in(other.owner(), tmp_path / "e", who="", gate=None, shards=[other.shard()])
    )
    assert other.reader().query("SELECT count(), uniqExact(span_id) FROM spans").first_row == (60, 60)
    assert other.reader().command("SELECT sum(calls) FROM spend_1m") == 60


def test_costs_found_out_later_come_along_and_make_the_same_sums_however_the_import_is_cut_short(
    other: Stack, tmp_path: Path
) -> None:
    with stack_at(tmp_path / "source") as source:
        source.folder.mkdir()
        source.store()
        client = source.owner()
        client.database = "system"
        migrate(client, cluster=CLUSTER)
        hour = export.datetime.now(export.UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
        names = ["project", "timestamp", "trace_id", "span_id", "is_call", "operation", "provider", "model"]
        names += ["response_model", "user_id", "input_tokens", "output_tokens"]
        models = ("gpt-4o-2024-08-06", "o3-2025-04-16", "no-such-model")
        for project in ("p", "q"):
            rows = [
                [project, hour + timedelta(minutes=n), f"{n // 2:032x}", f"{n:016x}", True, "chat", "openai", model]
                for n, model in enumerate(models * 10)
            ]
            rows = [[*row, row[-1], f"u{n % 4}", 1000 * n, 10] for n, row in enumerate(rows)]
            client.insert("spans", rows, column_names=names)
        batches = Batches(source.shard(), book.load(None))
        assert batches.price(hour, Change(reason="first", who="tests")).spans == 40
        start, end = hour - timedelta(days=1), hour + timedelta(days=1)
        manifest = export.export(client, ["spans", "cost_adjustments"], start, end, tmp_path / "e")
        assert len(manifest.files) == 4
        for _ in manifest.files:
            with pytest.raises(StoreDownError):
                list(importing.bring_in(Cut(other.owner()), tmp_path / "e", who="", gate=None, shards=[other.shard()]))  # type: ignore[arg-type]
        for _ in range(2):
            list(importing.bring_in(other.owner(), tmp_path / "e", who="", gate=None, shards=[other.shard()]))
        for table in ("spans", "cost_adjustments", "costs", *(rollup.name for rollup in ROLLUPS)):
            for project in ("p", "q"):
                assert fingerprint(other, table, project) == fingerprint(source, table, project), table
        assert other.reader().command("SELECT sum(unpriced) FROM span_1h") == 20
        assert Batches(other.shard(), book.load(None)).price(hour, Change(reason="first", who="tests")).spans == 0


def test_what_was_deleted_after_the_export_is_deleted_again_after_its_import(stack: Stack, tmp_path: Path) -> None:
    fill(stack, "revenant", 14)
    assert llmtrace(stack, "data", "export", str(tmp_path / "e"), "--project", "revenant")[0] == 0
    assert llmtrace(stack, "data", "delete", "--user", "u3", "--project", "revenant")[0] == 0
    code, said = llmtrace(stack, "data", "import", str(tmp_path / "e"))
    assert code == 2
    assert "could double them; give --overlap if they are others" in said
    assert llmtrace(stack, "data", "import", str(tmp_path / "e"), "--overlap")[0] == 0
    left = "SELECT count() FROM spans WHERE project = 'revenant' AND user_id = 'u3'"
    assert stack.reader().command(left) == 0


def test_a_damaged_file_or_folder_is_refused_before_anything_is_imported(stack: Stack, tmp_path: Path) -> None:
    fill(stack, "damaged", 3)
    folder = tmp_path / "e"
    assert llmtrace(stack, "data", "export", str(folder), "--project", "damaged")[0] == 0
    assert "is not empty" in llmtrace(stack, "data", "export", str(folder))[1]
    file = next(folder.glob("spans/*.parquet"))
    file.write_bytes(file.read_bytes()[:-1])
    code, said = llmtrace(stack, "data", "import", str(folder), "--overlap")
    assert (code, said.count("\n")) == (1, 1)
    assert "is not the file that was exported" in said
    (folder / "manifest.json").unlink()
    assert "no export, or one that was cut short" in llmtrace(stack, "data", "import", str(folder))[1]
    assert (
        '"sans" is no table that is exported'
        in llmtrace(stack, "data", "export", str(tmp_path / "f"), "--table", "sans")[1]
    )
