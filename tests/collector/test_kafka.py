"""OTLP from a topic of Kafka, with no collector in the way: ClickHouse's own engine reads a real broker's socket."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from llmtrace.cli import main
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.schema.kafka import Topic, statements
from llmtrace_collector.signals import Signal
from support.kafka import broker
from support.otlp import CALL, request, span
from support.services import Stack
from support.waiting import wait_for

pytestmark = pytest.mark.processes


def run(client: Any, statement: str) -> None:
    """Runs it; again where the embedded engine's pool for brokers was only made by it (seen with chdb 4.4)."""
    try:
        client.command(statement)
    except DatabaseError as error:
        if "Shutdown was called" not in str(error):
            raise
        client.command(statement)


def schema(*words: str) -> tuple[int, str]:
    """Exit code and output of `llmtrace schema`."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = main(["schema", *words])
    return code, said.getvalue()


def show(*words: str) -> list[str]:
    """The statements that it shows."""
    code, said = schema(*words)
    assert code == 0, said
    return [each.strip() for each in said.split(";\n\n") if each.strip()]


def test_requests_of_a_topic_are_stored_like_those_of_a_collector_and_what_is_none_is_kept(stack: Stack) -> None:
    sent = [span({**CALL, "user.id": "kafka"}) for _ in range(3)]
    messages = [("otlp_spans", request(*sent[:2])), ("otlp_spans", b"\xff" * 20), ("otlp_spans", request(sent[2]))]
    client = stack.owner()
    with broker(messages) as brokers:
        said = show("kafka", "traces", "--brokers", brokers, "--topic", "otlp_spans", "--project", "queue")
        try:
            for statement in said + said:
                run(client, statement)
            wait_for(lambda: client.command("SELECT count() FROM spans WHERE project = 'queue'") == 3, 90)
            wait_for(lambda: client.command("SELECT count() FROM kafka_unread") == 1, 30)
            found = client.query("SELECT trace_id, user_id, model FROM spans WHERE project = 'queue'").result_rows
            assert {row[0] for row in found} == {each.trace_id.hex() for each in sent}
            assert {row[1:] for row in found} == {("kafka", "gpt-4o")}
            spent = "SELECT toString(sum(cost_usd)), toString(sum(calls)) FROM spend_1m WHERE project = 'queue'"
            wait_for(lambda: client.query(spent).result_rows == [("0.000369", "3")], 30)
            (kept,) = client.query("SELECT signal, place, hex(message) FROM kafka_unread").result_rows
            assert (kept[0], kept[1].split(":")[0], kept[2]) == ("traces", "otlp_spans", "FF" * 20)
        finally:
            for name in ("kafka_traces_read_mv", "kafka_traces_mv", "kafka_traces_unread_mv"):
                client.command(f"DROP VIEW IF EXISTS {name} SYNC")
            for name in ("kafka_otlp_traces", "kafka_traces", "kafka_unread"):
                client.command(f"DROP TABLE IF EXISTS {name} SYNC")


@pytest.mark.parametrize("signal", list(Signal))
@pytest.mark.parametrize("cluster", ["", "main"])
def test_every_statement_is_sql_of_the_engine(stack: Stack, signal: Signal, cluster: str) -> None:
    topic = Topic(signal=signal, brokers="kafka-1:9092,kafka-2:9092", topic="otlp", consumers=4)
    for statement in statements(topic, cluster=cluster):
        stack.owner().command(f"EXPLAIN AST {statement}")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"brokers": "kafka"}, "--brokers"),
        ({"brokers": "kafka:9092', kafka_topic_list='x"}, "--brokers"),
        ({"topic": "a b"}, "--topic"),
        ({"group": "'"}, "--group"),
        ({"project": "a'b"}, "project"),
        ({"consumers": 0}, "--consumers"),
    ],
)
def test_what_cannot_be_read_from_is_said_in_one_sentence(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Topic(**{"signal": Signal.TRACES, "brokers": "kafka:9092", "topic": "otlp", **wrong})


def test_the_command_shows_the_tables_and_the_proto_text_and_runs_nothing() -> None:
    assert show("sql")[0].startswith("CREATE TABLE IF NOT EXISTS schema_migrations")
    assert "ON CLUSTER `main`" in show("sql", "--cluster", "main")[0]
    assert show("proto", "logs")[0].startswith('syntax = "proto3";')
    code, said = schema("sql", "--cluster", "a b")
    assert (code, said.startswith('llmtrace schema: --cluster: "a b" is not the name of a cluster')) == (2, True)
