"""OTLP trace requests as upb sees them: whether they are one, how much is in them, and their canonical bytes."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

MOST_SPANS = 100_000
"""In one request; far above what any exporter batches."""

MOST_GROUPS = 20_000
"""Resources and scopes in one request."""

_SPAN_WEIGHT = 2_000
"""Bytes a span's row takes in ClickHouse's memory even when it has no attribute."""


class MalformedError(Exception):
    """The bytes are not an ExportTraceServiceRequest."""


class TooManyError(Exception):
    """More resources, scopes or spans than one request may hold."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a request holds."""

    spans: int
    weight: int
    """About what its rows will take in ClickHouse's memory, bytes: each span carries its resource's attributes."""


def measure(body: bytes) -> Size:
    """What is in a request body.

    Raises:
        MalformedError: it does not parse.
        TooManyError: more than the limits above.
    """
    request = _parse(body)
    _check(len(request.resource_spans), MOST_GROUPS, "resources")
    spans = groups = 0
    weight = len(body)
    for of_resource in request.resource_spans:
        groups += len(of_resource.scope_spans)
        _check(groups, MOST_GROUPS, "scopes")
        here = sum(len(of_scope.spans) for of_scope in of_resource.scope_spans)
        spans += here
        weight += here * (_SPAN_WEIGHT + of_resource.resource.ByteSize())
    _check(spans, MOST_SPANS, "spans")
    return Size(spans=spans, weight=weight)


def _check(number: int, most: int, what: str) -> None:
    if number > most:
        raise TooManyError(f"the request holds {number:,} {what}, the most is {most:,}")


def canonical(body: bytes) -> bytes:
    """The same request as upb writes it: each field once, with its own wire type, and none that is unknown.

    Protobuf allows more than ClickHouse's parser takes: a oneof set twice (the last one counts), a field given in
    parts, an integer wider than its type. Raises `MalformedError` when it does not parse.
    """
    request = _parse(body)
    request.DiscardUnknownFields()
    return request.SerializeToString()


def _parse(body: bytes) -> ExportTraceServiceRequest:
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise MalformedError(
            "the body is not an OTLP ExportTraceServiceRequest in protobuf, or it was cut short"
        ) from error
