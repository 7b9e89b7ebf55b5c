"""Spans reach the collector; when it is away the app does not notice."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import llmtrace
from llmtrace.batches import MAX_BATCH_BYTES
from llmtrace.endpoints import exports_to
from llmtrace.semconv import SCOPE_NAME
from support.collectors import Collector

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
NOWHERE = "http://127.0.0.1:9"


def test_without_any_setup_spans_go_to_the_collector_under_the_service_name(
    collector: Collector, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "my-app")
    monkeypatch.setenv("LLMTRACE_INGEST_KEY", "k-1")
    llmtrace.instrument()
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert collector.spans() == [("my-app", "llmtrace", "chat gpt-4o")]
    path, headers, _ = collector.received[0]
    assert path == "/v1/traces"
    assert headers["authorization"] == "Bearer k-1"


def test_from_an_app_s_provider_only_our_spans_are_sent(collector: Collector, fake: Any, client: Any) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    llmtrace.instrument(provider, endpoint=collector.url)
    with provider.get_tracer("app").start_as_current_span("the app's own"):
        client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert [name for _, _, name in collector.spans()] == ["chat gpt-4o"]


def test_a_provider_that_exports_there_already_sends_each_span_once(
    collector: Collector, fake: Any, client: Any
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{collector.url}/v1/traces")))
    llmtrace.instrument(provider, endpoint=collector.url)
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert len(collector.spans()) == 1
    llmtrace.uninstrument()
    provider.shutdown()


def test_export_none_sends_nothing(collector: Collector, fake: Any, client: Any) -> None:
    llmtrace.instrument(TracerProvider(shutdown_on_exit=False), export="none", endpoint=collector.url)
    client.chat.completions.create(**CHAT)
    llmtrace.flush()
    assert collector.received == []


def test_uninstrument_sends_what_is_left(collector: Collector, fake: Any, client: Any) -> None:
    llmtrace.instrument(endpoint=collector.url)
    client.chat.completions.create(**CHAT)
    llmtrace.uninstrument()
    assert len(collector.spans()) == 1


def test_a_collector_that_is_away_is_said_once_and_costs_the_exit_little(
    fake: Any, client: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    llmtrace.instrument(endpoint=NOWHERE)
    for _ in range(3):
        assert client.chat.completions.create(**CHAT).id
        llmtrace.flush()
    begun = time.monotonic()
    llmtrace.uninstrument()
    assert time.monotonic() - begun < 5
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.name for record in warnings] == ["llmtrace"]
    assert "does not take spans" in warnings[0].message


def test_the_app_s_own_exporter_logs_as_before(fake: Any, client: Any, caplog: pytest.LogCaptureFixture) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{NOWHERE}/mine", timeout=0.2)))
    llmtrace.instrument(provider, export="none")
    client.chat.completions.create(**CHAT)
    llmtrace.flush()
    assert any("Failed to export" in record.message for record in caplog.records)
    llmtrace.uninstrument()
    provider.shutdown()


# --- a collector that is away, and one that never answers --------------------------------------------------------


@pytest.fixture(params=["away", "silent"])
def deaf(request: pytest.FixtureRequest, silent: str) -> str:
    """URL of a collector that takes nothing, in either way."""
    return NOWHERE if request.param == "away" else silent


def _took_s(act: Any) -> tuple[float, Any]:
    begun = time.monotonic()
    result = act()
    return time.monotonic() - begun, result


def test_a_flush_says_that_spans_were_not_delivered_within_its_time(deaf: str, fake: Any, client: Any) -> None:
    llmtrace.instrument(endpoint=deaf)
    client.chat.completions.create(**CHAT)
    took_s, flushed = _took_s(lambda: llmtrace.flush(0.7))
    assert not flushed
    assert took_s < 2.0


def test_the_app_s_own_flush_is_held_up_for_a_second_and_then_not_at_all(deaf: str, fake: Any, client: Any) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    llmtrace.instrument(provider, endpoint=deaf)
    client.chat.completions.create(**CHAT)
    first_s, flushed = _took_s(provider.force_flush)
    assert flushed is not False, "the app's own exporters are fine"
    assert not llmtrace.flush()
    assert first_s < 3.0
    client.chat.completions.create(**CHAT)
    again_s, flushed = _took_s(provider.force_flush)
    assert flushed is not False, "the app's own exporters are fine"
    assert not llmtrace.flush()
    assert again_s < 0.9


def test_our_failure_keeps_no_processor_of_the_app_from_being_flushed(deaf: str, fake: Any, client: Any) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    llmtrace.instrument(provider, endpoint=deaf)
    memory = InMemorySpanExporter()
    provider.add_span_processor(BatchSpanProcessor(memory, schedule_delay_millis=600_000))
    client.chat.completions.create(**CHAT)
    assert provider.force_flush() is not False, "the app's own exporters are fine"
    assert len(memory.get_finished_spans()) == 1
    llmtrace.uninstrument()
    provider.shutdown()


def test_leaving_takes_two_seconds_at_most_however_many_spans_wait(deaf: str, fake: Any, client: Any) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    llmtrace.instrument(provider, endpoint=deaf)
    tracer = provider.get_tracer(SCOPE_NAME)
    for _ in range(1900):
        tracer.start_span("chat").end()
    took_s, _ = _took_s(llmtrace.uninstrument)
    assert took_s < 4


def test_a_shutdown_of_the_provider_takes_no_longer(deaf: str, fake: Any, client: Any) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    llmtrace.instrument(provider, endpoint=deaf)
    client.chat.completions.create(**CHAT)
    took_s, _ = _took_s(provider.shutdown)
    assert took_s < 4


def _refuse_with(collector: Collector, status: int) -> Any:
    """Answer with an error from now on; gives back the handler to put back."""
    taking: Any = collector.RequestHandlerClass

    class Refusing(taking):  # type: ignore[misc]
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_error(status)

    collector.RequestHandlerClass = Refusing
    return taking


def test_spans_wait_for_a_collector_that_comes_back(collector: Collector, fake: Any, client: Any) -> None:
    taking = _refuse_with(collector, 503)
    llmtrace.instrument(endpoint=collector.url)
    client.chat.completions.create(**CHAT)
    assert not llmtrace.flush()
    collector.RequestHandlerClass = taking
    assert llmtrace.flush()
    assert len(collector.spans()) == 1


def test_a_collector_that_refuses_is_not_said_to_be_away(
    collector: Collector, fake: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    _refuse_with(collector, 401)
    llmtrace.instrument(endpoint=collector.url)
    client.chat.completions.create(**CHAT)
    assert not llmtrace.flush()
    assert "are lost: HTTP 401" in caplog.text
    assert "does not take spans" not in caplog.text


# --- what is sent, and by whom -----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("kind", [BatchSpanProcessor, SimpleSpanProcessor])
def test_an_exporter_the_app_adds_later_and_spells_otherwise_makes_ours_stand_down(
    host: str, kind: Any, collector: Collector, client: Any
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    llmtrace.instrument(provider, endpoint=collector.url)
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    url = collector.url.replace("127.0.0.1", host)
    provider.add_span_processor(kind(OTLPSpanExporter(f"{url}/v1/traces")))
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert len(collector.spans()) == 2
    llmtrace.uninstrument()
    provider.shutdown()


@pytest.mark.parametrize(
    ("endpoint", "ours", "same"),
    [
        ("http://localhost:4318/v1/traces/", "http://127.0.0.1:4318/v1/traces", True),
        ("http://C:80/v1/traces", "http://c/v1/traces", True),
        ("http://localhost:4319/v1/traces", "http://127.0.0.1:4318/v1/traces", False),
        ("http://vendor.test/v1/traces", "http://127.0.0.1:4318/v1/traces", False),
    ],
)
def test_targets_are_compared_by_host_port_and_path(endpoint: str, ours: str, same: bool) -> None:
    assert exports_to(SimpleSpanProcessor(OTLPSpanExporter(endpoint)), ours) == same


@pytest.mark.parametrize(
    ("target", "same"), [("localhost:4317", True), ("vendor.test:4317", False), ("localhost:14317", False)]
)
def test_an_exporter_over_grpc_is_the_same_collector_one_port_below(target: str, same: bool) -> None:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

    exporter = GrpcExporter(f"http://{target}", insecure=True)
    assert exports_to(SimpleSpanProcessor(exporter), "http://127.0.0.1:4318/v1/traces") == same
    exporter.shutdown()


def test_a_lone_surrogate_costs_no_span(collector: Collector, fake: Any, client: Any) -> None:
    llmtrace.instrument(endpoint=collector.url, capture_content=True)
    client.chat.completions.create(**CHAT)
    with pytest.raises(UnicodeEncodeError):
        client.chat.completions.create(model="gpt\ud83d", messages=[])
    with llmtrace.context(user="u\ud83d"):
        client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert [name for _, _, name in collector.spans()] == ["chat gpt-4o", "chat gpt?", "chat gpt-4o"]


def test_batches_are_bounded_in_bytes(collector: Collector, fake: Any, client: Any) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    llmtrace.instrument(provider, endpoint=collector.url)
    tracer = provider.get_tracer(SCOPE_NAME)
    for _ in range(9):
        tracer.start_span("chat", attributes={"text": "x" * 1_000_000}).end()
    assert llmtrace.flush()
    assert len(collector.spans()) == 9
    assert len(collector.received) >= 2
    assert all(request.ByteSize() <= MAX_BATCH_BYTES for _, _, request in collector.received)


def test_an_authorization_header_of_the_environment_wins_over_the_ingest_key(
    collector: Collector, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer vendor")
    monkeypatch.setenv("LLMTRACE_INGEST_KEY", "k-1")
    llmtrace.instrument(endpoint=collector.url)
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert collector.received[0][1]["authorization"] == "Bearer vendor"


def test_an_exporter_of_none_in_the_environment_is_heeded(
    collector: Collector, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    llmtrace.instrument(endpoint=collector.url)
    client.chat.completions.create(**CHAT)
    llmtrace.flush()
    assert collector.received == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "not over grpc"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "2048 is used"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096", "512 is used"),
        ("OTEL_BSP_SCHEDULE_DELAY", "soon", "1000 is used"),
    ],
)
def test_a_wrong_variable_is_said_in_a_line_and_spans_are_sent(
    name: str, value: str, said: str, collector: Collector, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("monkeypatch").setenv(name, value)
    client = request.getfixturevalue("fake_and_client")[1]
    llmtrace.instrument(endpoint=collector.url)
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert len(collector.spans()) == 1
    (record,) = request.getfixturevalue("caplog").records
    assert name in record.message
    assert said in record.message


def test_uninstrument_leaves_no_filter_behind(collector: Collector, fake: Any, client: Any) -> None:
    llmtrace.instrument(endpoint=collector.url)
    client.chat.completions.create(**CHAT)
    llmtrace.uninstrument()
    assert logging.getLogger("urllib3.connectionpool").filters == []
