"""Log records: each in its table, scores and feedback and messages where they belong, none doubled."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from llmtrace_collector.database import rows
from llmtrace_collector.signals import Signal
from support.landing import land
from support.otlp import any_value, key_values
from support.services import Stack

DAY_NS = 86_400 * 10**9


def record(attributes: dict[str, Any] | None = None, *, body: Any = None, **fields: Any) -> LogRecord:
    made = LogRecord(
        **{"time_unix_nano": time.time_ns(), "trace_id": os.urandom(16), "span_id": os.urandom(8), **fields}
    )
    made.attributes.extend(key_values(attributes or {}))
    if body is not None:
        made.body.CopyFrom(any_value(body))
    return made


def logs(*records: LogRecord) -> bytes:
    message = ExportLogsServiceRequest()
    of_resource = message.resource_logs.add()
    of_resource.resource.attributes.extend(key_values({"service.name": "shop", "deployment.environment.name": "prod"}))
    of_scope = of_resource.scope_logs.add()
    of_scope.scope.name = "tests"
    of_scope.log_records.extend(records)
    return message.SerializeToString()


def found(stack: Stack, one: LogRecord, table: str = "log_records") -> list[dict[str, Any]]:
    return rows(stack.reader(), f"SELECT * FROM {table} WHERE trace_id = {{id:String}}", {"id": one.trace_id.hex()})


def test_a_record_fills_its_columns(stack: Stack) -> None:
    at = time.time_ns()
    one = record({"a": 1, "b": {"c": [True]}}, body="it went wrong", time_unix_nano=at, severity_number=17)
    one.severity_text = "ERROR"
    land(stack, Signal.LOGS, logs(one))
    (row,) = found(stack, one)
    expected = {
        "project": "default",
        "span_id": one.span_id.hex(),
        "severity_number": 17,
        "severity_text": "ERROR",
        "event_name": "",
        "service_name": "shop",
        "environment": "prod",
        "scope_name": "tests",
        "body": "it went wrong",
        "attributes": {"a": "1", "b": '{"c":[true]}'},
    }
    assert {name: row[name] for name in expected} == expected
    sql = "SELECT toUnixTimestamp64Nano(timestamp) FROM log_records WHERE trace_id = {id:String}"
    assert stack.reader().query(sql, parameters={"id": one.trace_id.hex()}).result_rows == [(at,)]


@pytest.mark.parametrize("body", [{"k": [1, {"x": "y"}]}, ["a", 1.5], 7, False, b"\xff"])
def test_a_body_that_is_no_text_is_kept_as_json(stack: Stack, body: Any) -> None:
    one = record(body=body)
    land(stack, Signal.LOGS, logs(one))
    expected = "/w==" if body == b"\xff" else body
    assert json.loads(found(stack, one)[0]["body"]) == expected


def test_a_record_without_a_time_has_that_of_its_observation_or_of_its_receipt(stack: Stack) -> None:
    observed = record(time_unix_nano=0, observed_time_unix_nano=time.time_ns() - DAY_NS)
    neither = record(time_unix_nano=0)
    land(stack, Signal.LOGS, logs(observed, neither))
    age = "SELECT dateDiff('second', timestamp, received_at) FROM log_records WHERE trace_id = {id:String}"
    ages = [stack.reader().query(age, parameters={"id": r.trace_id.hex()}).result_rows for r in (observed, neither)]
    assert ages == [[(86_400,)], [(0,)]]


def test_an_evaluation_is_a_score_of_the_span_it_judges(stack: Stack) -> None:
    attributes = {
        "gen_ai.evaluation.name": "relevance",
        "gen_ai.evaluation.score.value": 0.75,
        "gen_ai.evaluation.score.label": "pass",
        "gen_ai.evaluation.explanation": "it answers the question",
        "gen_ai.response.id": "chatcmpl-1",
        "judge": "gpt-4o",
    }
    one = record(attributes, event_name="gen_ai.evaluation.result")
    old = record({**attributes, "event.name": "gen_ai.evaluation.result", "gen_ai.evaluation.score.value": 2})
    land(stack, Signal.LOGS, logs(one, old))
    (row,) = found(stack, one, "scores")
    expected = {
        "name": "relevance",
        "value": 0.75,
        "label": "pass",
        "explanation": "it answers the question",
        "response_id": "chatcmpl-1",
        "span_id": one.span_id.hex(),
        "service_name": "shop",
        "attributes": {"judge": "gpt-4o"},
    }
    assert {name: row[name] for name in expected} == expected
    assert found(stack, old, "scores")[0]["value"] == 2
    assert found(stack, one)[0]["event_name"] == "gen_ai.evaluation.result"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "high", "nan", None])
def test_a_score_that_is_no_finite_number_is_null_and_in_no_average(stack: Stack, value: Any) -> None:
    given = {} if value is None else {"gen_ai.evaluation.score.value": value}
    one = record({"gen_ai.evaluation.name": "x", **given}, event_name="gen_ai.evaluation.result")
    land(stack, Signal.LOGS, logs(one))
    assert found(stack, one, "scores")[0]["value"] is None


def test_feedback_has_a_table_of_its_own(stack: Stack) -> None:
    attributes = {
        "llmtrace.feedback.name": "thumb",
        "llmtrace.feedback.value": -1,
        "llmtrace.feedback.label": "down",
        "llmtrace.feedback.comment": "wrong year",
        "llmtrace.feedback.correction": "1969",
        "user.id": "ada",
        "session.id": "s-1",
    }
    one = record(attributes, event_name="llmtrace.feedback")
    land(stack, Signal.LOGS, logs(one))
    (row,) = found(stack, one, "feedback")
    expected = {
        "name": "thumb",
        "value": -1.0,
        "label": "down",
        "comment": "wrong year",
        "correction": "1969",
        "user_id": "ada",
        "session_id": "s-1",
    }
    assert {name: row[name] for name in expected} == expected


def test_messages_of_a_call_go_to_the_content_table_and_nowhere_else(stack: Stack) -> None:
    asked = [{"role": "user", "parts": [{"type": "text", "content": "what year?"}]}]
    one = record(
        {"gen_ai.operation.name": "chat", "gen_ai.input.messages": asked, "gen_ai.system_instructions": "[]"},
        event_name="gen_ai.client.inference.operation.details",
    )
    land(stack, Signal.LOGS, logs(one))
    (content,) = found(stack, one, "span_content")
    assert (json.loads(content["input_messages"]), content["system_instructions"]) == (asked, "[]")
    assert content["span_id"] == one.span_id.hex()
    assert found(stack, one)[0]["attributes"] == {"gen_ai.operation.name": "chat"}


def test_events_of_one_message_each_are_one_row_of_content_in_todays_form(stack: Stack) -> None:
    now = time.time_ns()
    ids: dict[str, Any] = {"trace_id": os.urandom(16), "span_id": os.urandom(8)}
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"a":1}'}}
    events = [
        ("gen_ai.choice", 9, {"index": 0, "finish_reason": "stop", "message": {"content": 'so "it" is'}}),
        ("gen_ai.user.message", 2, {"content": "where?"}),
        ("gen_ai.system.message", 1, {"content": "be brief", "role": "developer"}),
        ("gen_ai.assistant.message", 3, {"tool_calls": [call]}),
        ("gen_ai.tool.message", 4, {"content": "here", "id": "c1"}),
    ]
    records = [record(body=body, event_name=name, time_unix_nano=now + n, **ids) for name, n, body in events]
    land(stack, Signal.LOGS, logs(*records))
    (content,) = found(stack, records[0], "span_content")
    assert json.loads(content["input_messages"]) == [
        {"role": "developer", "parts": [{"type": "text", "content": "be brief"}]},
        {"role": "user", "parts": [{"type": "text", "content": "where?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "find", "arguments": '{"a":1}'}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "here"}]},
    ]
    assert json.loads(content["output_messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": 'so "it" is'}], "finish_reason": "stop"}
    ]
    assert {row["body"] for row in found(stack, records[0])} == {""}


FAULTS = {
    "short trace id": ({"trace_id": b"abc"}, "trace_id"),
    "long span id": ({"span_id": bytes(range(9))}, "span_id"),
    "far future": ({"time_unix_nano": time.time_ns() + 2 * DAY_NS}, "ahead"),
    "older than rows are kept": ({"time_unix_nano": time.time_ns() - 91 * DAY_NS}, "90 days"),
    "beyond all clocks": ({"time_unix_nano": 2**64 - 1}, "ahead"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_record_that_cannot_be_true_is_quarantined_with_its_reason_and_the_others_are_stored(
    stack: Stack, case: str
) -> None:
    fields, reason = FAULTS[case]
    mark = os.urandom(8).hex()
    good, bad = record(body="good"), record(body=mark, event_name="gen_ai.evaluation.result", **fields)
    land(stack, Signal.LOGS, logs(good, bad))
    assert len(found(stack, good)) == 1
    told = rows(stack.reader(), "SELECT * FROM logs_quarantine WHERE body = {mark:String}", {"mark": mark})
    assert [reason in row["reason"] for row in told] == [True]
    assert not found(stack, bad) + found(stack, bad, "scores")


def test_a_record_outside_of_any_span_has_no_ids(stack: Stack) -> None:
    mark = os.urandom(8).hex()
    land(stack, Signal.LOGS, logs(record(body=mark, trace_id=bytes(16), span_id=bytes(8))))
    (row,) = rows(stack.reader(), "SELECT * FROM log_records WHERE body = {mark:String}", {"mark": mark})
    assert (row["trace_id"], row["span_id"]) == ("", "")


def test_the_same_token_again_changes_no_table(stack: Stack) -> None:
    ids: dict[str, Any] = {"trace_id": os.urandom(16), "span_id": os.urandom(8)}
    body = logs(
        record({"gen_ai.evaluation.name": "x"}, event_name="gen_ai.evaluation.result", **ids),
        record({"llmtrace.feedback.name": "x"}, event_name="llmtrace.feedback", **ids),
        record({"gen_ai.input.messages": "[]"}, **ids),
        record(body={"content": "x"}, event_name="gen_ai.user.message", **ids),
        record(**{**ids, "span_id": b"1"}),
    )
    token = os.urandom(8).hex()
    for _ in range(3):
        land(stack, Signal.LOGS, body, token=token)
    one = LogRecord(**ids)
    counts = {table: len(found(stack, one, table)) for table in ("log_records", "scores", "feedback", "span_content")}
    assert counts == {"log_records": 4, "scores": 1, "feedback": 1, "span_content": 2}
    assert len(found(stack, one, "logs_quarantine")) == 1
