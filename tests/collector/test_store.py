"""The embedded store as clickhouse-connect sees it, and its life as a process."""

from __future__ import annotations

import errno
import logging
import stat
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from starlette.testclient import TestClient

from llmtrace_collector.database import Address, connect
from llmtrace_collector.errors import ConfigError, StoreDownError, StoreRefusedError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.schema.migrate import migrate, migrations
from llmtrace_collector.store import http, lanes, limits
from llmtrace_collector.store.engine import Answer, Engine, EngineError
from support.otlp import post
from support.services import Process, Stack, stack_at
from support.waiting import wait_for


def test_rows_of_every_kind_come_back_as_they_went_in(stack: Stack) -> None:
    owner = stack.owner()
    owner.command(
        "CREATE TABLE kinds (n UInt64, s String, d Decimal(38, 12), m Map(String, String), t DateTime64(9, 'UTC'),"
        " a Array(Nullable(Int32))) ENGINE = MergeTree ORDER BY n"
    )
    row = [
        2**63,
        "naïve\t\n'",
        Decimal("0.000000000001"),
        {"k": "v"},
        pd.Timestamp("2026-01-02 03:04:05.678901234"),
        [1, None],
    ]
    owner.insert("kinds", [row], column_names=["n", "s", "d", "m", "t", "a"])
    got = stack.reader().query("SELECT n, s, d, m, toString(t), a FROM kinds").result_rows[0]
    assert got == (
        2**63,
        "naïve\t\n'",
        Decimal("0.000000000001"),
        {"k": "v"},
        "2026-01-02 03:04:05.678901234",
        [1, None],
    )
    assert list(stack.reader().query_df("SELECT n, s FROM kinds").columns) == ["n", "s"]
    assert stack.reader().query_arrow("SELECT n FROM kinds").num_rows == 1
    assert stack.reader().query("SELECT n, s FROM kinds LIMIT 0").column_names == ("n", "s")
    assert stack.reader().command("SELECT count() FROM kinds") == 1
    owner.command("DROP TABLE kinds")


@pytest.mark.parametrize("encoding", [None, "lz4", "zstd", "gzip"])
def test_an_insert_body_may_be_compressed(stack: Stack, encoding: str | None) -> None:
    import gzip

    import lz4.frame
    from backports import zstd

    packed = {None: bytes, "lz4": lz4.frame.compress, "zstd": zstd.compress, "gzip": gzip.compress}
    owner = stack.owner()
    owner.command("CREATE OR REPLACE TABLE packed (x String) ENGINE = MergeTree ORDER BY x")
    owner.raw_insert("packed", ["x"], insert_block=packed[encoding](b'"a"\n"b"\n'), fmt="CSV", compression=encoding)
    assert stack.reader().query("SELECT x FROM packed ORDER BY x").result_rows == [("a",), ("b",)]


