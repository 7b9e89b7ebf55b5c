"""A million calls through one instrumented process: does anything grow?

Run: ``python -m benchmarks.soak [--calls 1000000]`` (about 15 minutes of CPU). Chat, responses, embeddings, streams
read to the end, abandoned and closed early, and errors, over a mock transport, exported by a batch processor that
discards. Prints resident memory and live objects at 20 points, and the slope over the second half: bytes a call.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
from pathlib import Path
from typing import Any

import openai
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import llmtrace
from benchmarks.instrument import workloads
from benchmarks.instrument.measuring import _http_library, _nowhere


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--clean", action="store_true", help="without llmtrace, for comparison")
    parser.add_argument("--content", action="store_true")
    options = parser.parse_args()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_nowhere()))
    if not options.clean:
        llmtrace.instrument(provider, export="none", capture_content=options.content)
    mix = _Mix()
    points: list[tuple[int, int]] = []
    print("|     calls | resident, MB |   objects | CPU us a call |")
    print("|----------:|-------------:|----------:|--------------:|")
    step = max(1, options.calls // 20)
    for done in range(step, options.calls + 1, step):
        cpu_s = time.process_time()
        mix.run(step)
        llmtrace.flush()
        cpu_s = time.process_time() - cpu_s
        gc.collect()
        points.append((done, _resident()))
        row = f"| {done:9d} | {points[-1][1] / 1e6:12.2f} | {len(gc.get_objects()):9d} | {cpu_s / step * 1e6:13.0f} |"
        print(row, flush=True)
    half = points[len(points) // 2 :]
    slope = statistics.linear_regression([at for at, _ in half], [held for _, held in half]).slope
    print(f"growth over the second half: {slope:.2f} bytes a call; calls that lost details: {llmtrace.dropped_calls()}")


class _Mix:
    """What an app does, in the shares it does it."""

    def __init__(self) -> None:
        httpx = _http_library()
        self._random = random.Random(7)
        self._cases = {case.name: case.seen for case in workloads.cases(openai, openai, httpx, wait_s=0, scale=1)}
        transport = workloads.Transport(httpx, 0)
        self._client = openai.OpenAI(api_key="x", http_client=httpx.Client(transport=transport.sync()), max_retries=0)
        self._failing = openai.OpenAI(
            api_key="x", http_client=httpx.Client(transport=httpx.MockTransport(_refusal(httpx))), max_retries=0
        )
        self._kinds = [
            (70, self._cases["chat"]),
            (8, self._cases["responses"]),
            (8, self._cases["embeddings"]),
            (4, self._cases["chat, async"]),
            (4, self._cases["stream of 20"]),
            (3, self._fail),
            (2, self._abandon),
            (1, self._close_early),
        ]

    def run(self, calls: int) -> None:
        weights, kinds = zip(*self._kinds, strict=True)
        for call in self._random.choices(kinds, weights, k=calls):
            call()

    def _stream(self) -> Any:
        return self._client.chat.completions.create(
            model="gpt-4o", messages=workloads.MESSAGES, stream=True, extra_headers={"x-chunks": "20"}
        )

    def _abandon(self) -> None:
        next(iter(self._stream()))

    def _close_early(self) -> None:
        with self._stream() as stream:
            next(iter(stream))

    def _fail(self) -> None:
        try:
            self._failing.chat.completions.create(model="gpt-4o", messages=workloads.MESSAGES)
        except openai.RateLimitError:
            return
        raise SystemExit("the failing client did not fail")


def _refusal(httpx: Any) -> Any:
    error = {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}
    return lambda _: httpx.Response(429, headers=workloads.HEADERS, json=error)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


if __name__ == "__main__":
    main()
