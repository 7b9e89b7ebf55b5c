"""What acts on a call before it leaves, or in its place: guardrails, cache, router, and last the provider.

    Asked ──▶ step ──▶ step ──▶ Send ──▶ Reply
                 └─ may answer itself, change what is asked, ask again, or change the reply

A step is written once, for clients that block and for those that do not: as a generator that yields what it needs done
(`Send`, `Do`) and is given the result. `run` and `run_async` do it. Nothing here knows OpenTelemetry or OpenAI.
"""

from __future__ import annotations

from llmtrace.chain.effects import Do, Effect, Send, Work
from llmtrace.chain.exchange import Asked, Marks, Origin, Reply, StreamFilter, WaitingFilter, is_whole
from llmtrace.chain.running import ChainRefusal, Proceed, Step, chained, run, run_async

__all__ = [
    "Asked",
    "ChainRefusal",
    "Do",
    "Effect",
    "Marks",
    "Origin",
    "Proceed",
    "Reply",
    "Send",
    "Step",
    "StreamFilter",
    "WaitingFilter",
    "Work",
    "chained",
    "is_whole",
    "run",
    "run_async",
]
