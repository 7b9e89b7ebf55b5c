"""What the collector tells of itself: alive, ready, counted; and that everything acknowledged is somewhere."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from llmtrace_collector.commands.wal import main
from llmtrace_collector.telemetry import METRICS
from support.otlp import CALL, post, request, span
from support.services import Stack, stack_at
from support.waiting import wait_for

pytestmark = pytest.mark.processes


def metrics(stack: Stack) -> dict[str, float]:
    """Each sample by its name and labels as Prometheus writes them."""
    status, body, headers = post(f"{stack.http_url}/metrics", None)
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/plain")
    found = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def status_of(url: str, body: bytes) -> int:
    """0 when the connection breaks."""
    try:
        return post(url, body)[0]
    except OSError:
        return 0


def pids(*words: str) -> list[int]:
    """Receiver processes with these words in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (folder / "cmdline").read_bytes().decode().split("\0")
            if "llmtrace_collector.receiver" in line and set(words) <= set(line):
                found.append(int(folder.name))
    return found


def ready(stack: Stack) -> dict:
    return json.loads(post(f"{stack.http_url}/readyz", None)[1])


def ledger(stack: Stack) -> dict[str, int]:
    """The books of traces as /readyz has them."""
    return ready(stack)["items"].get("traces", {})


def test_what_was_acknowledged_is_in_the_books_across_kills_and_a_removed_segment_is_seen(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        store, collector = stack.store(), stack.collector()
        url = f"{stack.http_url}/v1/traces"
        assert post(url, request(span(), span(), span(trace_id=b"short")))[0] == 200
        wait_for(lambda: ledger(stack).get("stored") == 2, 150)
        logs, metrics = ExportLogsServiceRequest(), ExportMetricsServiceRequest()
        now = {"time_unix_nano": time.time_ns()}
        logs.resource_logs.add().scope_logs.add().log_records.add(**now)
        logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=2**63)
        gauge = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="load").gauge
        for _ in range(4):
            gauge.data_points.add(as_int=1, **now)
        assert post(f"{stack.http_url}/v1/logs", logs.SerializeToString())[0] == 200
        assert post(f"{stack.http_url}/v1/metrics", metrics.SerializeToString())[0] == 200
        wait_for(lambda: ready(stack)["items"]["metrics"]["stored"] == 4, 150)
        wait_for(lambda: ready(stack)["items"]["logs"]["accepted"] == 2, 150)
        of_logs = ready(stack)["items"]["logs"]
        assert (of_logs["stored"], of_logs["quarantined"], of_logs["missing"]) == (1, 1, 0)
        assert ready(stack)["items"]["metrics"]["missing"] == 0
        gone = dict.fromkeys(("waiting", "dead_lettered", "discarded", "settled", "missing"), 0)
        assert ledger(stack) == {"accepted": 3, "stored": 2, "quarantined": 1, **gone}
        collector.kill_group()
        store.kill_group()

        collector = stack.collector()
        assert post(url, request(*[span() for _ in range(5)]))[0] == 200
        sealed = wait_for(lambda: list((stack.data / "wal/traces").glob("*.seg")))
        assert [path.name.split(".")[1] for path in sealed] == ["5"]
        collector.kill_group()
        sealed[0].unlink()
        store, collector = stack.store(), stack.collector()
        wait_for(lambda: ledger(stack).get("accepted") == 8, 150)
        assert ledger(stack)["missing"] == 5
        assert main(["settle", "--data", str(stack.data)]) == 0
        wait_for(lambda: ledger(stack)["missing"] == 0, 150)
        assert ledger(stack)["settled"] == 5
        assert collector.stop() == 0
        assert store.stop() == 0


def test_metrics_have_the_names_of_the_otel_collector_and_readyz_says_how_log_and_store_are(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        store, collector = stack.store(), stack.collector()
        assert post(f"{stack.http_url}/livez", None)[:2] == (200, b"ok\n")
        assert post(f"{stack.http_url}/v1/traces", request(span(CALL), span(CALL)))[0] == 200
        sent = "otelcol_exporter_sent_spans{exporter=clickhouse}"
        wait_for(lambda: metrics(stack)[sent] == 2)
        shown = metrics(stack)
        assert shown["otelcol_receiver_accepted_spans{receiver=otlp,transport=http}"] == 2
        assert shown["llmtrace_store_reachable"] == 1
        assert shown["otelcol_exporter_queue_capacity{exporter=clickhouse}"] == 4 * 1024**3
        assert {re.sub(r"\{.*", "", name) for name in shown} <= {metric.name for metric in METRICS}

        told = ready(stack)
        assert (told["ready"], told["accepting"], told["store"]) == (
            True,
            {"ok": True, "why": ""},
            {"reachable": True, "why": ""},
        )
        assert told["room"]["bytes"] > 0

        store.kill_group()
        assert post(f"{stack.http_url}/v1/traces", request(span()))[0] == 200
        wait_for(lambda: not ready(stack)["store"]["reachable"])
        wait_for(lambda: ready(stack)["backlog"]["segments"] == 1)
        status, body, _ = post(f"{stack.http_url}/readyz", None)
        told = json.loads(body)
        assert (status, told["ready"]) == (200, True), "it can accept: that is what a load balancer asks"
        assert told["store"]["why"]
        assert told["backlog"]["bytes"] > 0
        assert collector.stop() == 0


def test_several_receiver_processes_share_the_ports_one_writes_and_any_tells_of_all(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        collector = stack.collector("--receivers", "3")
        url = f"{stack.http_url}/v1/traces"
        sent = 0

        def each_has_taken_some() -> bool:
            nonlocal sent
            assert post(url, request(span()))[0] == 200
            sent += 1
            return {path.parent.parent.name for path in (stack.data / "wal").rglob("books")} >= {"wal", "1", "2"}

        wait_for(each_has_taken_some, 60)
        wait_for(lambda: ledger(stack).get("stored") == sent, 150)
        name = "otelcol_receiver_accepted_spans{receiver=otlp,transport=http}"
        wait_for(lambda: [metrics(stack)[name] for _ in range(8)] == [sent] * 8, 60)
        assert ledger(stack)["missing"] == 0

        (victim,) = pids("--number", "2", str(stack.data))
        os.kill(victim, signal.SIGKILL)
        for _ in range(40):
            wait_for(lambda: status_of(url, request(span())) == 200)
        wait_for(lambda: pids("--number", "2", str(stack.data)) not in ([], [victim]), 150)
        assert collector.stop() == 0
        assert pids("--number", str(stack.data)) == [], "receivers end with their collector"
        found = stack.reader().query("SELECT count(), uniqExact(span_id) FROM spans").result_rows[0]
        assert found == (sent + 40, sent + 40)
