"""Which provider spans go to, what a flush covers, and that uninstrument leaves nothing behind."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from typing import Any

import openai
import pytest
from openai import _base_client
from opentelemetry import trace
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult

import llmtrace
from llmtrace import faults
from support.spans import attributes
from support.waiting import wait_for

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
SEAM = [(owner, name) for owner in ("SyncAPIClient", "AsyncAPIClient") for name in ("request", "_process_response")]


def _provider(**kwargs: Any) -> tuple[TracerProvider, InMemorySpanExporter]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False, **kwargs)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    return provider, memory


def test_the_given_provider_wins_over_the_global_one(fake: Any, client: Any) -> None:
    given, given_spans = _provider()
    global_, global_spans = _provider()
    trace.set_tracer_provider(global_)
    llmtrace.instrument(given, export="none")
    client.chat.completions.create(**CHAT)
    llmtrace.flush()
    assert len(given_spans.get_finished_spans()) == 1
    assert not global_spans.get_finished_spans()


def test_the_global_provider_is_used_when_none_is_given(fake: Any, client: Any) -> None:
    provider, spans = _provider()
    trace.set_tracer_provider(provider)
    llmtrace.instrument(export="none")
    client.chat.completions.create(**CHAT)
    llmtrace.flush()
    assert len(spans.get_finished_spans()) == 1


def test_a_global_provider_set_later_is_picked_up_and_ours_is_never_set(fake: Any, client: Any) -> None:
    llmtrace.instrument(export="none")
    client.chat.completions.create(**CHAT)
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    provider, spans = _provider()
    trace.set_tracer_provider(provider)
    client.chat.completions.create(**CHAT)
    llmtrace.flush()
    assert len(spans.get_finished_spans()) == 1


def test_a_provider_set_later_is_given_our_export_too(fake: Any, client: Any, collector: Any) -> None:
    llmtrace.instrument(endpoint=collector.url)
    client.chat.completions.create(**CHAT)
    provider, _ = _provider()
    trace.set_tracer_provider(provider)
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert len(collector.spans()) == 2


def test_calls_of_many_threads_are_each_one_span_with_their_own_user(traces: Any, fake: Any, client: Any) -> None:
    def calls(user: str) -> None:
        for _ in range(10):
            with llmtrace.context(user=user):
                client.chat.completions.create(**CHAT)

    threads = [threading.Thread(target=calls, args=(f"u-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    users = Counter(attributes(span)["user.id"] for span in traces.spans())
    assert users == {f"u-{number}": 10 for number in range(8)}


def test_instrumenting_twice_is_one_instrumentation(traces: Any, fake: Any, client: Any) -> None:
    llmtrace.instrument()
    client.chat.completions.create(**CHAT)
    assert len(traces.spans()) == 1


def test_force_flush_of_the_provider_covers_processors_registered_before_and_after(fake: Any, client: Any) -> None:
    before, after = InMemorySpanExporter(), InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(before, schedule_delay_millis=600_000))
    llmtrace.instrument(provider, export="none")
    provider.add_span_processor(BatchSpanProcessor(after, schedule_delay_millis=600_000))
    client.chat.completions.create(**CHAT)
    assert provider.force_flush()
    assert len(before.get_finished_spans()) == len(after.get_finished_spans()) == 1
    llmtrace.uninstrument()
    provider.shutdown()


def test_force_flush_covers_a_provider_that_flushes_in_parallel(fake: Any, client: Any) -> None:
    provider, spans = _provider(active_span_processor=ConcurrentMultiSpanProcessor())
    llmtrace.instrument(provider, export="none")
    client.chat.completions.create(**CHAT)
    assert provider.force_flush()
    assert len(spans.get_finished_spans()) == 1


def test_shutdown_of_the_provider_loses_nothing(fake: Any, client: Any) -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(memory, schedule_delay_millis=600_000))
    llmtrace.instrument(provider, export="none")
    client.chat.completions.create(**CHAT)
    provider.shutdown()
    assert len(memory.get_finished_spans()) == 1


def test_uninstrument_puts_back_the_very_functions_and_the_provider() -> None:
    originals = [vars(getattr(_base_client, owner))[name] for owner, name in SEAM]
    provider, _ = _provider()
    processors = provider._active_span_processor._span_processors
    llmtrace.instrument(provider, endpoint="http://127.0.0.1:9")
    assert all(
        vars(getattr(_base_client, owner))[name] is not original
        for (owner, name), original in zip(SEAM, originals, strict=True)
    )
    assert len(provider._active_span_processor._span_processors) == 2
    llmtrace.uninstrument()
    assert [vars(getattr(_base_client, owner))[name] for owner, name in SEAM] == originals
    assert provider._active_span_processor._span_processors == processors
    assert "force_flush" not in vars(provider)
    assert "shutdown" not in vars(provider)


def test_a_wrapper_put_on_top_of_ours_survives_uninstrument_and_ours_goes_quiet(
    traces: Any, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = vars(_base_client.SyncAPIClient)["request"]

    def on_top(self: Any, *args: Any, **kwargs: Any) -> Any:
        return ours.__get__(self)(*args, **kwargs)

    original = ours.__wrapped__
    monkeypatch.setattr(_base_client.SyncAPIClient, "request", on_top)
    llmtrace.uninstrument()
    assert client.chat.completions.create(**CHAT).id
    assert vars(_base_client.SyncAPIClient)["request"] is on_top
    assert traces.finished() == []
    monkeypatch.setattr(_base_client.SyncAPIClient, "request", original)
    monkeypatch.undo()
    _base_client.SyncAPIClient.request = original


def test_instrument_works_again_after_uninstrument(traces: Any, fake: Any, client: Any) -> None:
    llmtrace.uninstrument()
    llmtrace.instrument(traces.provider, export="none")
    client.chat.completions.create(**CHAT)
    assert len(traces.spans()) == 1


def test_a_client_without_the_seam_is_left_alone_and_said_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fake: Any, client: Any
) -> None:
    original = _base_client.SyncAPIClient.request
    monkeypatch.delattr(_base_client.AsyncAPIClient, "_process_response")
    llmtrace.instrument(export="none")
    assert _base_client.SyncAPIClient.request is original
    assert client.chat.completions.create(**CHAT).id
    assert "does not look as expected" in caplog.text
    faults.reset()


def test_a_disabled_sdk_leaves_the_client_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    original = _base_client.SyncAPIClient.request
    llmtrace.instrument()
    assert _base_client.SyncAPIClient.request is original


def test_an_unsampled_call_makes_no_span_and_its_children_know(fake: Any, client: Any) -> None:
    provider, spans = _provider(sampler=ALWAYS_OFF)
    llmtrace.instrument(provider, export="none")
    sampled: list[bool] = []
    http_client = openai.DefaultHttpxClient(
        event_hooks={
            "request": [lambda _: sampled.append(trace.get_current_span().get_span_context().trace_flags.sampled)]
        }
    )
    with client.with_options(http_client=http_client) as hooked:
        list(hooked.chat.completions.create(**CHAT, stream=True))
    llmtrace.flush()
    assert sampled == [False]
    assert not spans.get_finished_spans()


def test_the_sampler_sees_operation_and_model(fake: Any, client: Any) -> None:
    seen: list[Any] = []

    class Asking(Sampler):
        def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
            seen.append((args[2], dict(args[4])))
            return SamplingResult(Decision.DROP)

        def get_description(self) -> str:
            return "asking"

    llmtrace.instrument(_provider(sampler=Asking())[0], export="none")
    client.chat.completions.create(**CHAT)
    name, given = seen[0]
    assert name == "chat gpt-4o"
    assert given["gen_ai.operation.name"] == "chat"
    assert given["gen_ai.request.model"] == "gpt-4o"
    assert given["gen_ai.provider.name"] == "openai"
    assert given["server.address"] == "127.0.0.1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_a_worker_of_its_own(traces: Any, fake: Any, client: Any) -> None:
    client.chat.completions.create(**CHAT)
    assert len(traces.spans()) == 1
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with openai.OpenAI(base_url=fake.base_url, api_key="x", max_retries=0) as forked:
                forked.embeddings.create(model="text-embedding-3-small", input="hi")
            code = 0 if llmtrace.flush(5) and len(traces.finished()) == 2 else 2
        finally:
            os._exit(code)
    status = wait_for(lambda: os.waitpid(child, os.WNOHANG)[0] == child and (0,), 20, what="the child")
    assert status
    assert attributes(traces.one())["gen_ai.operation.name"] == "chat"


def test_an_internal_fault_does_not_reach_the_app(
    traces: Any, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("LLMTRACE_RAISE_INTERNAL_ERRORS")
    monkeypatch.setattr("llmtrace.observer.operation_of", lambda *_: 1 / 0)
    for _ in range(3):
        assert client.chat.completions.create(**CHAT).id
    assert faults.counts["seam.begin"] == 3
    assert caplog.text.count("internal fault in seam.begin") == 1


def test_an_instrument_that_fails_half_way_leaves_client_and_provider_as_they_were(
    monkeypatch: pytest.MonkeyPatch, fake: Any, client: Any
) -> None:
    monkeypatch.delenv("LLMTRACE_RAISE_INTERNAL_ERRORS")
    monkeypatch.setattr("llmtrace.socket_seam.SocketSeam.install", lambda _: 1 / 0)
    before = [getattr(_base_client, owner).__dict__[name] for owner, name in SEAM]
    provider, spans = _provider()
    llmtrace.instrument(provider, export="none")
    assert [getattr(_base_client, owner).__dict__[name] for owner, name in SEAM] == before
    assert "force_flush" not in vars(provider)
    client.chat.completions.create(**CHAT)
    assert not spans.get_finished_spans()
    monkeypatch.undo()
    llmtrace.instrument(provider, export="none")
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert len(spans.get_finished_spans()) == 1


def test_a_client_that_cannot_be_imported_is_said_so_and_the_app_runs_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: str) -> Any:
        raise AttributeError("pydantic has no such thing")

    monkeypatch.setattr("llmtrace.seam.import_module", broken)
    llmtrace.instrument(export="none")
    assert "cannot be imported (AttributeError)" in caplog.text


def test_a_fault_on_the_worker_still_ends_the_span(
    traces: Any, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLMTRACE_RAISE_INTERNAL_ERRORS")
    monkeypatch.setattr("llmtrace.telling.read_request", lambda *_: 1 / 0)
    client.chat.completions.create(**CHAT)
    assert traces.one().name == "chat gpt-4o"
    assert faults.counts["worker"] == 1


def test_uninstrument_restores_what_the_app_had_put_on_its_provider_and_leaves_what_it_put_on_ours() -> None:
    provider, _ = _provider()
    original = provider.force_flush

    def before(*args: Any, **kwargs: Any) -> bool:
        return original(*args, **kwargs)

    provider.force_flush = before  # type: ignore[method-assign]
    llmtrace.instrument(provider, export="none")
    ours = provider.shutdown

    def on_top() -> None:
        ours()

    provider.shutdown = on_top  # type: ignore[method-assign]
    llmtrace.uninstrument()
    assert vars(provider)["force_flush"] is before
    assert vars(provider)["shutdown"] is on_top
    provider.shutdown()


def test_without_the_client_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openai._base_client", None)
    llmtrace.instrument(export="none")
    assert "the openai package is not installed" in caplog.text
    faults.reset()
