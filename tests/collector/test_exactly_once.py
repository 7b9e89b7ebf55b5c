"""An insert whose answer never came is repeated under its token: no table may gain by it, and none may lack."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from llmtrace_collector.folder import DataFolder
from llmtrace_collector.schema.migrate import LEDGER, migrate, migrations
from llmtrace_collector.signals import Signal
from llmtrace_collector.store.tokens import forget_unwritten
from llmtrace_collector.wal import Segment, places
from llmtrace_collector.wal.record import encode
from support.landing import land
from support.otlp import CALL, post, request, span
from support.services import Process, Stack, stack_at
from support.waiting import wait_for

pytestmark = pytest.mark.processes

NOW = time.time_ns()

FOREIGN = {"llm.model_name": "gpt-4o", "llm.input_messages.0.message.role": "user", "openinference.span.kind": "LLM"}
"""By OpenInference: its messages are made, on a way of their own through the views."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, list[Process]]]:
    """A store whose tables have just been made, and the process, to be started anew."""
    with stack_at(tmp_path_factory.mktemp("once"), new=True) as stack:
        processes = [stack.store()]
        migrate(stack.owner())
        yield stack, processes


def contents(stack: Stack) -> dict[str, list[Any]]:
    """Every row of every table, sums added up."""
    client = stack.owner()
    tables = client.query(
        "SELECT name, engine FROM system.tables WHERE database = 'llmtrace' AND engine LIKE '%MergeTree'"
    ).result_rows
    found = {}
    for name, engine in tables:
        final = "" if engine == "MergeTree" else "FINAL"
        found[name] = sorted(map(str, client.query(f"SELECT * FROM {name} {final}").result_rows))
    return found


def bodies() -> dict[Signal, bytes]:
    """A request of each signal that reaches all tables its views fill."""
    spans = [
        span(CALL | {"gen_ai.input.messages": '[{"role":"user","parts":[]}]'}),
        span(FOREIGN),
        span({"deep": [[[[[[[1]]]]]]]}),
        span(trace_id=b"short"),
    ]
    logs = ExportLogsServiceRequest()
    record = logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=time.time_ns())
    record.event_name = "gen_ai.evaluation.result"
    gauge = Metric(name="queue.depth")
    gauge.gauge.data_points.add(time_unix_nano=time.time_ns(), as_int=1)
    metrics = ExportMetricsServiceRequest()
    metrics.resource_metrics.add().scope_metrics.add().metrics.append(gauge)
    return {
        Signal.TRACES: request(*spans),
        Signal.LOGS: logs.SerializeToString(),
        Signal.METRICS: metrics.SerializeToString(),
    }


def land_all(stack: Stack, sent: dict[Signal, bytes], token: str) -> None:
    """The same bytes under the same tokens, however often."""
    for signal, body in sent.items():
        land(stack, signal, body, token=f"{token}-{signal}", received_ns=NOW)


def restarted(stack: Stack, processes: list[Process]) -> None:
    processes.pop().stop()
    processes.append(stack.store())


def test_repeated_after_the_store_has_started_anew_it_changes_no_table(
    running: tuple[Stack, list[Process]],
) -> None:
    stack, processes = running
    sent = bodies()
    land_all(stack, sent, "anew")
    before = contents(stack)
    assert {"spans", "spans_quarantine", "spans_deep", "span_content", "ingested", "spend_1m", "metrics_gauge"} <= {
        name for name, rows in before.items() if rows
    }
    restarted(stack, processes)
    land_all(stack, sent, "anew")
    assert contents(stack) == before


def last_parts(stack: Stack) -> dict[str, Path]:
    """By table, the part that its newest token stands for, as a folder of the engine."""
    found = {}
    tables = stack.owner().query(
        "SELECT name, arrayElement(data_paths, 1) FROM system.tables"
        " WHERE database = 'llmtrace' AND engine LIKE '%MergeTree'"
    )
    for name, folder in tables.result_rows:
        logs = sorted((Path(folder) / "deduplication_logs").glob("*.txt"))
        lines = logs[-1].read_text().splitlines() if logs else []
        if lines:
            found[name] = Path(folder) / lines[-1].split("\t")[1]
    return found


