"""The stage of the demonstration: a fake provider, an app with its own tracer provider, and one line for llmtrace."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from decimal import Decimal
from typing import Final

from openai import AsyncOpenAI, OpenAI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import llmtrace
from llmtrace import semconv
from llmtrace.demo.player import Player
from llmtrace.demo.scenes import plan_reply
from llmtrace.settings import load_settings
from llmtrace.testing.provider import FakeProvider

SERVICE: Final = "llmtrace-demo"


class Tally(SpanProcessor):
    """Counts the spans that pass."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.usd = Decimal(0)

    def on_end(self, span: ReadableSpan) -> None:
        """Count a call."""
        attributes = span.attributes or {}
        if semconv.OPERATION_NAME not in attributes:
            return
        self.counts["calls"] += 1
        if semconv.ERROR_TYPE in attributes:
            self.counts["errors"] += 1
        self.usd += Decimal(str(attributes.get(semconv.COST_USD, "0")))


def play(*, collector_url: str, duration_s: float, calls_per_s: float, seed: int, stop: threading.Event) -> Tally:
    """Play until ``duration_s`` is over or ``stop`` is set; every span is flushed on return."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    tally = Tally()
    tracer_provider = _app_provider(collector_url, tally)
    llmtrace.instrument(tracer_provider, endpoint=collector_url, capture_content=True)
    tracer = tracer_provider.get_tracer(SERVICE)
    deadline = time.monotonic() + duration_s
    with (
        FakeProvider(
            plan_reply(random.Random(seed + 1)),  # noqa: S311 - no secret
            latency_s=0.03,
            time_to_first_token_s=0.04,
            chunk_interval_s=0.005,
            error_rate=0.04,
            rng=random.Random(seed + 2),  # noqa: S311 - no secret
        ) as provider,
        OpenAI(base_url=provider.base_url, api_key="demo", max_retries=0) as client,
        asyncio.Runner() as runner,
    ):
        async_client = AsyncOpenAI(base_url=provider.base_url, api_key="demo", max_retries=0)
        player = Player(client, async_client, tracer, rng)
        player.open()
        while time.monotonic() < deadline and not stop.is_set():
            if rng.random() < 0.15:
                runner.run(player.play_some_async())
            else:
                player.play_one()
            stop.wait(rng.expovariate(calls_per_s))
        runner.run(async_client.close())
    llmtrace.flush()
    llmtrace.uninstrument()
    tracer_provider.shutdown()
    return tally


def _app_provider(collector_url: str, tally: Tally) -> TracerProvider:
    provider = TracerProvider(resource=Resource.create({semconv.SERVICE_NAME: SERVICE}))
    provider.add_span_processor(tally)
    settings = load_settings(endpoint=collector_url)
    headers = {"authorization": f"Bearer {settings.ingest_key}"} if settings.ingest_key else None
    exporter = OTLPSpanExporter(settings.traces_url, headers=headers, timeout=2)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    return provider
