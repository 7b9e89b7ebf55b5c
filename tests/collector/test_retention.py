"""How long rows are kept: by the schema, by the command, by a file; per table and per project."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.upkeep import retention
from llmtrace_collector.upkeep.tables import AGEING, APART, SPANS
from llmtrace_collector.upkeep.text import literal, split_outside_brackets
from support.command import llmtrace
from support.services import Stack, stack_at
from support.waiting import wait_for

DAY_NS = 86_400 * 10**9


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A store and a collector that was given a retention file."""
    folder = tmp_path_factory.mktemp("retention")
    (folder / "kept.yaml").write_text("span_content: 20\nprojects:\n  lab:\n    span_content: 2\n")
    with stack_at(folder) as stack:
        stack.store()
        stack.collector("--retention", str(folder / "kept.yaml"))
        stack.wait_migrated()
        yield stack


def put(client: Any, project: str, days_old: float) -> None:
    at = (time.time_ns() - int(days_old * DAY_NS)) / 1e9
    client.command(
        f"INSERT INTO spans (project, timestamp, trace_id, span_id) SELECT {literal(project)},"
        f" fromUnixTimestamp64Nano(toInt64({at:.0f} * 1000000000), 'UTC'), 't', toString({days_old})"
    )


def ages(stack: Stack, project: str) -> list[float]:
    rows = stack.reader().query(f"SELECT span_id FROM spans WHERE project = {literal(project)} ORDER BY timestamp DESC")
    return [float(row[0]) for row in rows.result_rows]


def test_every_table_of_the_schema_is_in_the_catalogue_with_the_age_its_rows_go_at(stack: Stack) -> None:
    client = stack.shard()
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    real = {row[0] for row in client.query(sql).result_rows}
    named = {table.name for table in AGEING} | APART.keys()
    assert named == real, "upkeep/tables.py must say of every table what is in it"
    wrong = [each.table for each in retention.show(client) if not each.applied]
    assert not wrong, "the days in upkeep/tables.py are not those of the schema"


def test_rows_of_each_project_go_at_their_own_age_and_the_setting_outlives_a_restart_of_the_migrations(
    own: Stack,
) -> None:
    client = own.shard()
    assert llmtrace(own, "data", "retention", "set", "spans", "60")[0] == 0
    assert "changed: spans" in llmtrace(own, "data", "retention", "set", "spans", "7", "--project", "it's lab")[1]
    assert "nothing to change" in llmtrace(own, "data", "retention", "set", "spans", "7", "--project", "it's lab")[1]
    for project in ("default", "it's lab"):
        for days in (1, 10, 50, 70):
            put(client, project, days)
    client.command("OPTIMIZE TABLE spans FINAL")
    wait_for(lambda: ages(own, "default") == [1, 10, 50] and ages(own, "it's lab") == [1])
    shown = llmtrace(own, "data", "retention", "show")[1]
    assert "spans                60 days, it's lab: 7\n" in shown
    assert llmtrace(own, "data", "retention", "set", "spans", "0", "--project", "it's lab")[0] == 0
    put(client, "it's lab", 50)
    client.command("OPTIMIZE TABLE spans FINAL")
    assert ages(own, "it's lab") == [1, 50]


def test_a_shorter_age_drops_rows_that_are_stored_already(own: Stack) -> None:
    client = own.shard()
    for days in (1, 3):
        put(client, "shorter", days)
    assert llmtrace(own, "data", "retention", "set", "spans", "2", "--project", "shorter")[0] == 0
    wait_for(lambda: ages(own, "shorter") == [1], what="the rows that are too old to go by themselves")


def test_a_file_given_to_the_collector_is_applied_at_its_start(own: Stack) -> None:
    def applied() -> bool:
        (content,) = (each for each in retention.show(own.shard()) if each.table == "span_content")
        return content == retention.Retention(table="span_content", days=20, projects={"lab": 2}, applied=True)

    wait_for(applied)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nonsense: 3", '"nonsense" is no table with a retention'),
        ("spans: many", 'spans: "many" is not a number of days'),
        ("spans: 20000", "spans: 20000 days is not from 1 to 10,000"),
        ("- spans", "must be a list of `table: days`"),
        ("projects: {a: 3}", "projects.a must be a list"),
        ("{", "cannot be read"),
    ],
)
def test_a_file_that_says_something_else_is_refused_with_a_sentence(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "kept.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        retention.load(file)


def test_a_wrong_table_or_a_store_that_does_not_run_is_said_in_one_sentence(own: Stack, tmp_path: Path) -> None:
    code, said = llmtrace(own, "data", "retention", "set", "sans", "3")
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith('llmtrace data: "sans" is no table with a retention; these are: scores,')
    command = [sys.executable, "-m", "llmtrace.cli", "data", "retention", "show", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no store of the data folder" in done.stderr


@given(st.dictionaries(st.text(), st.integers(1, 10_000), max_size=4))
def test_the_ttl_is_one_clause_whatever_projects_are_called(days: dict[str, int]) -> None:
    ttl = retention.expression(SPANS, days)
    assert split_outside_brackets(f"{ttl}, x TO VOLUME 'cold'") == [ttl, "x TO VOLUME 'cold'"]
