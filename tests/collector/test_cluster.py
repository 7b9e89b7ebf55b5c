"""A cluster: migrations in its form, and data through its tables on a node that is a cluster of one shard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from llmtrace_collector.database import Address
from llmtrace_collector.errors import ConfigError, StoreDownError, StoreRefusedError
from llmtrace_collector.landings import LANDINGS
from llmtrace_collector.schema import lock
from llmtrace_collector.schema.cluster import Layout, check_cluster, databases
from llmtrace_collector.schema.migrate import LEDGER, layout, migrate, migrations
from llmtrace_collector.schema.words import words_of
from llmtrace_collector.signals import Signal
from llmtrace_collector.store.users import OWNER
from llmtrace_collector.upkeep.shards import shards_of
from llmtrace_collector.upkeep.tables import APART, KEPT, ROLLUPS
from support import services, smoke
from support.command import llmtrace
from support.landing import land
from support.otlp import CALL, post, request, span
from support.services import Stack, stack_at
from support.waiting import wait_for

CREATED = """CREATE TABLE IF NOT EXISTS things
(
    project  String COMMENT 'ENGINE = Null, (or so)',
    trace_id String, -- of the trace
    n        UInt64
)
ENGINE = MergeTree
ORDER BY (project, n)
TTL now() + INTERVAL 1 DAY
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1"""

VIEW = """CREATE MATERIALIZED VIEW IF NOT EXISTS things_mv TO things AS
WITH spans AS (SELECT project, trim(BOTH ' ' FROM trace_id) AS trace_id FROM otlp_things)
SELECT project, trace_id, count() AS n FROM spans ARRAY JOIN [1, 2] AS x GROUP BY project, trace_id"""


def of(*statements: str) -> list[list[str]]:
    known = Layout.of(statements)
    return [known.form(statement, "c") for statement in statements]


def test_a_table_is_replicated_in_its_shard_and_distributed_under_its_name() -> None:
    ((own, twin),) = of(CREATED)
    assert own == CREATED.replace("EXISTS things", "EXISTS llmtrace_shard.things ON CLUSTER `c`").replace(
        "ENGINE = MergeTree",
        "ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/llmtrace_shard/things', '{replica}')",
    ).replace(
        "non_replicated_deduplication_window = 10000",
        "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800",
    )
    assert twin == (
        "CREATE TABLE IF NOT EXISTS llmtrace.things ON CLUSTER `c` AS llmtrace_shard.things"
        " ENGINE = Distributed('c', 'llmtrace_shard', 'things', cityHash64(trace_id))"
    )


def test_a_row_without_a_trace_has_a_shard_that_a_repeated_insert_finds_again() -> None:
    by_order, by_request = (
        CREATED.replace("trace_id String", "other String"),
        CREATED.replace("n  ", "received_ns  "),
    )
    assert "cityHash64(project, n))" in of(by_order)[0][1]
    assert "cityHash64(if(trace_id = '', toString(received_ns), trace_id)))" in of(by_request)[0][1]


def test_a_view_reads_and_fills_the_tables_of_its_node_and_names_of_its_own_stay() -> None:
    source = (
        "CREATE TABLE IF NOT EXISTS otlp_things (project String, received_ns UInt64, trace_id String) ENGINE = Null"
    )
    _, _, (view,) = of(source, CREATED, VIEW)
    assert view == VIEW.replace("EXISTS things_mv TO things", "EXISTS llmtrace_shard.things_mv ON CLUSTER `c` TO "
    "llmtrace_shard.things").replace("FROM otlp_things", "FROM llmtrace_shard.otlp_things")  # fmt: skip


def test_what_unfolds_bodies_gives_its_rows_to_the_shards() -> None:
    known = layout()
    statements = [s for m in migrations() for s in m.statements]
    views = [s for s in statements if s.startswith("CREATE MATERIALIZED VIEW") and "unfold_mv" in s[:60]]
    assert len(views) == len(LANDINGS)
    for view in views:
        (form,) = known.form(view, "c")
        assert form.split()[6].startswith("llmtrace.")
        assert " TO llmtrace.otlp_" in form
        assert "FROM llmtrace.otlp_" in form
        assert "llmtrace_shard" not in form


def test_columns_are_added_on_both_sides_and_indexes_where_the_data_is() -> None:
    known = Layout.of([CREATED])
    columns = "ALTER TABLE things ADD COLUMN IF NOT EXISTS a String DEFAULT concat('x, y', n), DROP COLUMN b"
    assert known.form(columns, "c") == [
        columns.replace("things", "llmtrace_shard.things ON CLUSTER `c`"),
        columns.replace("things", "llmtrace.things ON CLUSTER `c`"),
    ]
    index = "ALTER TABLE things ADD INDEX IF NOT EXISTS i n TYPE minmax"
    assert known.form(index, "c") == [index.replace("things", "llmtrace_shard.things ON CLUSTER `c`")]


@pytest.mark.parametrize(
    "statement",
    [
        "OPTIMIZE TABLE things",
        "INSERT INTO things SELECT 1",
        "DROP TABLE IF EXISTS things",
        "ALTER TABLE things ADD COLUMN a String, MODIFY TTL now()",
        "ALTER TABLE unheard_of ADD COLUMN a String",
        "CREATE VIEW IF NOT EXISTS seen AS SELECT * FROM unheard_of",
    ],
)
def test_a_statement_without_a_form_is_refused_not_guessed(statement: str) -> None:
    known = Layout.of([CREATED, "CREATE VIEW IF NOT EXISTS seen AS SELECT * FROM unheard_of"])
    with pytest.raises(ValueError, match=r"migration creates|has no form"):
        known.form(statement, "c")


def test_words_are_texts_names_and_signs_with_their_depth() -> None:
    words = words_of("SELECT 'it''s (\\'' AS `a b` -- (\nFROM f(x, [1.5]) /* ) */ WHERE y")
    assert [(w.text, w.depth) for w in words] == [
        *(("SELECT", 0), ("'it''s (\\''", 0), ("AS", 0), ("`a b`", 0), ("FROM", 0), ("f", 0), ("(", 0), ("x", 1)),
        *((",", 1), ("[", 1), ("1.5", 2), ("]", 1), (")", 0), ("WHERE", 0), ("y", 0)),
    ]


@pytest.mark.parametrize("name", ["a b", "c'; DROP", "`c`", "1c", "x" * 65])
def test_the_name_of_a_cluster_is_a_name(name: str) -> None:
    with pytest.raises(ConfigError, match="is not the name of a cluster"):
        check_cluster(name)
    assert check_cluster("main-2") == "main-2"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A store that is a cluster of one shard, and two collectors that were started on it at once."""
    patch = pytest.MonkeyPatch()
    patch.setattr(services, "CLUSTER", "tested")
    patch.setattr(services, "SERVER", "")
    with stack_at(tmp_path_factory.mktemp("node")) as stack, stack_at(tmp_path_factory.mktemp("second")) as second:
        stack.new = True
        stack.store()
        second.store_port = stack.store_port
        second.data.mkdir()
        (second.data / "store.key").write_text((stack.data / "store.key").read_text())
        (second.data / "store.key").chmod(0o600)
        stack.collector()
        second.collector()
        stack.wait_migrated()
        yield stack
    patch.undo()


