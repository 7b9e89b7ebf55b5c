"""The doors: what is taken, what is refused, with which status and which sentence."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import socket
import time
import zlib
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from llmtrace_collector.database import rows
from llmtrace_collector.signals import Signal
from support.mutations import zstd_of
from support.otlp import otlp_json, post, request, span
from support.services import Stack, stack_at
from support.waiting import wait_for

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def stored(stack: Stack, name: str) -> int:
    sql = "SELECT count() FROM spans WHERE name = {name:String}"
    return int(stack.reader().query(sql, parameters={"name": name}).result_rows[0][0])


def export(stack: Stack, body: bytes, **metadata: str) -> bytes:
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
        call = channel.unary_unary(EXPORT)
        return call(body, timeout=10, metadata=tuple(metadata.items()))


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_sdk_exporter_over_http_delivers_every_span(stack: Stack, compression: Compression) -> None:
    name = f"http {compression.name}"
    provider = TracerProvider()
    exporter = HttpExporter(endpoint=f"{stack.http_url}/v1/traces", compression=compression)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    for _ in range(20):
        provider.get_tracer("tests").start_span(name).end()
    provider.shutdown()
    wait_for(lambda: stored(stack, name) == 20, what="20 spans")


def test_the_sdk_exporter_over_grpc_delivers_every_span(stack: Stack) -> None:
    provider = TracerProvider()
    provider.add_span_processor(
        BatchSpanProcessor(GrpcExporter(endpoint=f"http://127.0.0.1:{stack.grpc_port}", insecure=True))
    )
    for _ in range(20):
        provider.get_tracer("tests").start_span("grpc").end()
    provider.shutdown()
    wait_for(lambda: stored(stack, "grpc") == 20, what="20 spans")


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_the_sdk_exporters_of_logs_and_metrics_deliver_everything(stack: Stack, protocol: str) -> None:
    name = f"sdk_{protocol}"
    grpc_url = f"http://127.0.0.1:{stack.grpc_port}"
    if protocol == "http":
        log_exporter: Any = HttpLogExporter(endpoint=f"{stack.http_url}/v1/logs", compression=Compression.Gzip)
        metric_exporter: Any = HttpMetricExporter(endpoint=f"{stack.http_url}/v1/metrics")
    else:
        log_exporter = GrpcLogExporter(endpoint=grpc_url, insecure=True)
        metric_exporter = GrpcMetricExporter(endpoint=grpc_url, insecure=True)
    logs = LoggerProvider(shutdown_on_exit=False)
    logs.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
    for number in range(20):
        logs.get_logger("tests").emit(LogRecord(timestamp=time.time_ns(), body=name, attributes={"n": number}))
    logs.shutdown()
    metrics = MeterProvider([PeriodicExportingMetricReader(metric_exporter)], shutdown_on_exit=False)
    meter = metrics.get_meter("tests")
    meter.create_counter(name).add(7, {"a": "b"})
    meter.create_histogram(name + "_histogram").record(0.3)
    metrics.shutdown()
    reader = stack.reader()
    sql = "SELECT count(), uniqExact(attributes['n']) FROM log_records WHERE body = {name:String}"
    wait_for(lambda: reader.query(sql, parameters={"name": name}).result_rows == [(20, 20)], what="20 records")
    sql = (
        "SELECT (SELECT sum(value) FROM metrics_sum WHERE name = {name:String}),"
        " (SELECT sum(count) FROM metrics_histogram WHERE name = concat({name:String}, '_histogram'))"
    )
    wait_for(lambda: reader.query(sql, parameters={"name": name}).result_rows == [(7.0, 1)], what="two metrics")


@pytest.mark.parametrize("signal", Signal)
def test_each_signal_is_refused_by_its_own_name(stack: Stack, signal: Signal) -> None:
    status, answer, _ = post(f"{stack.http_url}/v1/{signal}", b"\xff")
    name = {"traces": "Trace", "logs": "Logs", "metrics": "Metrics"}[signal]
    assert (status, f"Export{name}ServiceRequest" in Status.FromString(answer).message) == (400, True)
    assert post(f"{stack.http_url}/v1/{signal}", b"")[:2] == (200, b"")


def test_a_gzip_body_of_several_members_is_one_body(stack: Stack) -> None:
    body = request(span(name="members"))
    members = gzip.compress(body[:50]) + gzip.compress(body[50:])
    assert post(f"{stack.http_url}/v1/traces", members, content_encoding="gzip")[0] == 200
    wait_for(lambda: stored(stack, "members") == 1)


REFUSED = {
    "not protobuf": (b"\xff" * 10, {}, 400, "not an OTLP ExportTraceServiceRequest"),
    "cut short": (request(span())[:-3], {}, 400, "cut short"),
    "claims gzip and is not": (request(span()), {"content_encoding": "gzip"}, 400, "says gzip, but the body does not"),
    "gzip cut short": (gzip.compress(request(span()))[:-9], {"content_encoding": "gzip"}, 400, "cut short"),
    "unknown encoding": (b"x", {"content_encoding": "br"}, 400, "send gzip, deflate"),
    "gzip bomb": (gzip.compress(bytes(80_000_000), 9), {"content_encoding": "gzip"}, 413, "inflates to more than"),
    "deflate bomb": (
        zlib.compress(bytes(80_000_000), 9),
        {"content_encoding": "deflate"},
        413,
        "inflates to more than",
    ),
    "zstd bomb": (zstd_of(bytes(80_000_000)), {"content_encoding": "zstd"}, 413, "inflates to more than"),
    "bomb of many members": (
        gzip.compress(bytes(8_000_000), 9) * 10,
        {"content_encoding": "gzip"},
        413,
        "inflates to more than",
    ),
    "too large": (bytes(67_108_865), {}, 413, "larger than 67,108,864 bytes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_body_is_refused_with_a_status_and_a_sentence_in_protobuf(stack: Stack, case: str) -> None:
    body, headers, status, sentence = REFUSED[case]
    got, answer, answer_headers = post(f"{stack.http_url}/v1/traces", body, **headers)
    assert got == status
    assert answer_headers["content-type"] == "application/x-protobuf"
    assert sentence in Status.FromString(answer).message


REFUSED_IN_JSON = {
    "many values": (
        b'{"resourceSpans":[' + b"{}," * 4_100_000 + b"{}]}",
        "application/json",
        413,
        "the most is 8,000,000: send less at a time",
    ),
    "deep nesting": (b'{"resourceSpans":' * 200_000, "application/json", 400, "not OTLP in JSON"),
    "not json": (b"{", "application/json", 400, "not OTLP in JSON: Input data was truncated"),
    "wrong kind": (b'{"resourceSpans": {}}', "application/json; charset=utf-8", 400, "at `$.resourceSpans`"),
    "wrong type": (b"{}", "text/plain", 415, "text/plain: send OTLP as application/x-protobuf or application/json"),
    "no type": (b"", "", 415, "content type is none"),
}


@pytest.mark.parametrize("case", REFUSED_IN_JSON)
def test_a_bad_body_is_refused_in_json_to_who_does_not_send_protobuf(stack: Stack, case: str) -> None:
    body, content_type, status, sentence = REFUSED_IN_JSON[case]
    got, answer, headers = post(f"{stack.http_url}/v1/traces", body, content_type=content_type)
    assert (got, headers["content-type"]) == (status, "application/json")
    told = json.loads(answer)
    assert (told["code"], sentence in told["message"]) == (8 if status == 413 else 3, True)


def test_json_comes_to_the_same_row_as_protobuf(stack: Stack) -> None:
    one = span({"text": "é", "number": 2**63 - 1, "real": 0.5, "flag": False, "list": ["a", 1], "bytes": b"\xff"})
    one.events.add(time_unix_nano=5, name="retry")
    twin = type(one)()
    twin.CopyFrom(one)
    twin.trace_id = bytes(reversed(one.trace_id))
    assert post(f"{stack.http_url}/v1/traces", request(one))[0] == 200
    text = json.dumps(otlp_json(ExportTraceServiceRequest.FromString(request(twin)))).encode()
    status, answer, headers = post(
        f"{stack.http_url}/v1/traces", gzip.compress(text), content_type="application/json", content_encoding="gzip"
    )
    assert (status, answer, headers["content-type"]) == (200, b"{}", "application/json")

    def row(each: Span) -> dict[str, Any] | None:
        sql = "SELECT * EXCEPT (trace_id, received_at) FROM spans WHERE trace_id = {id:String}"
        return next(iter(rows(stack.reader(), sql, {"id": each.trace_id.hex()})), None)

    wait_for(lambda: row(one) and row(twin), what="both spans")
    assert row(one) == row(twin)


def test_what_is_too_heavy_is_named_in_a_partial_success_and_the_rest_is_stored(stack: Stack) -> None:
    message = ExportTraceServiceRequest.FromString(request(span(name="light")))
    heavy = request(*[Span(name="heavy")] * 20_000, resource={"pad": "x" * 100_000})
    message.MergeFromString(heavy)
    status, answer, _ = post(f"{stack.http_url}/v1/traces", message.SerializeToString())
    told = ExportTraceServiceResponse.FromString(answer).partial_success
    assert (status, told.rejected_spans, "each carries its resource's" in told.error_message) == (200, 20_000, True)
    answer = export(stack, message.SerializeToString())
    assert ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans == 20_000
    wait_for(lambda: stored(stack, "light") == 2)
    assert stored(stack, "heavy") == 0


def test_other_paths_and_methods_are_answered_with_what_to_do(stack: Stack) -> None:
    status, body, _ = post(f"{stack.http_url}/v1/tracks", b"")
    assert (status, Status.FromString(body).message.split(":")[0]) == (404, "there is nothing at /v1/tracks")
    status, body, headers = post(f"{stack.http_url}/v1/traces", None)
    assert (status, headers["allow"]) == (405, "POST")


def test_more_spans_than_anybody_batches_or_a_resource_too_large_for_its_spans_are_refused(stack: Stack) -> None:
    url = f"{stack.http_url}/v1/traces"
    status, answer, _ = post(url, request(*[Span()] * 100_001))
    assert (status, "100,001 spans, the most is 100,000" in Status.FromString(answer).message) == (413, True)
    wide = request(*[Span()] * 20_000, resource={"pad": "x" * 100_000})
    status, answer, _ = post(url, wide)
    assert (status, "each carries its resource's attributes" in Status.FromString(answer).message) == (413, True)


def test_a_foreign_host_name_is_refused_where_only_this_machine_may_come(stack: Stack) -> None:
    status, answer, _ = post(f"{stack.http_url}/v1/traces", request(span(name="foreign")), Host="evil.example")
    assert (status, "'evil.example'" in Status.FromString(answer).message) == (403, True)


def test_senders_that_give_up_while_they_wait_do_not_stop_the_others(stack: Stack) -> None:
    body = request(span(name="impatient"))

    async def impatient() -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
            call = channel.unary_unary(EXPORT)
            dice = random.Random(1)
            for _ in range(100):
                waiting = [call(body, timeout=5) for _ in range(4)]
                await asyncio.sleep(dice.uniform(0, 0.004))
                for each in waiting:
                    each.cancel()

    asyncio.run(impatient())
    assert post(f"{stack.http_url}/v1/traces", request(span(name="patient")))[0] == 200
    wait_for(lambda: stored(stack, "patient") == 1)


def test_an_empty_request_is_fine_and_stores_nothing(stack: Stack) -> None:
    assert post(f"{stack.http_url}/v1/traces", b"")[:2] == (200, b"")
    assert post(f"{stack.http_url}/v1/traces", b"{}", content_type="application/json")[:2] == (200, b"{}")


def test_a_client_that_sends_half_a_body_and_goes_away_leaves_nothing(stack: Stack) -> None:
    body = request(span(name="half"))
    kind = "content-type: application/x-protobuf"
    head = f"POST /v1/traces HTTP/1.1\r\nhost: x\r\n{kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", stack.http_port)) as connection:
        connection.sendall(head.encode() + body[: len(body) // 2])
    assert post(f"{stack.http_url}/v1/traces", request(span(name="after half")))[0] == 200
    wait_for(lambda: stored(stack, "after half") == 1)
    assert stored(stack, "half") == 0


def test_grpc_refuses_what_is_not_a_request_as_invalid_argument(stack: Stack) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        export(stack, b"\xff" * 10)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "not an OTLP" in raised.value.details()


def test_grpc_refuses_a_message_over_the_limit_as_resource_exhausted(stack: Stack) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        export(stack, bytes(67_108_865))
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200), encoding=st.sampled_from(["", "gzip", "deflate", "lz4", "zstd", "x"]))
def test_garbage_is_never_answered_with_a_server_error(stack: Stack, body: bytes, encoding: str) -> None:
    status, _, _ = post(f"{stack.http_url}/v1/traces", body, content_encoding=encoding)
    assert status in {200, 400, 413}


def test_a_key_is_asked_for_at_both_doors_when_one_is_set(tmp_path: Path) -> None:
    with stack_at(tmp_path, LLMTRACE_INGEST_KEY="s3cret-key") as stack:
        stack.store()
        collector = stack.collector()
        url = f"{stack.http_url}/v1/traces"
        status, body, headers = post(url, request(span()))
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
        assert "LLMTRACE_INGEST_KEY" in Status.FromString(body).message
        assert post(url, request(span()), authorization="Bearer wrong")[0] == 401
        assert post(url, request(span(name="keyed")), authorization="Bearer s3cret-key")[0] == 200

        with pytest.raises(grpc.RpcError) as raised:
            export(stack, request(span()))
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
        export(stack, request(span(name="keyed")), authorization="Bearer s3cret-key")
        stack.wait_migrated()
        wait_for(lambda: stored(stack, "keyed") == 2)
        assert "s3cret-key" not in collector.output


def test_when_the_log_is_full_both_doors_push_back_with_a_hint_and_health_says_so(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        # No store: what is accepted stays in the log, whose quota takes one small request.
        collector = stack.collector("--wal-quota-mib", "1")
        url = f"{stack.http_url}/v1/traces"
        large = request(*(span({"pad": "x" * 1200}) for _ in range(800)))
        assert post(url, large)[0] == 200
        status, body, headers = post(url, large)
        assert (status, headers["retry-after"]) == (503, "1")
        assert "send them again" in Status.FromString(body).message
        assert post(f"{stack.http_url}/healthz", None)[0] == 503
        with pytest.raises(grpc.RpcError) as raised:
            export(stack, large)
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        trailers = dict(raised.value.trailing_metadata())
        assert RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"]).retry_delay.seconds == 1

        stack.store()
        wait_for(lambda: post(url, large)[0] == 200, 60, what="room after the store came")
        wait_for(lambda: stored(stack, "chat gpt-4o") == 1600, 60)
        assert collector.stop() == 0
