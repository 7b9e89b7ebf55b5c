"""Sampling: decisions are the provider's, and the threshold by which one was made goes with the span."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace._sampling_experimental import (
    composable_always_on,
    composable_traceid_ratio_based,
    composite_sampler,
)
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, TraceIdRatioBased

import llmtrace
from support.releases import http as httpx2
from support.spans import attributes

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def _provider(sampler: Any) -> tuple[TracerProvider, InMemorySpanExporter]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    return provider, memory


def test_the_threshold_of_a_consistent_sampler_stands_in_the_tracestate(fake: Any, client: Any) -> None:
    provider, memory = _provider(composite_sampler(composable_traceid_ratio_based(0.5)))
    llmtrace.instrument(provider, export="none")
    for _ in range(20):
        client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    spans = memory.get_finished_spans()
    assert 0 < len(spans) < 20
    assert {span.context.trace_state["ot"] for span in spans if span.context} == {"th:8"}


def test_a_sampler_that_starts_spans_without_their_attributes_takes_none_of_them(fake: Any, client: Any) -> None:
    provider, memory = _provider(composite_sampler(composable_always_on()))
    llmtrace.instrument(provider, export="none")
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    found = attributes(memory.get_finished_spans()[0])
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "server.address": "127.0.0.1",
        "server.port": client.base_url.port,
    }
    assert {key: found.get(key) for key in expected} == expected


def test_the_parents_decision_is_followed(fake: Any, client: Any) -> None:
    provider, memory = _provider(ParentBased(TraceIdRatioBased(0), remote_parent_sampled=ALWAYS_ON))
    llmtrace.instrument(provider, export="none")
    with provider.get_tracer("app").start_as_current_span("dropped"):
        client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert memory.get_finished_spans() == ()


@pytest.mark.parametrize("name", ["traceidratio", "parentbased_traceidratio"])
def test_the_ratio_of_our_own_provider_is_told(
    fake: Any, client: Any, collector: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    llmtrace.instrument(endpoint=collector.url)
    for _ in range(20):
        client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    states = [
        span.trace_state
        for _, _, request in collector.received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert 0 < len(states) < 20
    assert set(states) == {"ot=th:8"}


@pytest.mark.parametrize("argument", ["", "much", "-1", "2", "nan"])
def test_a_ratio_that_is_none_is_left_to_the_sdk(
    collector: Any, monkeypatch: pytest.MonkeyPatch, argument: str
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json={}))
    llmtrace.instrument(endpoint=collector.url)
    with openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client:
        assert client.models.with_raw_response.retrieve("m").status_code == 200