def test_every_statement_of_a_cluster_is_sql_of_the_engine(node: Stack) -> None:
    known, client = layout(), node.owner()
    statements = [LEDGER, *(s for m in migrations() for s in m.statements)]
    for form in (*databases("c"), *(form for s in statements for form in known.form(s, "c"))):
        client.command(f"EXPLAIN AST {form}", settings={"max_query_size": 2**24, "max_ast_elements": 10**6})


def tables(client: Any, database: str) -> dict[str, str]:
    sql = "SELECT name, engine FROM system.tables WHERE database = {database:String} AND NOT startsWith(name, '.')"
    return dict(client.query(sql, parameters={"database": database}).result_rows)


def test_under_every_name_readers_find_all_shards_and_two_collectors_at_once_made_them_once(node: Stack) -> None:
    front, shard = (tables(node.owner(), name) for name in ("llmtrace", "llmtrace_shard"))
    stored = {name for name, engine in shard.items() if engine.endswith("MergeTree")}
    assert stored == {each.name for each in (*KEPT, *ROLLUPS)} | set(APART)
    assert {front[name] for name in stored} == {"Distributed"}
    assert front["costs"] == "Distributed"
    assert not {"spans_mv", "schema_lock"} & (front.keys() | shard.keys())
    versions = node.owner().query("SELECT version FROM schema_migrations ORDER BY version").result_rows
    assert [row[0] for row in versions] == [m.version for m in migrations()]


def test_a_span_is_in_every_table_once_however_often_its_segment_is_inserted(node: Stack) -> None:
    client = node.owner()
    deep: Any = "end"
    for _ in range(12):
        deep = {"k": [deep]}
    body = request(span({**CALL, "user.id": "twice", "deep": deep}), span({**CALL, "user.id": "twice"}))
    for _ in range(2):
        land(node, Signal.TRACES, body, project="twice", token="twice", finish=False)
    counted = "SELECT sum(calls) FROM {} WHERE project = 'twice'"
    for database in ("llmtrace", "llmtrace_shard"):
        assert client.command(counted.format(f"{database}.spend_1m")) == 1
        assert client.command(counted.format(f"{database}.traces")) == 1
        assert client.command(f"SELECT count() FROM {database}.spans_deep WHERE project = 'twice'") == 1
    assert client.command("SELECT sum(items) FROM ingested WHERE project = 'twice' AND log = 'by hand'") == 2


