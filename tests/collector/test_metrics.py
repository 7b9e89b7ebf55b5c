"""Metrics: every kind of point in its table, exactly, and what cannot be true apart."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from llmtrace_collector.database import rows
from llmtrace_collector.signals import Signal
from support.landing import land
from support.otlp import key_values
from support.services import Stack

DAY_NS = 86_400 * 10**9
NOW = time.time_ns() // 10**6 * 10**6


def metrics(*given: Metric) -> bytes:
    message = ExportMetricsServiceRequest()
    of_resource = message.resource_metrics.add()
    of_resource.resource.attributes.extend(key_values({"service.name": "shop"}))
    of_scope = of_resource.scope_metrics.add()
    of_scope.scope.name = "tests"
    of_scope.metrics.extend(given)
    return message.SerializeToString()


def named(**fields: Any) -> Metric:
    return Metric(name=os.urandom(8).hex(), unit="s", description="how long", **fields)


def found(stack: Stack, kind: str, metric: Metric) -> list[dict[str, Any]]:
    sql = f"SELECT * FROM metrics_{kind} WHERE name = {{name:String}} ORDER BY timestamp"
    return rows(stack.reader(), sql, {"name": metric.name})


def part(row: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in expected}


def at(ns: int) -> datetime:
    return datetime.fromtimestamp(ns / 10**9, UTC).replace(tzinfo=None)


def test_gauges_keep_integers_fractions_zero_and_nothing_apart(stack: Stack) -> None:
    one = named()
    points = one.gauge.data_points
    points.add(time_unix_nano=NOW, as_int=-5).attributes.extend(key_values({"a": "b", "l": [1, 2]}))
    points.add(time_unix_nano=NOW + 1, as_double=0.0)
    points.add(time_unix_nano=NOW + 2, as_int=0)
    points.add(time_unix_nano=NOW + 3, as_int=3, flags=1)
    land(stack, Signal.METRICS, metrics(one))
    got = found(stack, "gauge", one)
    assert [row["value"] for row in got] == [-5.0, 0.0, 0.0, None]
    expected = {
        "project": "default",
        "unit": "s",
        "description": "how long",
        "service_name": "shop",
        "scope_name": "tests",
        "attributes": {"a": "b", "l": "[1,2]"},
        "resource_attributes": {"service.name": "shop"},
    }
    assert part(got[0], expected) == expected


def test_sums_keep_their_start_kind_and_exemplars(stack: Stack) -> None:
    one = named()
    one.sum.aggregation_temporality = 2
    one.sum.is_monotonic = True
    point = one.sum.data_points.add(time_unix_nano=NOW, start_time_unix_nano=NOW - 10**9, as_double=2.5)
    point.exemplars.add(time_unix_nano=NOW, as_int=3, trace_id=bytes(range(16)), span_id=bytes(range(8)))
    land(stack, Signal.METRICS, metrics(one))
    (row,) = found(stack, "sum", one)
    expected = {
        "value": 2.5,
        "temporality": "CUMULATIVE",
        "is_monotonic": True,
        "timestamp": at(NOW),
        "start_timestamp": at(NOW - 10**9),
        "exemplars.value": [3.0],
        "exemplars.trace_id": ["000102030405060708090a0b0c0d0e0f"],
        "exemplars.span_id": ["0001020304050607"],
    }
    assert part(row, expected) == expected


def test_histograms_keep_buckets_and_what_was_not_told_is_null(stack: Stack) -> None:
    one = named()
    one.histogram.aggregation_temporality = 1
    points = one.histogram.data_points
    points.add(time_unix_nano=NOW, count=3, sum=0.0, min=0.0, bucket_counts=[1, 2], explicit_bounds=[0.5])
    points.add(time_unix_nano=NOW + 1, count=7)
    land(stack, Signal.METRICS, metrics(one))
    full, bare = found(stack, "histogram", one)
    expected = {"temporality": "DELTA", "count": 3, "sum": 0.0, "min": 0.0, "max": None, "bounds": [0.5]}
    assert part(full, expected) == expected
    assert full["bucket_counts"] == [1, 2]
    nothing = {"count": 7, "sum": None, "min": None, "max": None, "bounds": [], "bucket_counts": []}
    assert part(bare, nothing) == nothing


def test_exponential_histograms_keep_both_sides(stack: Stack) -> None:
    one = named()
    point = one.exponential_histogram.data_points.add(
        time_unix_nano=NOW, count=9, scale=-2, zero_count=4, zero_threshold=0.25, sum=1.0, max=3.0
    )
    point.positive.offset = -3
    point.positive.bucket_counts.extend([1, 2])
    point.negative.offset = 7
    point.negative.bucket_counts.extend([2])
    land(stack, Signal.METRICS, metrics(one))
    (row,) = found(stack, "exponential_histogram", one)
    expected = {
        "count": 9,
        "scale": -2,
        "zero_count": 4,
        "zero_threshold": 0.25,
        "sum": 1.0,
        "min": None,
        "max": 3.0,
        "positive_offset": -3,
        "positive_counts": [1, 2],
        "negative_offset": 7,
        "negative_counts": [2],
    }
    assert part(row, expected) == expected


def test_summaries_keep_their_quantiles(stack: Stack) -> None:
    one = named()
    point = one.summary.data_points.add(time_unix_nano=NOW, count=4, sum=10.0)
    point.quantile_values.add(quantile=0.5, value=2.0)
    point.quantile_values.add(quantile=0.99, value=4.0)
    land(stack, Signal.METRICS, metrics(one))
    (row,) = found(stack, "summary", one)
    expected = {"count": 4, "sum": 10.0, "quantiles.quantile": [0.5, 0.99], "quantiles.value": [2.0, 4.0]}
    assert part(row, expected) == expected


def test_points_that_cannot_be_true_are_quarantined_with_their_reason_and_the_others_are_stored(stack: Stack) -> None:
    one = named()
    points = one.histogram.data_points
    points.add(time_unix_nano=NOW, count=1)
    points.add(time_unix_nano=1, count=2)
    points.add(time_unix_nano=NOW + 2 * DAY_NS, count=3)
    points.add(time_unix_nano=NOW, count=4, bucket_counts=[1, 2, 3], explicit_bounds=[0.5])
    land(stack, Signal.METRICS, metrics(one))
    assert [row["count"] for row in found(stack, "histogram", one)] == [1]
    sql = "SELECT count, reason FROM metrics_quarantine WHERE name = {name:String} ORDER BY count"
    told = stack.reader().query(sql, parameters={"name": one.name}).result_rows
    reasons = ["90 days before", "a day ahead", "number of buckets"]
    assert [(count, reason in text) for (count, text), reason in zip(told, reasons, strict=True)] == [
        (2, True),
        (3, True),
        (4, True),
    ]


def test_the_same_token_again_changes_no_table(stack: Stack) -> None:
    gauge, sum_ = named(), named()
    gauge.gauge.data_points.add(time_unix_nano=NOW, as_int=1)
    gauge.gauge.data_points.add(time_unix_nano=1, as_int=2)
    sum_.sum.data_points.add(time_unix_nano=NOW, as_int=1)
    token = os.urandom(8).hex()
    for _ in range(3):
        land(stack, Signal.METRICS, metrics(gauge, sum_), token=token)
    counts = [len(found(stack, "gauge", gauge)), len(found(stack, "sum", sum_))]
    sql = "SELECT count() FROM metrics_quarantine WHERE name = {name:String}"
    assert counts == [1, 1]
    assert stack.reader().query(sql, parameters={"name": gauge.name}).result_rows == [(1,)]
