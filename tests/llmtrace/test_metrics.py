"""Metrics: every call counted once, sampled or not, by the names that were asked for, to the provider of the app."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from opentelemetry import metrics as api
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import llmtrace
from llmtrace.semconv import GENAI_LATEST, GENAI_RELEASED, METRICS
from llmtrace.testing import FakeReply
from support.releases import http as httpx2

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
STREAM: Any = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
DURATION = "gen_ai.client.operation.duration"
OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"


class Meters:
    """An app's meter provider, and what it has measured."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)

    def points(self, name: str) -> list[Any]:
        """The data points of a metric, all calls so far included."""
        assert llmtrace.flush()
        return [point for metric in self._metrics() if metric.name == name for point in metric.data.data_points]

    def names(self) -> set[str]:
        assert llmtrace.flush()
        return {metric.name for metric in self._metrics()}

    def total(self, name: str, **labels: str) -> float:
        """What a counter or a histogram adds up to, over points that have these labels."""
        return sum(
            point.sum if hasattr(point, "sum") else point.value
            for point in self.points(name)
            if all(point.attributes.get(key.replace("__", ".")) == value for key, value in labels.items())
        )

    def _metrics(self) -> Iterator[Any]:
        data = self.reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                assert scope.scope.name == "llmtrace"
                yield from scope.metrics


@pytest.fixture
def meters() -> Meters:
    return Meters()


def _provider(**kwargs: Any) -> TracerProvider:
    return TracerProvider(shutdown_on_exit=False, **kwargs)


def _instrument(meters: Meters, **kwargs: Any) -> None:
    llmtrace.instrument(_provider(**kwargs), meter_provider=meters.provider, export="none")


def test_a_call_is_measured_once_with_the_labels_of_the_convention(meters: Meters, fake: Any, client: Any) -> None:
    fake.plan = lambda _: FakeReply(input_tokens=1000, output_tokens=100)
    _instrument(meters)
    with llmtrace.context(user="ada"):
        client.chat.completions.create(**CHAT, user="bob")
    labels = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "server.address": "127.0.0.1",
        "server.port": client.base_url.port,
    }
    (duration,) = meters.points(DURATION)
    assert duration.attributes == labels
    assert (duration.count, duration.explicit_bounds) == (1, METRICS[DURATION].buckets)
    assert 0 < duration.sum < 10
    usage = meters.points("gen_ai.client.token.usage")
    assert {point.attributes["gen_ai.token.type"]: point.sum for point in usage} == {"input": 1000, "output": 100}
    assert {key: value for key, value in usage[0].attributes.items() if key != "gen_ai.token.type"} == labels


def test_cost_is_the_list_price_and_an_unpriced_call_is_counted_with_its_reason(
    meters: Meters, fake: Any, client: Any
) -> None:
    fake.plan = lambda _: FakeReply(input_tokens=1000, output_tokens=100)
    _instrument(meters)
    client.chat.completions.create(**CHAT)
    client.chat.completions.create(**{**CHAT, "model": "nobody-knows-it"})
    assert meters.total("llmtrace.cost") == pytest.approx((1000 * 2.5 + 100 * 10) / 1_000_000, rel=1e-12)
    (unpriced,) = meters.points("llmtrace.unpriced_calls")
    assert (unpriced.value, unpriced.attributes["llmtrace.cost.unpriced_reason"]) == (1, "model_unknown")


async def _async_stream(client: openai.AsyncOpenAI) -> int:
    return len([chunk async for chunk in await client.chat.completions.create(**STREAM)])


def test_a_stream_is_measured_chunk_by_chunk(
    meters: Meters, fake_and_client: Any, async_client: Any, run: Callable[..., Any]
) -> None:
    _, client = fake_and_client
    _instrument(meters)
    chunks = len(list(client.chat.completions.create(**STREAM))) + run(_async_stream(async_client))
    (first,) = meters.points("gen_ai.client.operation.time_to_first_chunk")
    (token,) = meters.points("llmtrace.time_to_first_token")
    (gaps,) = meters.points("gen_ai.client.operation.time_per_output_chunk")
    (duration,) = meters.points(DURATION)
    assert (first.count, token.count, gaps.count) == (2, 2, chunks - 2)
    assert first.sum <= token.sum
    assert first.sum + gaps.sum == pytest.approx(duration.sum, abs=0.05)