def test_what_a_collector_takes_is_stored_counted_and_read_under_the_same_names(node: Stack) -> None:
    deep: Any = "end"
    for _ in range(12):
        deep = {"k": [deep]}
    body = request(span({**CALL, "user.id": "carl"}), span({**CALL, "user.id": "carl", "deep": deep}))
    assert post(f"{node.http_url}/v1/traces", body)[0] == 200
    client = node.reader()
    wait_for(lambda: client.command("SELECT count() FROM spans WHERE user_id = 'carl'") == 2, 30)
    spent = "SELECT toString(sum(cost_usd)) FROM spend_1m WHERE user_id = 'carl'"
    wait_for(lambda: client.command(spent) == "0.000246", 30)
    of_trace = "SELECT count() FROM costs WHERE trace_id IN (SELECT trace_id FROM spans WHERE user_id = 'carl')"
    assert node.owner().command(of_trace) == 2
    missing = 'llmtrace_ledger_items{signal="traces",term="missing"} 0.0'
    stored = 'llmtrace_ledger_items{signal="traces",term="stored"} 2.0'
    wait_for(lambda: stored in (metrics := post(f"{node.http_url}/metrics", None)[1].decode()) and missing in metrics)


def test_the_check_that_ci_runs_on_what_was_started_with_docker_holds(node: Stack) -> None:
    assert smoke.main(node.http_url) == 0


def test_each_shard_is_looked_after_in_its_own_database(node: Stack) -> None:
    client = node.owner()
    key = (node.data / "store.key").read_text()
    (shard,) = shards_of(client, Address(host="127.0.0.1", port=node.store_port, username=OWNER, password=key))
    assert shard.database == "llmtrace_shard"
    assert shard.command("SELECT count() FROM schema_migrations") == len(migrations())


def test_retention_is_set_where_the_rows_are(node: Stack) -> None:
    code, said = llmtrace(node, "data", "retention", "set", "spans", "45")
    assert (code, said.splitlines()[0].startswith("changed: spans")) == (0, True), said
    sql = "SELECT create_table_query FROM system.tables WHERE database = 'llmtrace_shard' AND name = 'spans'"
    assert "toIntervalDay(45)" in str(node.owner().command(sql))
    assert "spans                45 days" in llmtrace(node, "data", "retention", "show")[1]


def test_tables_of_one_server_are_not_made_a_clusters_nor_the_other_way_round(node: Stack) -> None:
    with pytest.raises(StoreRefusedError, match="was made for the cluster tested: start with --cluster tested"):
        migrate(node.owner())
    with pytest.raises(StoreRefusedError, match="was made for the cluster tested: leave --cluster other out"):
        migrate(_Deaf(node.owner()), cluster="other")


class _Deaf:
    """A client of a server that has another cluster: it makes no databases."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def command(self, sql: str, **more: Any) -> Any:
        return None if sql.startswith("CREATE DATABASE") else self._client.command(sql, **more)


def test_row_policies_of_a_cluster_are_sql_and_cover_what_is_behind_the_distributed_tables(node: Stack) -> None:
    code, said = llmtrace(node, "keys", "policies", "shop_reader", "--project", "shop")
    assert code == 0, said
    for statement in said.splitlines():
        node.owner().command(f"EXPLAIN AST {statement.removesuffix(';')}")
    for database in ("llmtrace", "llmtrace_shard"):
        policy = f"CREATE ROW POLICY OR REPLACE `llmtrace_shop_reader` ON CLUSTER `tested` ON {database}.`spans` FOR"
        assert policy in said
        assert f"GRANT ON CLUSTER `tested` SELECT ON {database}.`spans` TO shop_reader;" in said


def test_who_migrates_is_alone_and_what_a_dead_one_left_is_taken_over(node: Stack) -> None:
    client = node.owner()
    with lock.held(client, "first", cluster="tested"):
        with pytest.raises(StoreDownError, match=r"another collector \(first\) is bringing the tables of llmtrace"):
            lock.Lock(client, "second", " ON CLUSTER `tested`").take()
        with lock.held(client, "first", cluster="tested"):
            """It came again, and has it."""
    client.command("CREATE TABLE schema_lock (nothing UInt8) ENGINE = Memory COMMENT 'dead 1000'")
    with lock.held(client, "second", cluster="tested") as held:
        held.renew()
        assert "schema_lock_1000" in tables(client, "llmtrace")
    assert not {name for name in tables(client, "llmtrace") if name.startswith("schema_lock")}
