"""What the cache adds to a call at 10,000 entries in one scope: exact hit, semantic hit, miss.

OPENBLAS_NUM_THREADS=1 python -m benchmarks.cache.times
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from statistics import median, quantiles

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from llmtrace.cache import Cache
from llmtrace.calls import Operation, Server
from llmtrace.chain import Asked, Reply, run
from llmtrace.embedding import Embedder, LexicalEmbedder, LocalEmbedder

ENTRIES = 10_000
WORDS = "red old kind river house tree map song winter glass train letter bread stone window king dog hill road".split()  # noqa: SIM905


class Certain:
    """Takes any two questions for the same, after doing the work of the real curve."""

    def __init__(self, embedder: Embedder) -> None:
        from llmtrace.cache.curve import curve_for

        self._curve = curve_for(embedder)

    def wrong(self, one: str, other: str, cosine: float) -> tuple[float, str]:  # noqa: D102
        self._curve.wrong(one, other, cosine)
        return 0.0, ""


def asked(text: str) -> Asked:
    return Asked(
        operation=Operation(name="chat", wire="chat"),
        server=Server(provider="openai", price_provider="openai", address="h", port=1),
        path="/chat/completions",
        body={"model": "gpt-4o", "messages": [{"role": "user", "content": text}]},
    )


def measure(embedder: Embedder, work: Callable[[str], None], texts: list[str]) -> str:
    times = []
    for text in texts:
        begun = time.perf_counter()
        work(text)
        times.append((time.perf_counter() - begun) * 1000)
    return f"{embedder.name}: {median(times):.3f} ms median, {quantiles(times, n=20)[-1]:.3f} ms p95"


def main() -> None:
    draw = random.Random(5)
    answer = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "yes"}}], "id": "c"}
    body = json.dumps(answer).encode()
    texts = [f"how do I find {' '.join(draw.choices(WORDS, k=6))}" for _ in range(ENTRIES)]
    for embedder in (LexicalEmbedder(), LocalEmbedder()):
        cache = Cache(embedder=embedder, curve=Certain(embedder), delta=0.9)
        rows = dict(zip(texts, embedder.embed(texts), strict=True))

        class Known:
            name, dimension, waits = embedder.name, embedder.dimension, False

            def embed(self, wanted: list[str], rows=rows, embedder=embedder):
                known = [rows[text] for text in wanted if text in rows]
                return embedder.embed(wanted) if len(known) < len(wanted) else __import__("numpy").stack(known)

        cache = Cache(embedder=Known(), curve=Certain(embedder), delta=0.9)
        step = cache.step

        def work(text: str, step=step) -> None:
            def further(_asked: Asked):
                return Reply(body=body)
                yield

            run(lambda call: step.around(call, further), asked(text), lambda _: Reply(body=body))

        from llmtrace.cache import control

        with control(refresh=True):
            for text in texts:
                work(text)
        print("exact   ", measure(embedder, work, draw.choices(texts, k=1_000)))
        print("semantic", measure(embedder, work, [f"{text} please" for text in draw.sample(texts, 200)]))


if __name__ == "__main__":
    main()