def test_a_failed_call_has_its_error_and_no_tokens(meters: Meters, fake: Any, client: Any) -> None:
    _instrument(meters)
    with pytest.raises(openai.NotFoundError):
        client.post("/nowhere", cast_to=object, body={})
    (duration,) = meters.points(DURATION)
    assert duration.attributes["error.type"] == "NotFoundError"
    assert meters.names() == {DURATION}


def test_released_names_are_the_default(meters: Meters, fake: Any, client: Any) -> None:
    _instrument(meters)
    list(client.chat.completions.create(**STREAM))
    names = meters.names()
    assert {name for name, metric in METRICS.items() if metric.source == GENAI_RELEASED} <= names
    assert not [name for name in names if METRICS[name].source == GENAI_LATEST]


def test_latest_names_replace_the_released_ones_when_asked_for(
    meters: Meters, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OPT_IN, "http/dup, gen_ai_latest_experimental")
    fake.plan = lambda _: FakeReply(input_tokens=1000, output_tokens=100, cached_tokens=300, reasoning_tokens=40)
    _instrument(meters)
    list(client.chat.completions.create(**STREAM))
    names = meters.names()
    assert not [name for name in names if METRICS[name].source == GENAI_RELEASED]
    latest = {name for name, metric in METRICS.items() if metric.source == GENAI_LATEST}
    assert latest - names <= {"gen_ai.client.inference.usage.cache_write.input_tokens"}
    usage = "gen_ai.client.inference.usage"
    assert meters.total(f"{usage}.input_tokens", gen_ai__token__modality="unknown") == 1000
    found = {name: meters.total(f"{usage}.{name}") for name in ("input_tokens", "output_tokens")}
    assert found == {"input_tokens": 1000, "output_tokens": 100}
    assert meters.total(f"{usage}.cache_read.input_tokens") == 300
    assert meters.total(f"{usage}.reasoning.output_tokens") == 40
    assert meters.total("gen_ai.client.inference.operation.output_tokens") == 100


def test_audio_is_told_apart_where_the_provider_tells_its_share(
    meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OPT_IN, "gen_ai_latest_experimental")
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "prompt_tokens_details": {"audio_tokens": 30}}
    body = {"id": "1", "object": "chat.completion", "model": "gpt-4o-audio-preview", "choices": [], "usage": usage}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=body))
    _instrument(meters)
    with openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client:
        client.chat.completions.create(**CHAT)
    points = meters.points("gen_ai.client.inference.usage.input_tokens")
    assert {point.attributes["gen_ai.token.modality"]: point.value for point in points} == {"audio": 30, "unknown": 70}
    (point,) = meters.points("gen_ai.client.inference.usage.output_tokens")
    assert (point.attributes["gen_ai.token.modality"], point.value) == ("unknown", 50)


def test_retries_are_counted_by_what_made_them(meters: Meters, fake: Any) -> None:
    _instrument(meters, sampler=ALWAYS_OFF)
    answers = iter([429, 503, 200])
    transport = httpx2.MockTransport(lambda _: httpx2.Response(next(answers), headers={"retry-after-ms": "1"}, json={}))
    with openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport), max_retries=2) as client:
        client.chat.completions.create(**CHAT)
    points = meters.points("llmtrace.retries")
    assert {point.attributes["error.type"]: point.value for point in points} == {"429": 1, "503": 1}


def test_both_names_are_written_while_dashboards_move(
    meters: Meters, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OPT_IN, "gen_ai_latest_experimental/dup")
    _instrument(meters)
    client.chat.completions.create(**CHAT)
    old = meters.total("gen_ai.client.token.usage", gen_ai__token__type="input")
    assert old == meters.total("gen_ai.client.inference.usage.input_tokens") > 0
    assert meters.total(DURATION) == meters.total("gen_ai.client.inference.duration") > 0


def test_what_is_no_inference_keeps_the_name_of_its_duration(
    meters: Meters, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OPT_IN, "gen_ai_latest_experimental")
    _instrument(meters)
    client.embeddings.create(model="text-embedding-3-small", input="hi")
    assert DURATION in meters.names()
    assert "gen_ai.client.inference.duration" not in meters.names()


