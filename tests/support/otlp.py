"""OTLP requests for tests, made with the protocol's own Python classes."""

from __future__ import annotations

import base64
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
    "llmtrace.cost.usd": "0.000123",
    "user.id": "ada",
}
"""The attributes of a plain call."""


def any_value(value: Any) -> AnyValue:
    """A Python value as OTLP."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
    if isinstance(value, Mapping):
        return AnyValue(kvlist_value=KeyValueList(values=key_values(value)))
    return AnyValue(string_value=value)


def key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    """Attributes as OTLP."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def span(attributes: Mapping[str, Any] | None = None, **fields: Any) -> Span:
    """One span of a second, from now, with random ids unless given."""
    start_ns = fields.pop("start_time_unix_nano", time.time_ns())
    return Span(
        trace_id=fields.pop("trace_id", os.urandom(16)),
        span_id=fields.pop("span_id", os.urandom(8)),
        name=fields.pop("name", "chat gpt-4o"),
        kind=fields.pop("kind", Span.SPAN_KIND_CLIENT),
        start_time_unix_nano=start_ns,
        end_time_unix_nano=fields.pop("end_time_unix_nano", start_ns + 10**9),
        attributes=key_values(CALL if attributes is None else attributes),
        **fields,
    )


def request(*spans: Span, resource: Mapping[str, Any] | None = None) -> bytes:
    """The spans as the body of an export."""
    message = ExportTraceServiceRequest()
    of_resource = message.resource_spans.add()
    of_resource.resource.attributes.extend(key_values(resource or {"service.name": "shop"}))
    of_scope = of_resource.scope_spans.add()
    of_scope.scope.name = "tests"
    of_scope.spans.extend(spans)
    return message.SerializeToString()


_IDS = {"traceId", "spanId", "parentSpanId"}


def otlp_json(message: Message) -> Any:
    """What a conforming sender writes: protobuf's JSON with OTLP's ids and enums."""
    return with_ids(json_format.MessageToDict(message, use_integers_for_enums=True), to_hex)


def to_hex(text: str) -> str:
    """An id of OTLP's JSON from one of protobuf's."""
    return base64.b64decode(text).hex()


def to_base64(text: str) -> str:
    """The other way round."""
    return base64.b64encode(bytes.fromhex(text)).decode()


def with_ids(value: Any, change: Any) -> Any:
    """The same JSON with every id changed."""
    if isinstance(value, dict):
        return {k: change(v) if k in _IDS and v is not None else with_ids(v, change) for k, v in value.items()}
    return [with_ids(item, change) for item in value] if isinstance(value, list) else value


def post(url: str, body: bytes | None, **headers: str) -> tuple[int, bytes, Mapping[str, str]]:
    """POSTs to `url` (GET when `body` is None) and gives status, body and headers, whatever the status."""
    named = {"content-type": "application/x-protobuf", **{k.replace("_", "-"): v for k, v in headers.items()}}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=named), timeout=30) as response:
            return response.status, response.read(), dict(response.headers.items())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers.items())