def test_killed_between_the_token_and_the_rows_of_any_table_the_rows_are_there_after_the_repetition(
    running: tuple[Stack, list[Process]], tmp_path: Path
) -> None:
    stack, processes = running
    sent = bodies()
    # So that no merge takes a part away before it is looked at.
    for name in contents(stack):
        stack.owner().command(f"SYSTEM STOP MERGES {name}")
    land_all(stack, sent, "between")
    before, parts = contents(stack), last_parts(stack)
    assert len(parts) > 10
    processes.pop().stop()
    # What a SIGKILL there leaves on the disk: the token is noted, the part has not got its name yet.
    for part in parts.values():
        shutil.move(part, tmp_path / part.parent.name)
    processes.append(stack.store())
    assert contents(stack) != before
    assert "the store was killed in the middle of an insert" in processes[0].output
    for _ in range(2):
        land_all(stack, sent, "between")
        assert contents(stack) == before


def test_half_a_token_at_the_end_is_cut_off_and_the_next_one_is_remembered(
    running: tuple[Stack, list[Process]],
) -> None:
    stack, processes = running
    body = bodies()[Signal.TRACES]
    land(stack, Signal.TRACES, body, token="half")
    before = contents(stack)
    logs = [part.parent / "deduplication_logs" for part in last_parts(stack).values()]
    processes.pop().stop()
    for folder in logs:
        with max(folder.glob("*.txt")).open("ab") as file:
            file.write(b"1\t2026")
    processes.append(stack.store())
    land(stack, Signal.TRACES, body, token="half")
    assert contents(stack) == before
    land(stack, Signal.TRACES, request(span(CALL)), token="next")
    grown = contents(stack)
    restarted(stack, processes)
    land(stack, Signal.TRACES, request(span(CALL)), token="next")
    assert contents(stack) == grown


def test_a_segment_seen_in_the_store_just_before_that_is_killed_is_there_once(tmp_path: Path) -> None:
    with stack_at(tmp_path, new=True) as stack:
        store = stack.store()
        collector = stack.collector()
        stack.wait_migrated()
        assert post(f"{stack.http_url}/v1/traces", request(span(CALL)))[0] == 200
        wait_for(lambda: stack.reader().command("SELECT count() FROM spans"), what="the row, seen before its answer")
        store.kill_group()
        stack.store()
        assert post(f"{stack.http_url}/v1/traces", request(span(CALL | {"user.id": "second"})))[0] == 200
        wait_for(lambda: stack.reader().command("SELECT count() FROM spans WHERE user_id = 'second'"))
        assert collector.stop() == 0
        counts = (
            "SELECT (SELECT count() FROM spans), (SELECT sum(items) FROM ingested), (SELECT sum(calls) FROM spend_1m)"
        )
        assert stack.reader().query(counts).result_rows == [(2, 2, 2)]


def make_tables(stack: Stack, version: int) -> None:
    """The tables as a collector of that schema version left them."""
    client = stack.owner()
    client.command(LEDGER)
    for step in migrations():
        if step.version <= version:
            for statement in step.statements:
                client.command(statement)
            client.insert("schema_migrations", [[step.version, step.name]], column_names=["version", "name"])


def leave_two(stack: Stack, taken_at: int) -> list[Segment]:
    """Two segments of a call wait in the log; the tables of schema version `taken_at` have taken the first already."""
    folder = DataFolder(stack.data).wal / Signal.TRACES
    folder.mkdir(parents=True)
    segments = [Segment(path=folder / f"{number:026}-aaaaaaaa.0.seg", size_bytes=0) for number in (1, 2)]
    for segment in segments:
        body = request(span(CALL | {"gen_ai.input.messages": "[]"}))
        segment.path.write_bytes(encode(project="default", received_ns=time.time_ns(), request=body))
    taken = request(span(CALL | {"gen_ai.input.messages": "[]"}))
    land(stack, Signal.TRACES, taken, token=segments[0].token, schema=taken_at)
    return segments


