"""OTLP/JSON at the door: the same message as protobuf's own rules give, but for those that are OTLP's."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace_collector.otlp_json import MOST_LEVELS, JsonError, TooManyValuesError, read_json
from support.otlp import otlp_json, to_base64, with_ids
from support.otlp_messages import message_of

KINDS = [ExportTraceServiceRequest, ExportLogsServiceRequest, ExportMetricsServiceRequest]


def protobufs_own(value: Any, kind: type[Message]) -> Message:
    """The message by `json_format`, which knows nothing of hexadecimal ids."""
    return json_format.ParseDict(with_ids(value, to_base64), kind(), ignore_unknown_fields=True)


NUMBERS = {"intValue", "startTimeUnixNano", "timeUnixNano", "count", "asInt", "severityNumber"}


def plain(number: Any, dice: random.Random) -> Any:
    """A number in another of the forms it may have."""
    if isinstance(number, str) and number.removeprefix("-").isdecimal() and abs(int(number)) < 2**53:
        return dice.choice([number, int(number), float(number)])
    return number


def restyled(value: Any, dice: random.Random) -> Any:
    """The same JSON with numbers in other forms, nulls, and names nobody knows put in between."""
    if isinstance(value, list):
        return [restyled(item, dice) for item in value]
    if not isinstance(value, dict):
        return value
    made = {k: plain(v, dice) if k in NUMBERS else restyled(v, dice) for k, v in value.items()}
    more = dice.choice([{}, {"xNew": {"a": [1, None, {"traceIds": "?"}]}}, {"traceState": None, "values": None}])
    return {**more, **made}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_any_message_comes_back_as_it_was_written_in_whatever_form(kind: type[Message], seed: int) -> None:
    dice = random.Random(seed)
    message = message_of(kind, dice)
    text = json.dumps(restyled(otlp_json(message), dice), ensure_ascii=dice.random() < 0.5).encode()
    got = read_json(text, kind).SerializeToString(deterministic=True)
    assert got == message.SerializeToString(deterministic=True)
    assert got == protobufs_own(json.loads(text), kind).SerializeToString(deterministic=True)


def one_value(value: Any) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": value}]}]}]}


def body_of(value: Any) -> Any:
    text = json.dumps(one_value(value)).encode()
    return read_json(text, ExportLogsServiceRequest).resource_logs[0].scope_logs[0].log_records[0].body


LIKE_PROTOBUF = [
    {"intValue": "-9223372036854775808"},
    {"intValue": 9223372036854775807},
    {"intValue": 5.0},
    {"intValue": "5"},
    {"boolValue": False},
    {"doubleValue": 1},
    {"doubleValue": "NaN"},
    {"doubleValue": "-Infinity"},
    {"doubleValue": "1.5e-3"},
    {"doubleValue": 1e308},
    {"stringValue": ""},
    {"stringValue": "\x00 \u20ac \U0001f600"},
    {"bytesValue": "+/8="},
    {"bytesValue": "-_8"},
    {"bytesValue": ""},
    {"arrayValue": {}},
    {"arrayValue": {"values": None}},
    {"arrayValue": {"values": [{}, {"intValue": None}, {"kvlistValue": {"values": [{"key": "a"}]}}]}},
    {"kvlistValue": {"values": [{"key": "a", "value": {}}, {"key": "a", "value": None}]}},
    {"stringValue": None, "intValue": 1},
    {},
    None,
]


@pytest.mark.parametrize("value", LIKE_PROTOBUF, ids=json.dumps)
def test_a_value_is_read_as_protobufs_json_reads_it(value: Any) -> None:
    expected = protobufs_own(one_value(value), ExportLogsServiceRequest)
    got = read_json(json.dumps(one_value(value)).encode(), ExportLogsServiceRequest)
    assert got.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)


REFUSED = [
    {"intValue": "9223372036854775808"},
    {"intValue": 9223372036854775808},
    {"intValue": -9223372036854775809},
    {"intValue": 1.5},
    {"intValue": "five"},
    {"intValue": "1 "},
    {"intValue": ""},
    {"intValue": True},
    {"boolValue": "true"},
    {"boolValue": 1},
    {"doubleValue": "nan"},
    {"doubleValue": "one"},
    {"stringValue": 1},
    {"arrayValue": {"values": [None]}},
    {"kvlistValue": {"values": [1]}},
    {"bytesValue": "a"},
    {"stringValue": "a", "intValue": "1"},
    {"intValue": "1", "boolValue": True},
    {"stringValue": ["a"]},
]


@pytest.mark.parametrize("value", REFUSED, ids=json.dumps)
def test_what_protobufs_json_refuses_is_refused(value: Any) -> None:
    with pytest.raises((json_format.ParseError, ValueError)):
        protobufs_own(one_value(value), ExportLogsServiceRequest)
    with pytest.raises(JsonError):
        body_of(value)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "Expected `object"),
        (b'"x"', "Expected `object"),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": "INFO"}]}]}]}', "severityNumber"),
        (
            b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{}, {"body": {"intValue": []}}]}]}]}',
            "logRecords[1].body.intValue",
        ),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "xyz"}]}]}]}', "traceId"),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "ab cd"}]}]}]}', "traceId"),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"flags": -1}]}]}]}', "flags"),
        (b'{"resourceLogs": [{"schemaUrl": "\xff"}]}', ""),
        (b'{"resourceLogs": [{"schemaUrl": "\\ud800"}]}', ""),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"doubleValue": false}}]}]}]}', "got `bool`"),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": []}]}]}]}', "got `array` - at"),
        (b"[" * 100_000, ""),
        (b'{"resourceLogs":' * 100_000, ""),
        (b'{"a":' * 100_000, ""),
    ],
)
def test_what_is_no_otlp_json_is_refused_with_its_place(text: bytes, where: str) -> None:
    with pytest.raises(JsonError) as raised:
        read_json(text, ExportLogsServiceRequest)
    assert where in str(raised.value)


def test_ids_are_hexadecimal_of_either_case_and_of_any_length() -> None:
    span = {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7e", "parentSpanId": ""}
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    got = read_json(text, ExportTraceServiceRequest).resource_spans[0].scope_spans[0].spans[0]
    assert got.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert (got.span_id.hex(), got.parent_span_id) == ("eee19b7e", b"")


def test_original_field_names_are_unknown_names() -> None:
    text = b'{"resource_spans": [{"scope_spans": 5}]}'
    assert read_json(text, ExportTraceServiceRequest) == ExportTraceServiceRequest()


def test_a_metric_of_two_kinds_is_refused() -> None:
    text = b'{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"gauge": {}, "sum": {}}]}]}]}'
    with pytest.raises(JsonError, match="only one of gauge, sum"):
        read_json(text, ExportMetricsServiceRequest)


@pytest.mark.parametrize("kind", ["arrayValue", "kvlistValue"])
def test_values_are_read_to_a_depth_that_protobuf_reads_too_and_refused_below(kind: str) -> None:
    def nested(levels: int) -> Any:
        value: Any = {"stringValue": "deep"}
        for _ in range(levels):
            value = {kind: {"values": [value if kind == "arrayValue" else {"key": "k", "value": value}]}}
        return value

    text = json.dumps(one_value(nested(MOST_LEVELS))).encode()
    message = read_json(text, ExportLogsServiceRequest)
    assert ExportLogsServiceRequest.FromString(message.SerializeToString()) == message
    with pytest.raises(JsonError, match="levels"):
        body_of(nested(MOST_LEVELS + 1))


def test_more_values_than_anyone_sends_are_refused_before_they_are_built() -> None:
    with pytest.raises(TooManyValuesError, match="the most is"):
        read_json(b'{"resourceLogs":[' + b"{}," * 4_100_000 + b"{}]}", ExportLogsServiceRequest)


def test_a_value_that_is_no_number_stays_one() -> None:
    assert math.isnan(body_of({"doubleValue": "NaN"}).double_value)
