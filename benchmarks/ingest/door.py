"""What the parts of the door cost a request: CPU, the least of several runs, no network and no disk.

    python -m benchmarks.ingest.door [--runs 7]

"accepted" is the whole of `Door.accept` over a log that has everything on disk at once.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from benchmarks.ingest.bodies import bodies
from benchmarks.ingest.processes import load
from llmtrace_collector import otlp
from llmtrace_collector.access import KeyRing, Scope
from llmtrace_collector.access.guard import Guard
from llmtrace_collector.access.register import Register
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.receive.door import Door
from llmtrace_collector.receive.redacting import changer
from llmtrace_collector.serving import _loop_factory
from llmtrace_collector.signals import Signal
from llmtrace_collector.wal.record import encode


class DurableAtOnce:
    """A log in name only, to measure what is before it."""

    def append(self, record: bytes, *, weight: int = 0, signal: Signal = Signal.TRACES) -> Future[None]:  # noqa: ARG002
        """As `Wal.append`."""
        written: Future[None] = Future()
        written.set_result(None)
        return written

    def why_refusing(self) -> str:
        """As `Wal.why_refusing`."""
        return ""


def least_us(work: Callable[[], object], runs: int, times: int) -> float:
    """CPU-microseconds of one piece of work."""
    work()
    found = []
    for _ in range(runs):
        before = time.process_time_ns()
        for _ in range(times):
            work()
        found.append((time.process_time_ns() - before) / times / 1e3)
    return min(found)


def accepting_us(door: Door, body: bytes, runs: int, times: int) -> float:
    """The same of `Door.accept`, inside one loop."""

    async def run() -> float:
        found = []
        for _ in range(runs + 1):
            before = time.process_time_ns()
            for _ in range(times):
                await door.accept(Signal.TRACES, body, transport="http")
            found.append((time.process_time_ns() - before) / times / 1e3)
        return min(found[1:])

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(run())


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    log = DurableAtOnce()
    with tempfile.TemporaryDirectory() as name:
        folder = DataFolder(Path(name))
        register = Register(folder)
        scopes = {Scope.INGEST}
        keys = [register.create(name=f"app {n}", project="default", scopes=scopes, who="me") for n in range(100)]
        header = f"Bearer {keys[50][1]}".encode()
        without, having = Guard(), Guard(KeyRing(folder.path))
        named = Door(log, hosts={"127.0.0.1"})
        print(f"load {load()}\n\n| part | 1 span | 100 spans |\n|---|---|---|")
        small, large = bodies(1, 1)[0], bodies(1, 100)[0]
        parts: dict[str, Callable[[bytes], object]] = {
            "parsed by upb": lambda body: otlp.parse(Signal.TRACES, body),
            "made a record": lambda body: encode(project="default", received_ns=1, request=body, items=1),
            "host looked at": lambda _: named.check_host(b"127.0.0.1:4318"),
            "asked for no key": lambda _: without.authorize(b"", Scope.INGEST),
            "let in by one of 100 keys": lambda _: having.authorize(header, Scope.INGEST),
        }
        for part, work in parts.items():
            shown = [least_us(partial(work, small), runs, 3000), least_us(partial(work, large), runs, 100)]
            print(f"| {part} | {shown[0]:.1f} | {shown[1]:.1f} |", flush=True)
        for part, mode in (("accepted", "off"), ("accepted, --redact mask", "mask")):
            door = Door(log, change=changer(mode, "personal"))
            few = 10 if mode == "mask" else 1
            shown = [accepting_us(door, small, runs, 2000 // few), accepting_us(door, large, runs, 100 // few)]
            print(f"| {part} | {shown[0]:.1f} | {shown[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