def test_an_answer_without_usage_makes_the_counters_exist_and_adds_nothing(
    meters: Meters, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OPT_IN, "gen_ai_latest_experimental")
    _instrument(meters)
    list(client.chat.completions.create(**CHAT, stream=True))
    (point,) = meters.points("gen_ai.client.inference.usage.input_tokens")
    assert (point.value, point.attributes["gen_ai.token.modality"]) == (0, "unknown")
    assert "gen_ai.client.inference.operation.input_tokens" not in meters.names()


def test_an_unsampled_call_has_no_span_and_no_content_and_is_measured_all_the_same(
    meters: Meters,
    fake_and_client: Any,
    async_client: Any,
    run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake, client = fake_and_client
    fake.plan = lambda _: FakeReply(input_tokens=1000, output_tokens=100)
    read: list[object] = []
    monkeypatch.setattr("llmtrace.capture.read_content", read.append)
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    _instrument(meters, sampler=ALWAYS_OFF)
    client.chat.completions.create(**CHAT)
    list(client.chat.completions.create(**STREAM))
    run(_async_stream(async_client))
    assert meters.points(DURATION)[0].count == 3
    assert meters.total("gen_ai.client.token.usage") == 3300
    assert meters.total("llmtrace.cost") == pytest.approx(3 * 0.0035, rel=1e-12)
    assert read == []


def test_an_unsampled_call_is_not_even_recorded_while_nobody_listens(
    fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    llmtrace.instrument(_provider(sampler=ALWAYS_OFF), export="none")
    made: list[object] = []
    monkeypatch.setattr("llmtrace.observer.Recording", lambda **kwargs: made.append(kwargs))
    client.chat.completions.create(**CHAT)
    assert made == []


def test_suppressed_calls_are_not_measured(meters: Meters, fake: Any, client: Any) -> None:
    _instrument(meters)
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
    client.chat.completions.create(**CHAT)
    detach(token)
    assert meters.names() == set()


def test_an_exemplar_names_the_span_of_the_call_and_only_of_a_sampled_one(
    meters: Meters, fake: Any, client: Any
) -> None:
    memory = InMemorySpanExporter()
    provider = _provider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    llmtrace.instrument(provider, meter_provider=meters.provider, export="none")
    with provider.get_tracer("app").start_as_current_span("request"):
        client.chat.completions.create(**CHAT)
    (point,) = meters.points(DURATION)
    (exemplar,) = point.exemplars
    (call,) = [span for span in memory.get_finished_spans() if span.name == "chat gpt-4o"]
    assert (exemplar.trace_id, exemplar.span_id) == (call.context.trace_id, call.context.span_id)


def test_an_unsampled_call_leaves_no_exemplar(meters: Meters, fake: Any, client: Any) -> None:
    _instrument(meters, sampler=ALWAYS_OFF)
    client.chat.completions.create(**CHAT)
    (point,) = meters.points(DURATION)
    assert point.exemplars == []


def test_a_global_provider_is_used_also_when_it_is_set_later(meters: Meters, fake: Any, client: Any) -> None:
    llmtrace.instrument(_provider(), export="none")
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    api.set_meter_provider(meters.provider)
    client.chat.completions.create(**CHAT)
    assert meters.points(DURATION)[0].count == 1


def test_the_given_provider_wins_over_the_global_one(meters: Meters, fake: Any, client: Any) -> None:
    other = Meters()
    api.set_meter_provider(other.provider)
    _instrument(meters)
    client.chat.completions.create(**CHAT)
    assert meters.points(DURATION)[0].count == 1
    assert other.names() == set()


def test_no_global_provider_is_ever_set(fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    before = api.get_meter_provider()
    llmtrace.instrument(_provider(), export="none")
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert api.get_meter_provider() is before


@pytest.mark.parametrize("end", ["force_flush", "shutdown"])
def test_a_flush_of_the_apps_provider_has_the_calls_the_worker_still_reads(
    meters: Meters, fake: Any, client: Any, end: str
) -> None:
    exported: list[int] = []
    reader = meters.reader
    original = reader.force_flush, reader.shutdown

    def count(then: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            data = reader.get_metrics_data()
            exported.append(sum(1 for r in (data.resource_metrics if data else ()) for _ in r.scope_metrics))
            return then(*args, **kwargs)

        return counted

    reader.force_flush, reader.shutdown = (count(function) for function in original)  # type: ignore[method-assign]
    _instrument(meters)
    client.chat.completions.create(**CHAT)
    getattr(meters.provider, end)()
    assert exported == [1]


def test_uninstrument_leaves_the_apps_meter_provider_as_it_was(meters: Meters, fake: Any, client: Any) -> None:
    before = dict(vars(meters.provider))
    _instrument(meters)
    client.chat.completions.create(**CHAT)
    assert "force_flush" in vars(meters.provider)
    llmtrace.uninstrument()
    assert vars(meters.provider) == before


def test_a_call_whose_details_are_dropped_is_still_counted(
    meters: Meters, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTRACE_QUEUE_SIZE", "1")
    _instrument(meters)
    blocked, release = threading.Event(), threading.Event()

    from llmtrace import instrumentation

    active = instrumentation._active
    assert active is not None

    def block() -> None:
        blocked.set()
        release.wait(10)

    active.worker.put(block)
    assert blocked.wait(10)
    for _ in range(3):
        client.chat.completions.create(**CHAT)
    release.set()
    assert sum(point.count for point in meters.points(DURATION)) == 3
    assert llmtrace.dropped_calls() == 2


class Broken(MeterProvider):
    """One whose meters cannot be had."""

    def get_meter(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no meters today")


def test_a_meter_provider_that_fails_costs_no_span(
    fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LLMTRACE_RAISE_INTERNAL_ERRORS", "0")
    memory = InMemorySpanExporter()
    provider = _provider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    llmtrace.instrument(provider, meter_provider=Broken(shutdown_on_exit=False), export="none")
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert [span.name for span in memory.get_finished_spans()] == ["chat gpt-4o"]
    assert "internal fault in metering" in caplog.text


CHILDREN = """
import os, sys, openai, llmtrace

def call(n):
    with openai.OpenAI(base_url=sys.argv[1], api_key="x") as client:
        for _ in range(n):
            client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])

llmtrace.instrument(endpoint=sys.argv[2])
call(1)
if len(sys.argv) > 3:
    llmtrace.flush()
    child = os.fork()
    if not child:
        call(2)
        llmtrace.flush()
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.processes
@pytest.mark.parametrize(("more", "counts"), [([], [1]), (["fork"], [1, 2])])
def test_a_process_that_ends_sends_its_metrics_and_a_forked_one_its_own(
    fake: Any, collector: Any, more: list[str], counts: list[int]
) -> None:
    command = [sys.executable, "-c", CHILDREN, fake.base_url, collector.url, *more]
    subprocess.run(command, check=True, timeout=30, env={**os.environ, "OTEL_METRICS_EXPORTER": "otlp"})
    by_process: dict[str, int] = {}
    for _, _, body in collector.raw:
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            (instance,) = [a.value.string_value for a in resource.resource.attributes if a.key == "service.instance.id"]
            for metric in resource.scope_metrics[0].metrics:
                if metric.name == DURATION:
                    by_process[instance] = metric.histogram.data_points[0].count
    assert sorted(by_process.values()) == counts


def _received(collector: Any) -> set[str]:
    names: set[str] = set()
    for path, _, body in collector.raw:
        if path == "/v1/metrics":
            request = ExportMetricsServiceRequest.FromString(body)
            names |= {m.name for r in request.resource_metrics for s in r.scope_metrics for m in s.metrics}
    return names


def test_without_a_provider_metrics_go_to_the_collector_only_when_asked_for(
    fake: Any, client: Any, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    llmtrace.instrument(_provider(), export="none", endpoint=collector.url)
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert _received(collector) == set()
    llmtrace.uninstrument()
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "otlp")
    llmtrace.instrument(_provider(sampler=ALWAYS_OFF), export="none", endpoint=collector.url)
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert {DURATION, "llmtrace.cost"} <= _received(collector)
    assert isinstance(api.get_meter_provider(), type(api._internal._PROXY_METER_PROVIDER))


def test_a_collector_that_takes_no_metrics_is_said_once_and_delays_nobody(
    fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", fake.base_url + "/nothing/takes/metrics")
    llmtrace.instrument(_provider(), export="none")
    client.chat.completions.create(**CHAT)
    assert not llmtrace.flush()
    assert not llmtrace.flush()
    llmtrace.uninstrument()
    (line,) = [record.getMessage() for record in caplog.records]
    assert "does not take metrics (HTTP 404)" in line
    assert "OTEL_METRICS_EXPORTER" in line