def assert_both_are_there_once(stack: Stack, segments: list[Segment]) -> None:
    wait_for(lambda: not any(segment.path.exists() for segment in segments), 60, what="both to be done")
    assert stack.reader().query("SELECT count(), uniqExact(span_id) FROM spans").result_rows == [(2, 2)]
    assert stack.reader().query("SELECT sum(calls) FROM spend_1m").result_rows == [(2,)]


@pytest.mark.parametrize(
    ("version", "noted"),
    [
        (5, 0),
        (25, 0),
        # Another collector has brought the tables up to date, and ours is of before.
        (28, 0),
        # A backup of the store was put back under a log that had seen newer tables.
        (25, 28),
    ],
)
def test_a_segment_that_may_be_stored_already_is_settled_before_the_tables_are_changed(
    tmp_path: Path, version: int, noted: int
) -> None:
    with stack_at(tmp_path, new=True) as stack:
        stack.store()
        make_tables(stack, version)
        segments = leave_two(stack, taken_at=min(version, 25))
        if noted:
            places.note_schema(DataFolder(stack.data).wal, noted)
        collector = stack.collector()
        assert_both_are_there_once(stack, segments)
        assert collector.stop() == 0


def test_a_store_short_of_memory_for_a_moment_is_waited_for_before_the_tables_are_changed(tmp_path: Path) -> None:
    with stack_at(tmp_path, new=True) as stack:
        stack.store()
        client = stack.owner()
        make_tables(stack, 25)
        segments = leave_two(stack, taken_at=25)
        # Behind the landing of before, and there alone: what it asks for is more than the engine may have.
        client.command("CREATE TABLE greedy (n UInt64) ENGINE = Null")
        client.command(
            "CREATE MATERIALIZED VIEW greedy_view TO greedy AS"
            " SELECT length(range(300000000 + length(toString(received_ns)))) AS n FROM otlp_traces"
        )
        collector = stack.collector()
        wait_for(lambda: "code: 241" in collector.output, 60, what="the refusal to be told")
        assert all(segment.path.exists() for segment in segments)
        assert client.command("SELECT max(version) FROM schema_migrations") == 25
        client.command("DROP TABLE greedy_view SYNC")
        assert_both_are_there_once(stack, segments)
        assert collector.stop() == 0
        assert "was not stored before the tables were brought up to date" not in collector.output


NAMES = st.sampled_from([b"20261123_7_7_0", b"20261123_5_9_2", b"20261116_7_7_0", b"20261123_8_8_0_12", b"all_1_1_1"])
FORMS = st.one_of(
    st.tuples(st.sampled_from([b"1", b"2"]), NAMES, st.just(b"20261123_1_2")).map(b"\t".join),
    st.sampled_from([b"", b"version: 2", b"1\tx\ty", b"1\t20261123_7_7_0"]),
)


@given(lines=st.lists(FORMS, max_size=8), parts=st.sets(NAMES), tail=st.binary(max_size=5))
def test_only_tokens_at_the_end_are_forgotten_and_only_those_whose_part_is_nowhere(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], parts: set[bytes], tail: bytes
) -> None:
    table = tmp_path_factory.mktemp("engine") / "store" / "abc" / "abcdef"
    (table / "deduplication_logs").mkdir(parents=True)
    for part in parts:
        (table / part.decode()).mkdir()
    log = table / "deduplication_logs" / "deduplication_log_1.txt"
    whole = b"".join(line + b"\n" for line in lines)
    log.write_bytes(whole + tail.replace(b"\n", b""))
    cut = forget_unwritten(table.parents[2])
    kept = log.read_bytes()
    assert kept == b"".join(line + b"\n" for line in lines[: len(lines) - cut])
    for line in lines[len(lines) - cut :]:
        kind, name, _ = line.split(b"\t")
        assert kind == b"1"
        assert name not in parts
        assert not (name == b"20261123_7_7_0" and b"20261123_5_9_2" in parts)
    if kept:
        last = kept.splitlines()[-1].split(b"\t")
        whole_in = {b"20261123_7_7_0": b"20261123_5_9_2", b"20261123_8_8_0_12": b"20261123_5_9_2"}
        known = len(last) == 3 and last[0] == b"1" and b"_" in last[1]
        assert not known or last[1] in parts or whole_in.get(last[1]) in parts
    assert forget_unwritten(table.parents[2]) == 0
