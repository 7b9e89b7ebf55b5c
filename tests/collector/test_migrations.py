"""From every earlier schema to the newest, on real data, with the collectors of then still inserting."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llmtrace_collector.schema.migrate import Migration, migrate, migrations
from llmtrace_collector.wal.record import encode
from llmtrace_collector.writer import INSERT_SETTINGS
from support.otlp import CALL, request, span
from support.services import Stack, stack_at

pytestmark = pytest.mark.processes

EARLIER = Path(__file__).parent / "earlier"
FROZEN = 5
"""The versions up to this one are run as the code of then wrote them, not as today's code does."""

OLD_SETTINGS = {
    "format_schema_source": "string",
    "format_schema_message_name": "Record",
    "input_format_protobuf_oneof_presence": "1",
    "format_schema": (EARLIER / "collector-5.proto").read_text(),
    "deduplicate_blocks_in_dependent_materialized_views": "1",
    "max_insert_block_size": "1048576",
    "input_format_parallel_parsing": "0",
}
"""What a collector of version 5 sends with every insert, word for word."""

COST = Decimal("0.000123")


def steps() -> list[Migration]:
    """All versions in order, the frozen ones from their file."""
    text = (EARLIER / f"schema-{FROZEN}.sql").read_text()
    frozen: dict[int, Migration] = {}
    for version, name, statement in re.findall(
        r"^-- name: (\d+) (\S+) \d+\n(.*?);\n(?=\n|\Z)", text, re.DOTALL | re.MULTILINE
    ):
        known = frozen.get(int(version))
        statements = (*(known.statements if known else ()), statement)
        frozen[int(version)] = Migration(version=int(version), name=name, statements=statements)
    assert list(frozen) == list(range(1, FROZEN + 1))
    return [frozen.get(m.version, m) for m in migrations()]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_at(tmp_path_factory.mktemp("migrations")) as stack:
        stack.store()
        yield stack


class Database:
    """A database that is brought up step by step, with a collector inserting, and what must be in it."""

    def __init__(self, stack: Stack) -> None:
        self.client: Any = stack.owner()
        self.client.database = "system"
        self.client.command("DROP DATABASE IF EXISTS llmtrace SYNC")
        self.client.command("CREATE DATABASE llmtrace")
        self.client.database = "llmtrace"
        self.client.command(
            "CREATE TABLE schema_migrations (version UInt32, name String, applied_at DateTime DEFAULT now())"
            " ENGINE = MergeTree ORDER BY version"
        )
        self.spans = 0
        self.rolled_up = 0
        self.version = 0

    def run(self, statements: Sequence[str]) -> None:
        for statement in statements:
            self.client.command(statement)

    def record(self, step: Migration) -> None:
        self.client.insert("schema_migrations", [[step.version, step.name]], column_names=["version", "name"])
        self.version = step.version

    def insert(self, settings: dict[str, str], *, rolled_up: bool | None = None, again: bool = False) -> None:
        """Three spans in two requests; `again` repeats the insert under its token, as after a lost answer."""
        bodies = [request(span({**CALL, "gen_ai.input.messages": "[]"}), span()), request(span())]
        content = b"".join(encode(project="default", received_ns=time.time_ns(), request=body) for body in bodies)
        token = os.urandom(8).hex()
        for _ in range(1 + again):
            self.client.raw_insert(
                "otlp_traces",
                insert_block=content,
                fmt="Protobuf",
                settings={**settings, "insert_deduplication_token": token},
            )
        self.spans += 3
        self.rolled_up += 3 if (self.version >= 2 if rolled_up is None else rolled_up) else 0
        self.check()

    def check(self) -> None:
        spans, cost, tokens = self.one("SELECT count(), sum(cost_usd), sum(input_tokens) FROM spans WHERE is_call")
        assert (spans, cost, tokens) == (self.spans, self.spans * COST, self.spans * 10)
        assert self.one("SELECT count() FROM span_content") == (self.spans // 3,)
        assert self.one("SELECT count() FROM spans_quarantine") == (0,)
        if self.rolled_up:
            assert self.one("SELECT sum(calls), sum(cost_usd), sum(input_tokens) FROM spend_1m") == (
                self.rolled_up,
                self.rolled_up * COST,
                self.rolled_up * 10,
            )

    def one(self, sql: str) -> tuple[Any, ...]:
        return tuple(self.client.query(sql).result_rows[0])


@pytest.mark.parametrize("version", [1, FROZEN])
def test_in_one_go_from_an_early_version_with_the_collectors_of_then_and_of_now(store: Stack, version: int) -> None:
    database = Database(store)
    for step in steps()[:version]:
        database.run(step.statements)
        database.record(step)
    database.insert(OLD_SETTINGS)
    assert migrate(database.client) == [m.version for m in migrations()[version:]]
    database.version = migrations()[-1].version
    database.insert(OLD_SETTINGS)
    database.insert(dict(INSERT_SETTINGS))
    assert migrate(database.client) == []


def test_cut_short_at_any_statement_of_any_version_it_is_run_again_while_old_collectors_insert(store: Stack) -> None:
    database = Database(store)
    for step in steps():
        for done in range(1, len(step.statements) + 1):
            database.run(step.statements[:done])
            if step.version > 1:
                database.insert(OLD_SETTINGS, rolled_up=bool(database.client.command("EXISTS TABLE spend_1m_mv")))
        database.record(step)
    assert migrate(database.client) == []
    database.insert(OLD_SETTINGS, again=True)
    database.insert(dict(INSERT_SETTINGS), again=True)
