"""OTLP requests as upb sees them: whether they are one, how much is in them, and their canonical bytes.

The three signals have one form::

    request ── groups of a resource ── groups of a scope ── items: spans, log records; metrics with data points

Nothing here runs per span or log record; metrics are gone through one by one, their points are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

from llmtrace_collector.signals import Signal

MOST_ITEMS = 100_000
"""Spans, log records or data points in one request; far above what any exporter batches."""

MOST_GROUPS = 20_000
"""Resources, scopes or metrics in one request."""

MAX_WEIGHT_BYTES = 512 * 1024**2
"""Of one request once each item carries its resource's attributes, as its rows do."""

_ITEM_WEIGHT = 2_000
"""Bytes an item's row takes in ClickHouse's memory even when it has no attribute."""


class MalformedError(Exception):
    """The bytes are not a request of this signal."""


class TooManyError(Exception):
    """More resources, scopes or items than one request may hold, or too large once unfolded."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """The names of one signal's messages and fields."""

    request: type[Message]
    response: type[Message]
    groups: str
    """The field of the request with a message for each resource."""
    scopes: str
    """The field of such a message with one for each scope."""
    items: str
    """The field of such a message with spans, log records or metrics."""
    noun: str
    """What its items are called in sentences."""
    rejected: str
    """The field of a partial success with how many were not taken."""


FORMS: dict[Signal, Form] = {
    Signal.TRACES: Form(
        request=traces.ExportTraceServiceRequest,
        response=traces.ExportTraceServiceResponse,
        groups="resource_spans",
        scopes="scope_spans",
        items="spans",
        noun="spans",
        rejected="rejected_spans",
    ),
    Signal.LOGS: Form(
        request=logs.ExportLogsServiceRequest,
        response=logs.ExportLogsServiceResponse,
        groups="resource_logs",
        scopes="scope_logs",
        items="log_records",
        noun="log records",
        rejected="rejected_log_records",
    ),
    Signal.METRICS: Form(
        request=metrics.ExportMetricsServiceRequest,
        response=metrics.ExportMetricsServiceResponse,
        groups="resource_metrics",
        scopes="scope_metrics",
        items="metrics",
        noun="data points",
        rejected="rejected_data_points",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a request, or the part of it under one resource, holds."""

    items: int
    """Spans, log records or data points."""
    groups: int
    """Scopes, and metrics."""
    weight: int
    """About what its rows will take in ClickHouse's memory, bytes: each item carries its resource's attributes."""


def parse(signal: Signal, body: bytes) -> Message:
    """A request body as a message.

    Raises:
        MalformedError: it does not parse.
    """
    form = FORMS[signal]
    try:
        return form.request.FromString(body)
    except DecodeError as error:
        name = form.request.DESCRIPTOR.name
        raise MalformedError(f"the body is not an OTLP {name} in protobuf, or it was cut short") from error


def measure(signal: Signal, request: Message, size_bytes: int) -> Size:
    """What is in a request of so many bytes.

    Raises:
        TooManyError: more than the limits above; its weight is not looked at.
    """
    form = FORMS[signal]
    groups = _groups(form, request)
    _check(len(groups), MOST_GROUPS, "resources")
    sizes = [_measure_group(form, group) for group in groups]
    whole = Size(
        items=sum(size.items for size in sizes),
        groups=sum(size.groups for size in sizes),
        weight=size_bytes + sum(size.weight for size in sizes),
    )
    _check(whole.groups, MOST_GROUPS, "scopes and metrics" if signal is Signal.METRICS else "scopes")
    _check(whole.items, MOST_ITEMS, form.noun)
    return whole


def drop_heavy(signal: Signal, request: Message) -> int:
    """Takes out of `request` what is too heavy under one resource alone, and gives the number of items that were."""
    form = FORMS[signal]
    groups = _groups(form, request)
    dropped = 0
    for number in reversed(range(len(groups))):
        size = _measure_group(form, groups[number])
        if size.weight > MAX_WEIGHT_BYTES:
            dropped += size.items
            del groups[number]
    return dropped


def _groups(form: Form, request: Message) -> Any:
    return getattr(request, form.groups)


def _measure_group(form: Form, group: Any) -> Size:
    scopes = getattr(group, form.scopes)
    items, groups = 0, len(scopes)
    for scope in scopes:
        here = getattr(scope, form.items)
        if form.items == "metrics":
            groups += len(here)
            items += sum(_points(metric) for metric in here)
        else:
            items += len(here)
    return Size(items=items, groups=groups, weight=items * (_ITEM_WEIGHT + group.resource.ByteSize()))


def _points(metric: Any) -> int:
    kind = metric.WhichOneof("data")
    return len(getattr(metric, kind).data_points) if kind else 0


def _check(number: int, most: int, what: str) -> None:
    if number > most:
        raise TooManyError(f"the request holds {number:,} {what}, the most is {most:,}")


def canonical(signal: Signal, body: bytes) -> bytes:
    """The same request as upb writes it: each field once, with its own wire type, and none that is unknown.

    Protobuf allows more than ClickHouse's parser takes: a oneof set twice (the last one counts), a field given in
    parts, an integer wider than its type. Raises `MalformedError` when it does not parse.
    """
    request = parse(signal, body)
    request.DiscardUnknownFields()
    return request.SerializeToString()


def response(signal: Signal, *, rejected: int = 0, message: str = "") -> Message:
    """The answer to a request; empty when everything was taken and there is nothing to say."""
    form = FORMS[signal]
    answer = form.response()
    if rejected or message:
        partial: Any = answer.partial_success  # type: ignore[attr-defined]
        setattr(partial, form.rejected, rejected)
        partial.error_message = message
    return answer
