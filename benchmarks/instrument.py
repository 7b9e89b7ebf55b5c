"""What the instrument costs: CPU on the calling thread, clean against instrumented, and CPU moved to the worker.

Run: ``python benchmarks/instrument.py`` (under a minute, no network). Blocks of calls alternate A B B A, so that a
machine that slows down or speeds up hits both alike; the figure is the median of the rounds. CPU time is that of the
thread (``time.thread_time``), so other load on the machine matters little.

"waiting" calls wait 2 ms for their answer, as calls over a network wait (longer): the worker runs meanwhile. "busy"
calls are answered at once, back to back, so that worker and caller fight over one interpreter lock: the worst case.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import llmtrace

CHUNKS = 200
WAIT_S = 0.002
MESSAGES: Any = [
    {"role": "system", "content": "You are a helpful assistant. " * 20},
    {"role": "user", "content": "Summarise the text below in three sentences. " * 40},
]


@dataclass(frozen=True)
class Case:
    """One kind of call to measure."""

    name: str
    calls: int
    call: Callable[[], object]


class Nowhere(SpanExporter):
    """Takes every span and does nothing with it."""

    def export(self, spans: Any) -> SpanExportResult:  # noqa: ARG002
        """Nothing."""
        return SpanExportResult.SUCCESS


def answer() -> bytes:
    usage = {"prompt_tokens": 600, "completion_tokens": 150, "total_tokens": 750}
    message = {"role": "assistant", "content": "A short summary. " * 40, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-08-06"}
    return json.dumps({**head, "choices": [choice], "usage": usage, "service_tier": "default"}).encode()


def events() -> list[bytes]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-2024-08-06"}

    def event(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return b"data: " + json.dumps({**head, "choices": [choice], "usage": None}).encode() + b"\n\n"

    usage = {"prompt_tokens": 600, "completion_tokens": CHUNKS, "total_tokens": 600 + CHUNKS}
    last = b"data: " + json.dumps({**head, "choices": [], "usage": usage}).encode() + b"\n\n"
    return [*(event({"content": " word"}) for _ in range(CHUNKS - 3)), event({}, "stop"), last, b"data: [DONE]\n\n"]


class Events(httpx2.SyncByteStream):
    """A body that comes event by event."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces


def make_client(wait_s: float) -> openai.OpenAI:
    body, pieces = answer(), events()

    def respond(request: httpx2.Request) -> httpx2.Response:
        time.sleep(wait_s)
        if b'"stream":true' in request.content:
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Events(pieces))
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=body)

    transport = httpx2.MockTransport(respond)
    return openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport), max_retries=0)


def measure(case: Case) -> tuple[float, float]:
    """CPU seconds a call: on this thread, and in the whole process."""
    process, thread = time.process_time(), time.thread_time()
    for _ in range(case.calls):
        case.call()
    on_thread = time.thread_time() - thread
    llmtrace.flush()
    return on_thread / case.calls, (time.process_time() - process) / case.calls


def instrumented(case: Case, provider: TracerProvider, *, content: bool) -> tuple[float, float]:
    llmtrace.instrument(provider, export="none", capture_content=content)
    try:
        return measure(case)
    finally:
        llmtrace.uninstrument()


def compare(case: Case, provider: TracerProvider, *, rounds: int, content: bool) -> None:
    clean: list[tuple[float, float]] = []
    seen: list[tuple[float, float]] = []
    measure(case)
    instrumented(case, provider, content=content)
    for _ in range(rounds):
        clean.append(measure(case))
        seen.append(instrumented(case, provider, content=content))
        seen.append(instrumented(case, provider, content=content))
        clean.append(measure(case))
    before = statistics.median(t for t, _ in clean)
    after = statistics.median(t for t, _ in seen)
    ratio = statistics.median((a[0] + b[0]) / (c[0] + d[0]) for a, b, c, d in _rounds(clean, seen))
    worker = statistics.median(p - t for t, p in seen) - statistics.median(p - t for t, p in clean)
    print(
        f"| {case.name:<26} | {'on' if content else 'off':<7} | {before * 1e6:>10.0f} | {after * 1e6:>10.0f} "
        f"| {(after - before) * 1e6:>8.1f} | {ratio:>6.3f} | {worker * 1e6:>9.0f} |"
    )


def _rounds(clean: list[Any], seen: list[Any]) -> Iterator[tuple[Any, Any, Any, Any]]:
    for at in range(0, len(clean), 2):
        yield seen[at], seen[at + 1], clean[at], clean[at + 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    waiting, busy = make_client(WAIT_S), make_client(0)
    chat: Any = {"model": "gpt-4o", "messages": MESSAGES}
    stream: Any = {**chat, "stream": True}
    cases = [
        Case("chat, waiting", 60, lambda: waiting.chat.completions.create(**chat)),
        Case("chat, busy", 60, lambda: busy.chat.completions.create(**chat)),
        Case(f"stream of {CHUNKS}, waiting", 5, lambda: list(waiting.chat.completions.create(**stream))),
        Case(f"stream of {CHUNKS}, busy", 5, lambda: list(busy.chat.completions.create(**stream))),
    ]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; microseconds of CPU a call")
    print(f"| {'call':<26} | content | clean      | seen       | added    | ratio  | on worker |")
    print(f"|{'-' * 28}|---------|-----------:|-----------:|---------:|-------:|----------:|")
    for case in cases:
        for content in (False, True):
            compare(case, provider, rounds=options.rounds, content=content)
    provider.shutdown()


if __name__ == "__main__":
    main()
