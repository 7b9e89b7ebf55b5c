"""The worker: bounded, drained on demand, and never in the app's way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import llmtrace
from llmtrace import faults, instrumentation
from llmtrace.worker import Worker
from support.spans import attributes, failed
from support.waiting import wait_for


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker(limit=3)
    yield made
    made.stop()
    faults.reset()


def test_jobs_run_in_order_and_a_drain_waits_for_all(worker: Worker) -> None:
    done: list[int] = []
    for number in range(3):
        assert worker.put(lambda number=number: done.append(number))
    assert worker.drain(5)
    assert done == [0, 1, 2]


def test_a_full_queue_drops_counts_and_says_so_once(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    gate, entered = threading.Event(), threading.Event()

    def block() -> None:
        entered.set()
        gate.wait(5)

    worker.put(block)
    assert entered.wait(5)
    accepted = [worker.put(lambda: None) for _ in range(10)]
    gate.set()
    assert accepted == [True] * 3 + [False] * 7
    assert worker.dropped == 7
    assert caplog.text.count("wait for the worker thread") == 1
    assert worker.drain(5)


def test_a_drain_that_runs_out_of_time_says_so(worker: Worker) -> None:
    gate = threading.Event()
    worker.put(lambda: gate.wait(5) and None)
    assert not worker.drain(0.05)
    gate.set()
    assert worker.drain(5)


def test_a_job_that_fails_does_not_stop_the_next(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMTRACE_RAISE_INTERNAL_ERRORS")
    done: list[int] = []
    worker.put(lambda: 1 / 0 and None)
    worker.put(lambda: done.append(1))
    assert worker.drain(5)
    assert done == [1]
    assert faults.counts["worker"] == 1


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), KeyboardInterrupt()])
def test_a_job_that_means_to_end_its_thread_does_not(
    error: BaseException, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLMTRACE_RAISE_INTERNAL_ERRORS")

    def end() -> None:
        raise error

    done: list[int] = []
    worker.put(end)
    worker.put(lambda: done.append(1))
    assert worker.drain(5)
    assert done == [1]


def test_who_hangs_holds_up_the_end_once(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmtrace.worker.END_TIMEOUT_S", 0.2)
    gate = threading.Event()
    worker.put(lambda: gate.wait(10) and None)
    begun = time.monotonic()
    monkeypatch.setattr("llmtrace.worker.HUNG_TIMEOUT_S", 0.01)
    assert not any(worker.drain_finally() for _ in range(20))
    assert time.monotonic() - begun < 2
    monkeypatch.undo()
    gate.set()
    assert worker.drain(5)
    assert worker.drain_finally()


def test_a_burst_of_many_threads_loses_nothing() -> None:
    worker = Worker(limit=100_000)
    done: list[int] = []
    threads = [
        threading.Thread(target=lambda: [worker.put(lambda: done.append(1)) for _ in range(500)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worker.drain(10)
    assert len(done) == 4000
    worker.stop()


def test_a_stopped_worker_ends_its_thread_and_still_does_what_comes_later() -> None:
    worker = Worker(limit=3)
    done: list[int] = []
    worker.put(lambda: done.append(1))
    assert worker.drain(5)
    worker.stop()
    wait_for(lambda: worker._thread is None, 5, what="the thread to end")
    worker.put(lambda: done.append(2))
    wait_for(lambda: done == [1, 2], 5, what="the late job")


def test_the_queue_is_bounded_in_bytes_too() -> None:
    worker = Worker(limit=100, limit_bytes=1000)
    gate, entered = threading.Event(), threading.Event()

    def block() -> None:
        entered.set()
        gate.wait(5)

    worker.put(block)
    assert entered.wait(5)
    assert worker.put(lambda: None, 5000)  # one is always taken, or nothing that large ever would be
    assert not worker.put(lambda: None, 10)
    gate.set()
    assert worker.drain(5)
    assert worker.put(lambda: None, 900)
    worker.stop()
    faults.reset()


def test_a_call_refused_by_a_full_queue_keeps_its_error_and_does_not_wait(
    fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    memory = InMemorySpanExporter()

    class Slow(SimpleSpanProcessor):
        def on_end(self, span: Any) -> None:
            gate.wait(30)
            super().on_end(span)

    monkeypatch.setenv("LLMTRACE_QUEUE_SIZE", "1")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Slow(memory))
    llmtrace.instrument(provider, export="none")
    client.embeddings.create(model="text-embedding-3-small", input="hi")
    active = instrumentation._active
    assert active is not None
    wait_for(lambda: not active.worker._jobs, 5, what="the worker to be stuck")
    client.embeddings.create(model="text-embedding-3-small", input="hi")
    fake.fail_next(500)
    begun = time.monotonic()
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="gpt-4o", messages=[])
    assert time.monotonic() - begun < 15
    assert llmtrace.dropped_calls() == 1
    gate.set()
    assert llmtrace.flush()
    (refused,) = [span for span in memory.get_finished_spans() if span.name.startswith("chat")]
    assert failed(refused)
    assert attributes(refused)["error.type"] == "InternalServerError"
    assert attributes(refused)["llmtrace.details_dropped"] is True


@pytest.mark.parametrize("where", ["redact", "upload", "processor"])
def test_a_call_that_the_worker_makes_itself_is_not_seen(where: str, fake: Any, client: Any) -> None:
    calls: list[str] = []
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "aGkh" * 500}}
    chat: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": [image]}]}

    def call(value: Any = None, **_: Any) -> Any:
        if len(calls) < 50:  # it would go on for ever
            calls.append(where)
            client.chat.completions.create(**chat)
        return value

    class Calling(SimpleSpanProcessor):
        def on_end(self, span: Any) -> None:
            super().on_end(span)
            if where == "processor":
                call()

    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Calling(memory))
    hooks: Any = {where: call} if where != "processor" else {}
    llmtrace.instrument(provider, export="none", capture_content=True, **hooks)
    client.chat.completions.create(**chat)
    assert llmtrace.flush()
    assert calls
    assert len(memory.get_finished_spans()) == 1


def test_a_flush_takes_no_longer_than_it_was_told(fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    class Slow(SimpleSpanProcessor):
        def on_end(self, span: Any) -> None:
            gate.wait(10)

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Slow(InMemorySpanExporter()))
    llmtrace.instrument(provider, export="none")
    client.embeddings.create(model="text-embedding-3-small", input="hi")
    begun = time.monotonic()
    assert not llmtrace.flush(0.1)
    provider.force_flush(100)
    provider.force_flush(timeout_millis=100)
    assert time.monotonic() - begun < 3
    gate.set()
    assert llmtrace.flush()
