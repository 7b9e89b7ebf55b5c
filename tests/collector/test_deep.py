"""Values deeper than the landing table: found without looking, and kept exactly."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from llmtrace_collector.database import rows
from llmtrace_collector.receive.deep import flatten_logs, has_deep
from llmtrace_collector.schema.otlp import SPAN_DEPTH
from llmtrace_collector.signals import Signal
from support.otlp import any_value, key_values, otlp_json, post
from support.services import Stack
from support.waiting import wait_for

leaf = st.one_of(st.text(max_size=5), st.booleans(), st.integers(-(2**63), 2**63 - 1))
trees = st.recursive(
    leaf, lambda below: st.lists(below, max_size=2) | st.dictionaries(st.text(max_size=3), below, max_size=2)
)


def depth(value: Any) -> int:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if below is None else 1 + max(map(depth, below), default=0)


def logs(attributes: dict[str, Any], body: Any = "", **fields: Any) -> ExportLogsServiceRequest:
    message = ExportLogsServiceRequest()
    record = message.resource_logs.add().scope_logs.add().log_records.add(**fields)
    record.attributes.extend(key_values(attributes))
    record.body.CopyFrom(any_value(body))
    return message


@settings(max_examples=200, deadline=None)
@given(attribute=trees, body=trees)
def test_a_request_is_told_deep_exactly_when_a_value_of_it_is(attribute: Any, body: Any) -> None:
    message = logs({"a": attribute, "b": 1}, body)
    deep = max(depth(attribute), depth(body)) > SPAN_DEPTH
    assert has_deep(Signal.LOGS, message.SerializeToString()) is deep
    flatten_logs(message)
    assert not has_deep(Signal.LOGS, message.SerializeToString())
    record = message.resource_logs[0].scope_logs[0].log_records[0]
    for value, got in ((attribute, record.attributes[0].value), (body, record.body)):
        if depth(value) > SPAN_DEPTH:
            assert json.loads(got.string_value) == value
        else:
            assert got == any_value(value)


def nested(levels: int) -> Any:
    value: Any = {"é": [1, 2.5, True, b"\xff", ""]}
    for number in range(levels):
        value = [value] if number % 2 else {"k": value}
    return value


@pytest.mark.parametrize("content_type", ["application/x-protobuf", "application/json"])
def test_deep_arguments_of_a_tool_call_and_a_deep_body_arrive_exactly(stack: Stack, content_type: str) -> None:
    arguments = {"city": {"name": "Oslo", "at": [59.9, 10.7]}}
    said = [{"role": "assistant", "parts": [{"type": "tool_call", "name": "find", "arguments": arguments}]}]
    ids: dict[str, Any] = {"trace_id": os.urandom(16), "span_id": os.urandom(8)}
    message = logs({"gen_ai.output.messages": said}, nested(12), **ids)
    sent = message.SerializeToString()
    if content_type == "application/json":
        sent = json.dumps(otlp_json(message)).encode()
    assert post(f"{stack.http_url}/v1/logs", sent, content_type=content_type)[0] == 200

    def found(table: str) -> list[dict[str, Any]]:
        sql = f"SELECT * FROM {table} WHERE trace_id = {{id:String}}"
        return rows(stack.reader(), sql, {"id": ids["trace_id"].hex()})

    (content,) = wait_for(lambda: found("span_content"), what="the messages")
    assert json.loads(content["output_messages"]) == said
    expected = json.dumps(nested(12), default=lambda _: "/w==")
    (record,) = wait_for(lambda: found("log_records"), what="the record: an insert is seen table by table")
    assert json.loads(record["body"]) == json.loads(expected)
