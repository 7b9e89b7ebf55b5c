"""What ``llmtrace.context`` and ``llmtrace.span`` cost a call: microseconds of this thread's CPU, median of rounds.

Run: ``python benchmarks/blocks.py`` (seconds, no network).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from opentelemetry import baggage, context
from opentelemetry.sdk.trace import TracerProvider

import llmtrace
from llmtrace.baggage import inherited
from llmtrace.identity import current_identity
from llmtrace.settings import BAGGAGE

ROUNDS, TIMES = 15, 20_000
ALLOWED = frozenset(BAGGAGE)


def microseconds(work: Callable[[], object], times: int = TIMES, between: Callable[[], object] = lambda: None) -> float:
    """Median CPU of one ``work()``."""
    found = []
    for _ in range(ROUNDS):
        between()
        begun = time.thread_time()
        for _ in range(times):
            work()
        found.append((time.thread_time() - begun) / times * 1e6)
    return statistics.median(found)


def blocks(number: int) -> ExitStack:
    stack = ExitStack()
    for at in range(number):
        stack.enter_context(llmtrace.context(user=f"u-{at}", tags=[f"t-{at}"], attributes={f"a{at}": at}))
    return stack


def in_generators(number: int) -> Iterator[object]:
    """Blocks that each belong to a running generator: the dear case."""
    with llmtrace.context(user=f"u-{number}"):
        if number > 1:
            yield from in_generators(number - 1)
        else:
            yield microseconds(current_identity)


def enter_and_leave() -> None:
    with llmtrace.context(user="u-1", session="s-1"):
        pass


def main() -> None:
    row("lookup, no block", microseconds(current_identity))
    with blocks(3):
        row("lookup, three blocks", microseconds(current_identity))
    row("lookup, three blocks of running generators", next(in_generators(3)))  # type: ignore[arg-type]
    now = context.get_current()
    row("baggage, none", microseconds(lambda: inherited(now, ALLOWED)))
    other = baggage.set_baggage("shop.id", "7")
    row("baggage, of others", microseconds(lambda: inherited(other, ALLOWED)))
    ours = baggage.set_baggage("session.id", "s", baggage.set_baggage("user.id", "u"))
    row("baggage, two of ours", microseconds(lambda: inherited(ours, ALLOWED)))
    row("with context(user=, session=)", microseconds(enter_and_leave))
    spans()


def spans() -> None:
    """Those of the app's own: a function without, with, and beside what the SDK does for it."""

    def plain(x: int) -> int:
        return x

    spanned = llmtrace.span(kind="tool")(plain)
    row("a plain function", microseconds(lambda: plain(1)))
    row("@span, not instrumented", microseconds(lambda: spanned(1)))
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("beside")

    def by_the_sdk() -> None:
        with tracer.start_as_current_span("execute_tool plain"):
            plain(1)

    row("start_as_current_span of the SDK", microseconds(by_the_sdk, 2000))
    for content in (False, True):
        llmtrace.instrument(provider, export="none", capture_content=content)
        row(
            f"@span, content {'on' if content else 'off'}",
            microseconds(lambda: spanned(1), 1000, between=llmtrace.flush),
        )
        llmtrace.uninstrument()


def row(name: str, figure: float) -> None:
    print(f"| {name:<45} | {figure:>6.2f} |")


if __name__ == "__main__":
    main()
