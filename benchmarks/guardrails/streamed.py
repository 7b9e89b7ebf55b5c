"""A stream under guard: violating characters shown, and time per chunk.

    python -m benchmarks.guardrails.streamed

Answers of words with planted e-mail addresses, cards, phones and keys, cut into pieces of one to eight characters as
tokens come, through the filter that a call has (`Pii` and `Secrets`, both taking out). Time is of the filter, parsing
of events included, on one thread; the median and the 99th percentile are of single chunks.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from typing import Any

from benchmarks.guardrails.secret_samples import TYPES
from llmtrace.chain import Asked
from llmtrace.guardrails import GuardrailsStep, Pii, Secrets
from llmtrace.operations import operation_of
from llmtrace.servers import server_at

WORDS = ("the", "report", "says", "that", "our", "met", "in", "room", "and", "spoke", "of", "plans", "for", "spring")
PLANTED = (
    "ana.keller@example.org",
    "4111 1111 1111 1111",
    "+49 170 1234567",
    "460-89-9847",
    "DE89 3704 0044 0532 0130 00",
)


def answer(rng: random.Random) -> tuple[str, list[str]]:
    parts, planted = [], []
    for _ in range(300):
        parts.append(rng.choice(WORDS))
        if rng.random() < 0.03:
            kind = rng.choice(["github", "openai project", "jwt", "stripe"])
            planted.append(rng.choice(PLANTED) if rng.random() < 0.6 else TYPES[kind](rng))
            parts.append(planted[-1])
    return " ".join(parts), planted


def filter_of(guards: list[Any]) -> Any:
    seen: list[Asked] = []

    def proceed(asked: Asked) -> Any:
        seen.append(asked)
        yield None

    asked = Asked(
        operation=operation_of("post", "/chat/completions"),
        server=server_at("https", "api.openai.com", 443),
        path="/chat/completions",
        body={"model": "gpt-4o", "messages": []},
        stream=True,
    )
    next(GuardrailsStep(guards).around(asked, proceed))
    return seen[0].filters[-1]


def main() -> None:
    rng = random.Random(3)
    times: list[float] = []
    shown_violations = planted_characters = 0
    for _ in range(40):
        text, planted = answer(rng)
        guard = filter_of([Pii(mode="redact"), Secrets(mode="redact")])
        shown, at = b"", 0
        while at < len(text):
            size = rng.randint(1, 8)
            choice = {"index": 0, "delta": {"content": text[at : at + size]}, "finish_reason": None}
            event = (
                f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n".encode()
            )
            at += size
            began = time.process_time()
            shown += guard.feed(event)
            times.append((time.process_time() - began) * 1000)
        shown += guard.feed(b"data: [DONE]\n\n")
        for secret in planted:
            planted_characters += len(secret)
            # Shown is any piece of it of eight characters or more.
            shown_violations += sum(secret[n : n + 8] in said(shown) for n in range(len(secret) - 7))
    print(f"{len(times):,} chunks; {planted_characters:,} characters that must not be shown, {shown_violations} shown")
    print(
        f"ms per chunk: mean {statistics.fmean(times):.4f}, median {statistics.median(times):.4f}, "
        f"p99 {sorted(times)[int(len(times) * 0.99)]:.4f}"
    )


def said(events: bytes) -> str:
    told = [json.loads(line[6:]) for line in events.decode().splitlines() if line.startswith("data: {")]
    return "".join(c["delta"].get("content") or "" for event in told for c in event["choices"])


if __name__ == "__main__":
    main()
