"""What a stranger may run on the embedded store: reads of our tables, and nothing else, whatever SQL comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmtrace_collector.database import error_code
from llmtrace_collector.store.tree import nodes
from support.otlp import post
from support.services import Stack, stack_at


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_at(tmp_path_factory.mktemp("fenced"), new=True) as running:
        running.store()
        running.owner().command("CREATE TABLE notes (text String) ENGINE = MergeTree ORDER BY text")
        running.owner().insert("notes", [["kept"]], column_names=["text"])
        yield running


@pytest.fixture(scope="module")
def stranger(store: Stack) -> clickhouse_connect.driver.client.Client:
    return store.reader()


REFUSED = [
    # files and folders
    "SELECT file('/etc/hostname')",
    "SELECT FILE ( '/etc/hostname' )",
    "SELECT file/* hidden */('/etc/hostname')",
    "SELECT 1 UNION ALL SELECT length(file('/etc/hostname'))",
    "WITH file('/etc/hostname') AS f SELECT f",
    "SELECT * FROM file('/etc/passwd', 'CSV')",
    "SELECT * FROM (SELECT * FROM file('/etc/passwd', 'CSV'))",
    "SELECT 1 WHERE 'x' IN (SELECT * FROM file('/etc/passwd', 'LineAsString'))",
    "SELECT * FROM `/etc/passwd`",
    "SELECT * FROM default.`/etc/passwd`",
    "SELECT * FROM filesystem('/etc')",
    "DESCRIBE TABLE file('/etc/passwd')",
    "EXPLAIN SELECT * FROM file('/etc/passwd', 'CSV')",
    "SELECT 1 INTO OUTFILE '/tmp/llmtrace-fence' FORMAT CSV",
    "SHOW TABLES INTO OUTFILE '/tmp/llmtrace-fence'",
    "EXPLAIN SELECT 1 INTO OUTFILE '/tmp/llmtrace-fence'",
    "SELECT * APPLY(file) FROM (SELECT '/etc/hostname')",
    "SELECT * FROM fileCluster('default', '/etc/passwd', 'CSV')",
    "SELECT formatRow('CSV', 1)",
    "SELECT 1 FORMAT Template",
    "SELECT 1 FORMAT Protobuf SETTINGS format_schema = '/etc/passwd:x'",
    # the network and other processes
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV')",
    "SELECT * FROM s3('http://127.0.0.1:1/b/k')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM executable('id', 'CSV', 'x String')",
    "SELECT * FROM Python('os')",
    "SELECT aiGenerate('x')",
    "SELECT dictGet('d', 'a', 1)",
    # what it runs on and as
    "SELECT getSetting('max_threads')",
    "SELECT hostName(), serverUUID()",
    "SELECT * FROM system.user_query_log",
    "SELECT * FROM system.processes",
    "SELECT 1 WHERE 'x' IN system.processes",
    "SELECT * FROM merge('system', '.*')",
    "SELECT * FROM mergeTreeIndex('llmtrace', 'notes')",
    "SHOW CREATE TABLE system.users",
    "EXISTS TABLE system.processes",
    "SELECT sleep(3)",
    "SELECT joinGet('t', 'a', 1)",
    "SHOW TABLES FROM default",
    "SHOW FULL TABLES FROM default LIKE 'x'",
    "EXISTS TABLE default.`/tmp/a llmtrace x`",
    "EXISTS TABLE default.` `",
    "SHOW CREATE TABLE default.`/tmp/a llmtrace x`",
    "SHOW CREATE TABLE notes FORMAT Template",
    "SELECT 1 AS `a\nSelectIntersectExceptQuery` FORMAT Template",
    # what takes long inside one function, where no limit is looked at, or makes much from little
    "SELECT editDistance('a', 'b')",
    "SELECT damerauLevenshteinDistance('a', 'b')",
    "SELECT levenshteinDistance('a', 'b')",
    "SELECT jaroWinklerSimilarity('a', 'b')",
    "SELECT ngramDistance('a', 'b')",
    "SELECT ngramSearchCaseInsensitiveUTF8('a', 'b')",
    "SELECT stringJaccardIndex('a', 'b')",
    "SELECT sequenceMatch('(?1)')(now(), 1)",
    "SELECT repeat('a', 1000)",
    "SELECT space(1000)",
    "SELECT randomString(1000)",
    # writing and steering
    "INSERT INTO notes VALUES ('x')",
    "INSERT INTO notes SELECT 'x'",
    "INSERT INTO FUNCTION file('/tmp/llmtrace-fence', 'CSV', 'x String') VALUES ('x')",
    "DROP TABLE notes",
    "TRUNCATE TABLE notes",
    "ALTER TABLE notes DELETE WHERE 1",
    "DELETE FROM notes WHERE 1",
    "CREATE TABLE t (x String) ENGINE = File(CSV, '/tmp/llmtrace-fence')",
    "CREATE FUNCTION f AS x -> x",
    "CREATE USER u",
    "GRANT ALL ON *.* TO u",
    "OPTIMIZE TABLE notes",
    "SYSTEM SHUTDOWN",
    "SYSTEM DROP MARK CACHE",
    "KILL QUERY WHERE 1",
    "BACKUP DATABASE llmtrace TO File('/tmp/llmtrace-fence')",
    "USE system",
    "SET readonly = 0",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)",
    "ATTACH TABLE t FROM '/tmp'",
    "DETACH TABLE notes",
    "CHECK TABLE notes",
    # two in one
    "SELECT 1; DROP TABLE notes",
    "SELECT 1;;SELECT 2",
    "SELECT 1 -- x\n; DROP TABLE notes",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_it_is_refused(stranger: clickhouse_connect.driver.client.Client, sql: str) -> None:
    with pytest.raises(ClickHouseError):
        stranger.raw_query(sql)


def test_after_all_that_the_table_is_as_it_was_and_no_file_was_written(
    stranger: clickhouse_connect.driver.client.Client,
) -> None:
    for sql in REFUSED:
        with pytest.raises(ClickHouseError):
            stranger.raw_query(sql)
    assert stranger.query("SELECT text FROM notes").result_rows == [("kept",)]
    assert not Path("/tmp/llmtrace-fence").exists()


ALLOWED = {
    "SELECT text FROM notes": [("kept",)],
    "SELECT n.text FROM llmtrace.notes AS n WHERE text IN ('kept', 'x')": [("kept",)],
    "SELECT text FROM notes WHERE text IN notes": [("kept",)],
    "WITH t AS (SELECT number AS n FROM numbers(10)) SELECT countIf(n > 4), sumMapIf(map('a', n), n > 8) FROM t": [
        (5, {"a": 9})
    ],
    "SELECT quantilesTDigestIf(0.5)(number, 1) FROM numbers(1)": [([0.0],)],
    "SELECT arrayMap(x -> x + 1, [1, 2]), CAST('3' AS UInt8), CASE WHEN 1 THEN 'a' ELSE 'b' END": [([2, 3], 3, "a")],
    "SELECT number, sum(number) OVER (ORDER BY number) FROM numbers(3)": [(0, 0), (1, 1), (2, 3)],
    "SELECT 1 UNION ALL SELECT 1": [(1,), (1,)],
    "SELECT ';', '-- not a comment', 'it''s' -- a comment": [(";", "-- not a comment", "it's")],
    "SELECT database, name FROM system.tables WHERE database = 'llmtrace'": [("llmtrace", "notes")],
    "EXISTS TABLE notes": [(1,)],
}


@pytest.mark.parametrize("sql", ALLOWED)
def test_reading_works_as_on_a_server(stranger: clickhouse_connect.driver.client.Client, sql: str) -> None:
    assert stranger.query(sql).result_rows == ALLOWED[sql]


@pytest.mark.parametrize("sql", ["SHOW TABLES", "DESCRIBE TABLE notes", "SHOW CREATE TABLE notes", "EXPLAIN SELECT 1"])
def test_looking_at_the_schema_works(stranger: clickhouse_connect.driver.client.Client, sql: str) -> None:
    assert stranger.query(sql).result_rows


@given(st.text(max_size=60).filter(lambda text: "\0" not in text))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back_as_itself_through_a_parameter(
    stranger: clickhouse_connect.driver.client.Client, text: str
) -> None:
    assert stranger.query("SELECT {x:String}", parameters={"x": text}).result_rows == [(text,)]


@given(st.text(max_size=80))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_as_sql_is_answered_and_changes_nothing(
    stranger: clickhouse_connect.driver.client.Client, text: str
) -> None:
    code: int | None = 0
    try:
        stranger.raw_query(text)
    except ClickHouseError as error:
        code = error_code(error)
    assert code is not None
    assert stranger.query("SELECT count() FROM notes").result_rows == [(1,)]


def test_parameters_of_every_kind_are_taken(stranger: clickhouse_connect.driver.client.Client) -> None:
    sql = "SELECT {a:Array(String)}, {n:Int64}, {d:DateTime64(3, 'UTC')}, text IN {a:Array(String)} FROM notes"
    got = stranger.query(sql, parameters={"a": ["kept", "it's"], "n": -3, "d": "2026-01-01 00:00:00.000"}).result_rows
    assert got[0][:2] == (["kept", "it's"], -3)
    assert got[0][3]


def test_an_identifier_parameter_is_judged_like_what_it_names(
    stranger: clickhouse_connect.driver.client.Client,
) -> None:
    sql = "SELECT count() FROM {db:Identifier}.{t:Identifier}"
    assert stranger.query(sql, parameters={"db": "llmtrace", "t": "notes"}).result_rows == [(1,)]
    with pytest.raises(ClickHouseError, match="not one to read here"):
        stranger.query(sql, parameters={"db": "system", "t": "processes"})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM disks",
        "SELECT * FROM {t:Identifier}",
        "SELECT 1 WHERE 'x' IN disks",
        "SELECT * FROM processes",
        "SHOW CREATE TABLE stack_trace",
    ],
)
def test_the_database_of_a_request_does_not_change_what_a_bare_name_may_be(store: Stack, sql: str) -> None:
    for name in ("system", "default", "SYSTEM"):
        status, body, _ = post(f"{store.store_url}/?database={name}&param_t=disks", sql.encode())
        assert (status >= 400, b"DB::Exception" in body) == (True, True), body


def test_a_bare_name_in_the_schema_database_is_one_of_its_views(store: Stack) -> None:
    status, body, _ = post(f"{store.store_url}/?database=information_schema", b"SELECT count() > 0 FROM tables")
    assert (status, body) == (200, b"1\n")


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("EXISTS TABLE {d:Identifier}.{t:Identifier}", {"d": "default", "t": "/tmp/a llmtrace x"}),
        ("EXISTS TABLE {d:Identifier}.{t:Identifier}", {"d": "default", "t": " "}),
        ("SHOW CREATE TABLE {d:Identifier}.{t:Identifier}", {"d": "system", "t": "x llmtrace notes"}),
        ("SHOW TABLES FROM {d:Identifier}", {"d": "default"}),
        ("DESCRIBE TABLE {d:Identifier}.{t:Identifier}", {"d": "default", "t": "/etc/hostname"}),
        ("SELECT * FROM {t:Identifier}", {"t": "default./etc/hostname"}),
        ("SELECT 1 IN {t:Identifier}", {"t": "system.disks"}),
        ("SELECT 1 AS {t:Identifier} FORMAT Template", {"t": "a\nSelectIntersectExceptQuery"}),
    ],
)
def test_an_identifier_parameter_opens_no_way_out(
    stranger: clickhouse_connect.driver.client.Client, sql: str, parameters: dict[str, str]
) -> None:
    with pytest.raises(ClickHouseError) as raised:
        stranger.raw_query(sql, parameters=parameters)
    assert error_code(raised.value) is not None


def test_tables_of_our_database_and_systems_can_be_listed(stranger: clickhouse_connect.driver.client.Client) -> None:
    assert stranger.query("SHOW TABLES FROM llmtrace").result_rows == [("notes",)]
    assert ("one",) in stranger.query("SHOW TABLES FROM system").result_rows


def test_limits_can_be_lowered_but_not_raised(store: Stack) -> None:
    endless = "SELECT count() FROM numbers(1000000000000)"
    status, body, _ = post(f"{store.store_url}/?max_execution_time=1", endless.encode())
    assert (status, b"TIMEOUT_EXCEEDED" in body) == (500, True)
    block = b"SELECT value FROM system.settings WHERE name = 'max_block_size'"
    assert post(f"{store.store_url}/?max_block_size=1000000", block)[1] == b"8192\n"
    assert post(f"{store.store_url}/?max_block_size=100", block)[1] == b"100\n"
    assert post(f"{store.store_url}/?allow_ddl=1", b"SELECT 1")[0] == 403
    assert post(f"{store.store_url}/?format_schema_source=file", b"SELECT 1")[0] == 403


def test_the_wrong_key_is_refused_as_clickhouse_does(store: Stack) -> None:
    status, body, headers = post(
        f"{store.store_url}/", b"SELECT 1", X_ClickHouse_User="llmtrace", X_ClickHouse_Key="no"
    )
    assert (status, headers["x-clickhouse-exception-code"]) == (403, "516")
    assert b"Authentication failed" in body


def test_a_foreign_host_name_is_refused(store: Stack) -> None:
    status, body, _ = post(f"{store.store_url}/", b"SELECT 1", Host="evil.example")
    assert status == 403
    assert b"evil.example" in body


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "http://[", ""])
def test_a_page_of_another_site_is_refused(store: Stack, origin: str) -> None:
    status, body, _ = post(f"{store.store_url}/", b"SELECT 1", Origin=origin)
    assert status == 403
    assert b"does not answer pages of" in body


def test_a_page_of_this_machine_is_answered_unless_the_browser_says_otherwise(store: Stack) -> None:
    assert post(f"{store.store_url}/", b"SELECT 1", Origin="http://localhost:3000")[0] == 200
    assert post(f"{store.store_url}/", b"SELECT 1", Sec_Fetch_Site="same-origin")[0] == 200
    assert post(f"{store.store_url}/", b"SELECT 1", Sec_Fetch_Site="cross-site")[0] == 403
    assert post(f"{store.store_url}/?query=SELECT+1", None, Sec_Fetch_Site="cross-site")[0] == 403


def test_a_tree_that_cannot_be_read_line_by_line_is_refused() -> None:
    with pytest.raises(Exception, match="cannot be judged"):
        list(nodes("SelectQuery (children 1)\n\tFunction x"))
