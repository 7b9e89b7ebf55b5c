"""The protobuf path does its work in C: what Python does for a request does not grow with its spans."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from llmtrace_collector.receive.door import _judge_protobuf
from llmtrace_collector.signals import Signal
from support.otlp import CALL, key_values, request, span

judge = partial(_judge_protobuf, change=None)
"""As where no redaction is configured."""


def traces(number: int) -> bytes:
    return request(*(span(CALL) for _ in range(number)))


def logs(number: int) -> bytes:
    message = ExportLogsServiceRequest()
    records = message.resource_logs.add().scope_logs.add().log_records
    for _ in range(number):
        records.add().attributes.extend(key_values(CALL))
    return message.SerializeToString()


def points(number: int) -> bytes:
    message = ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    for _ in range(number):
        metric.gauge.data_points.add(as_int=1).attributes.extend(key_values(CALL))
    return message.SerializeToString()


def steps(work: Callable[[], object]) -> int:
    """Lines and calls of Python, and calls of C from Python, that `work` takes."""
    count = 0

    def trace(*_: object) -> Callable[..., object]:
        nonlocal count
        count += 1
        return trace

    sys.settrace(trace)
    sys.setprofile(trace)
    try:
        work()
    finally:
        sys.settrace(None)
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(("signal", "bodies"), [(Signal.TRACES, traces), (Signal.LOGS, logs), (Signal.METRICS, points)])
def test_python_does_as_much_for_one_span_as_for_a_thousand(signal: Signal, bodies: Callable[[int], bytes]) -> None:
    one, many = bodies(1), bodies(1000)
    assert judge(signal, many).items == 1000
    assert steps(lambda: judge(signal, many)) == steps(lambda: judge(signal, one))


@pytest.mark.parametrize(("signal", "bodies"), [(Signal.TRACES, traces), (Signal.LOGS, logs), (Signal.METRICS, points)])
def test_the_bytes_go_on_as_they_came(signal: Signal, bodies: Callable[[int], bytes]) -> None:
    body = bodies(3)
    assert judge(signal, body).body is body
