"""What pricing a call costs on the worker, beside the price list's own code, and what loading the list costs.

Run: ``python benchmarks/prices.py`` (seconds, no network). CPU time of the process, the least of five rounds. Usages
differ from call to call, as they do in production. Loading is measured in processes of their own, with the client and
OpenTelemetry's SDK loaded before, in the second of two runs: the first one compiles.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from genai_prices import Usage as ListedUsage
from genai_prices import calc_price

from llmtrace.calls import Call, Operation, Reply, Server, Usage
from llmtrace.prices import PriceBook
from llmtrace.reading.usage import read_usage

CALLS = 5_000
MODEL = "gpt-4o-2024-08-06"
BLOCK = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 60, "audio_tokens": 0},
}
LOADING = """
import time
import openai, opentelemetry.sdk.trace, opentelemetry.exporter.otlp.proto.http.trace_exporter
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
before, began = resident(), time.process_time()
from llmtrace.calls import Call, Operation, Reply, Server, Usage
from llmtrace.prices import PriceBook
server = Server(provider="openai", price_provider="openai", address="api.openai.com", port=443)
call = Call(operation=Operation(name="chat", wire="chat"), server=server)
PriceBook().price_call(call, Reply(model="gpt-4o", usage=Usage(input=1, output=1)), time.time_ns())
print(f"{time.process_time() - began:.3f} s CPU, {(resident() - before) / 1e6:.1f} MB")
"""


def microseconds(step: Callable[[int], object]) -> float:
    step(0)
    rounds = []
    for _ in range(5):
        began = time.process_time()
        for at in range(CALLS):
            step(at)
        rounds.append((time.process_time() - began) / CALLS * 1e6)
    return min(rounds)


def main() -> None:
    server = Server(provider="openai", price_provider="openai", address="api.openai.com", port=443)
    call = Call(operation=Operation(name="chat", wire="chat"), server=server)
    replies = [
        Reply(model=MODEL, usage=Usage(input=1000 + at, output=100, cache_read=400, total=1100 + at))
        for at in range(CALLS)
    ]
    book, now = PriceBook(), time.time_ns()
    print(f"reading a usage block           {microseconds(lambda _: read_usage(BLOCK)):6.1f} us")
    print(f"pricing a call                  {microseconds(lambda at: book.price_call(call, replies[at], now)):6.1f} us")
    listed = microseconds(
        lambda at: calc_price(
            ListedUsage(input_tokens=1000 + at, output_tokens=100, cache_read_tokens=400), MODEL, provider_id="openai"
        )
    )
    print(f"the same by genai_prices        {listed:6.1f} us")
    with tempfile.TemporaryDirectory() as compiled:
        env = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
        for _ in range(2):
            loaded = subprocess.run(
                [sys.executable, "-c", LOADING], env=env, capture_output=True, text=True, check=True
            )
    print(f"loading the list, one call      {loaded.stdout.strip()}")


if __name__ == "__main__":
    main()