def test_every_block_of_an_insert_is_stored(stack: Stack) -> None:
    owner = stack.owner()
    owner.command("CREATE OR REPLACE TABLE many (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    owner.insert("many", [[n, "x" * 5_000] for n in range(2_000)], column_names=["n", "s"])
    assert stack.reader().query("SELECT count(), uniqExact(n), sum(length(s)) FROM many").first_row == (
        2_000,
        2_000,
        10_000_000,
    )


def test_an_error_says_what_the_engine_says_with_its_code(stack: Stack) -> None:
    with pytest.raises(Exception, match=r"(?s)code: 60.*UNKNOWN_TABLE"):
        stack.reader().query("SELECT * FROM nowhere")


def test_settings_of_one_request_do_not_reach_the_next(stack: Stack) -> None:
    owner = stack.owner()
    sql = "SELECT value FROM system.settings WHERE name = 'max_block_size'"
    assert owner.query(sql, settings={"max_block_size": 777}).result_rows == [("777",)]
    assert owner.query(sql).result_rows != [("777",)]


def test_the_key_is_for_the_owner_of_the_folder_alone_and_stays(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    key = folder.store_key()
    assert folder.store_key() == key
    assert stat.S_IMODE((tmp_path / "data" / "store.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_client_learns_whether_nobody_answers_or_the_password_is_wrong(stack: Stack) -> None:
    with pytest.raises(StoreRefusedError, match="check the user and the password"):
        connect(Address(host="127.0.0.1", port=stack.store_port, username="llmtrace", password="no"))
    with pytest.raises(StoreDownError, match=r"http://127\.0\.0\.1:1 does not answer \(Connection refused\): start it"):
        connect(Address(host="127.0.0.1", port=1))


@pytest.mark.parametrize("url", ["localhost:8123", "ftp://x", "http://", "http://x:port", "http://h/path"])
def test_an_address_that_is_none_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(ConfigError, match="is not a ClickHouse URL") as raised:
        Address.parse(url.replace("//", "//u:hidden@") if "//" in url else url)
    assert "hidden" not in str(raised.value)


def test_migrations_are_safe_to_run_twice_and_a_newer_schema_is_refused(tmp_path: Path) -> None:
    with stack_at(tmp_path, new=True) as stack:
        stack.store()
        owner = stack.owner()
        assert migrate(owner) == [m.version for m in migrations()]
        assert migrate(owner) == []
        owner.command("TRUNCATE TABLE schema_migrations")
        assert migrate(owner) == [m.version for m in migrations()], "a migration cut short is run again"
        owner.insert("schema_migrations", [[999, "future"]], column_names=["version", "name"])
        with pytest.raises(StoreRefusedError, match="schema version 999, this llmtrace knows"):
            migrate(owner)


class FailingEngine:
    """An engine that gives what it is told to, in the place of chDB."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.go_on = threading.Event()
        self.running = 0

    def run(self, sql: str, **_: object) -> Answer:
        if self.fault:
            raise self.fault
        if not sql.startswith(("SELECT formatQuery", "EXPLAIN AST")):
            self.running += 1
            self.go_on.wait(20)
        tree = "SelectWithUnionQuery"
        body = tree.encode() if sql.startswith("EXPLAIN AST") else b"SELECT 1"
        return Answer(body=body, rows_read=0, bytes_read=0, rows_written=0, elapsed_ns=0)


def app(engine: FailingEngine) -> Any:
    return http.StoreApp(cast("Engine", engine), "key", allowed_hosts=frozenset({"testserver"})).app


OWNER = {"X-ClickHouse-User": "llmtrace", "X-ClickHouse-Key": "key"}


def test_a_full_disk_is_said_in_one_sentence_with_clickhouses_code(caplog: pytest.LogCaptureFixture) -> None:
    client = TestClient(app(FailingEngine(OSError(errno.ENOSPC, "No space left on device"))))
    for _ in range(3):
        answer = client.post("/?query=INSERT+INTO+t+FORMAT+CSV", content=b"1", headers=OWNER)
        assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (503, "243")
    assert answer.text == (
        "Code: 243. DB::Exception: the disk of the store's data folder is full; make room. (NOT_ENOUGH_SPACE)\n"
    )
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is None


def test_the_engines_own_full_disk_has_the_same_status() -> None:
    engine = FailingEngine(EngineError("Code: 243. DB::Exception: Cannot reserve 1 MiB. (NOT_ENOUGH_SPACE)"))
    answer = TestClient(app(engine)).post("/", content=b"INSERT INTO t SELECT 1", headers=OWNER)
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (503, "243")


def test_what_nobody_expected_is_answered_and_logged_once_for_each_kind(caplog: pytest.LogCaptureFixture) -> None:
    engine = FailingEngine(RuntimeError("odd"))
    client = TestClient(app(engine))
    for _ in range(3):
        answer = client.post("/", content=b"INSERT INTO t SELECT 1", headers=OWNER)
        assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (500, "1002")
    assert "RuntimeError: odd" in answer.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    engine.fault = KeyError("other")
    client.post("/", content=b"INSERT INTO t SELECT 1", headers=OWNER)
    assert len(caplog.records) == 2


def test_strangers_beyond_those_that_run_wait_a_little_and_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "WAIT_S", 0.3)
    engine = FailingEngine()
    with TestClient(app(engine)) as client:
        strangers = [
            threading.Thread(target=client.post, args=("/",), kwargs={"content": b"SELECT 1"})
            for _ in range(limits.STRANGERS_AT_ONCE)
        ]
        for stranger in strangers:
            stranger.start()
        wait_for(lambda: engine.running == limits.STRANGERS_AT_ONCE)
        answer = client.post("/", content=b"SELECT 1")
        assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (503, "202")
        engine.go_on.set()
        for stranger in strangers:
            stranger.join(10)
        assert client.post("/", content=b"SELECT 1").status_code == 200


@pytest.mark.processes
def test_strangers_slow_statements_hold_up_neither_the_owner_nor_the_end(tmp_path: Path) -> None:
    # Inside a function the engine does not look at its clock: this takes half a minute, whatever the limit.
    slow = b"SELECT uniqExact(arrayIntersect(range(100000), range(number))) FROM numbers(8192)"
    with stack_at(tmp_path) as stack:
        store = stack.store()
        owner = stack.owner()
        answers: list[tuple[int, bytes]] = []
        asking = [
            threading.Thread(
                target=lambda: answers.append(post(f"{stack.store_url}/?max_execution_time=1", slow)[:2]), daemon=True
            )
            for _ in range(limits.STRANGERS_AT_ONCE + 1)
        ]
        for thread in asking:
            thread.start()
        time.sleep(1)
        began = time.monotonic()
        assert owner.query("SELECT 1").result_rows == [(1,)]
        assert time.monotonic() - began < 5
        began = time.monotonic()
        assert store.stop() == 0
        assert time.monotonic() - began < 10
        for thread in asking:
            thread.join(5)
        assert [status for status, _ in answers] == [503] * len(asking)
        assert any(b"the store is stopping" in body for _, body in answers)
        assert "Traceback" not in store.output


def test_whether_the_store_of_a_folder_runs_is_seen_by_its_lock(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    assert not folder.store_is_running()
    hold = (
        "import sys, time; from pathlib import Path; from llmtrace_collector.folder import DataFolder\n"
        "lock = DataFolder(Path(sys.argv[1])).lock('store'); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(folder.path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert folder.store_is_running()
        holder.kill()
        holder.wait()
    assert not folder.store_is_running()
    folder.lock("store", wait_s=0).close()


def test_the_key_and_new_folders_are_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("llmtrace_collector.folder.sync_folder", synced.append)
    folder = DataFolder(tmp_path / "a" / "data")
    assert {tmp_path, tmp_path / "a"} <= set(synced)
    synced.clear()
    folder.store_key()
    assert synced == [folder.path]


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = [tmp_path / f"LAYOUT.{gone.pid}.tmp", tmp_path / f".probe-{gone.pid}"]
    kept = [tmp_path / "LAYOUT.1.tmp", tmp_path / "my.tmp"]
    for file in (*left, *kept):
        file.write_text("")
    DataFolder(tmp_path)
    assert [file.exists() for file in (*left, *kept)] == [False, False, True, True]


@pytest.mark.processes
def test_a_second_store_on_the_same_folder_says_so_in_one_line(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        second = Process.start(
            ["llmtrace_collector.store", "--data", str(stack.data), "--port", "1"], tmp_path / "second.log"
        )
        assert second.popen.wait(30) == 2
        assert "is in use by another llmtrace (store.lock is held)" in second.output
        assert len(second.output.strip().splitlines()) == 1
        second.clean_up()


@pytest.mark.processes
def test_what_was_inserted_survives_kill_9_and_sigterm_ends_with_0(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        store = stack.store()
        stack.owner().command("CREATE TABLE kept (x String) ENGINE = MergeTree ORDER BY x")
        stack.owner().insert("kept", [["a"]], column_names=["x"])
        store.kill_group()
        again = stack.store()
        assert stack.reader().query("SELECT x FROM kept").result_rows == [("a",)]
        assert again.stop() == 0
