"""One contender, in a process of its own: two copies of the client, one clean, one instrumented, blocks A B B A.

The figure is the ratio of CPU time on the calling thread (``time.thread_time``), the median over the rounds: other
load on the machine slows both alike. CPU in other threads is what the process used beyond it.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.instrument import workloads
from benchmarks.instrument.contenders import CONTENDERS

# The package as its own modules name it: in imports, and in dotted references.
_OWN_NAME = re.compile(
    r"""(?<=from[ ])openai\b | (?<=import[ ])openai\b | (?<![\w./"'-])openai(?=\.(?:lib\b|types\b|resources\b|_))""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Figure:
    """What one case costs, in CPU microseconds a call."""

    case: str
    clean_us: float
    seen_us: float
    ratio: float
    elsewhere_us: float
    """In other threads, beyond what the clean copy has there."""


def copy_client(folder: Path) -> None:
    """Copy the client's package to ``folder`` under another name."""
    found = importlib.util.find_spec("openai")
    if found is None or found.origin is None:
        raise SystemExit("the openai package is not installed")
    copy = folder / "openai_clean"
    shutil.copytree(Path(found.origin).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for source in copy.rglob("*.py"):
        source.write_text(_OWN_NAME.sub("openai_clean", source.read_text()))


def two_copies() -> tuple[Any, Any]:
    """The copy (``copy_client`` made it, and it is on the path) and the client itself."""
    packages = importlib.import_module("openai_clean"), importlib.import_module("openai")
    for package in packages:
        package.OpenAI(api_key="x").chat.completions.create  # noqa: B018 - loads what is loaded when first used
        importlib.import_module(f"{package.__name__}.resources.responses")
        importlib.import_module(f"{package.__name__}.resources.embeddings")
    return packages


def measure(contender: str, *, content: bool, rounds: int, wait_s: float, scale: float) -> list[Figure]:
    """Every case for one contender."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    clean, seen = two_copies()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_nowhere()))
    settle = CONTENDERS[contender](seen, provider, content)
    cases = workloads.cases(clean, seen, _http_library(), wait_s=wait_s, scale=scale)
    return [_compare(case, settle, rounds) for case in cases]


def memory(contender: str, *, content: bool, calls: int) -> float:
    """Bytes that stay allocated, a call, after everything is flushed and exported."""
    import openai
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_nowhere()))
    settle = CONTENDERS[contender](openai, provider, content)
    case = workloads.cases(openai, openai, _http_library(), wait_s=0, scale=1)[0]
    _run(case.seen, calls)
    settle()
    provider.force_flush()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(calls // 50):
        _run(case.seen, 50)
        settle()
    provider.force_flush()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / calls


def _compare(case: workloads.Case, settle: Callable[[], object], rounds: int) -> Figure:
    blocks = {"clean": case.clean, "seen": case.seen}
    for call in blocks.values():
        _block(call, case.calls, settle)
    ratios, clean, seen = [], [], []
    for _ in range(rounds):
        a, b, c, d = (_block(blocks[kind], case.calls, settle) for kind in ("clean", "seen", "seen", "clean"))
        ratios.append((b[0] + c[0]) / (a[0] + d[0]))
        clean += [a, d]
        seen += [b, c]
    return Figure(
        case=case.name,
        clean_us=statistics.median(t for t, _ in clean) * 1e6,
        seen_us=statistics.median(t for t, _ in seen) * 1e6,
        ratio=statistics.median(ratios),
        elsewhere_us=(statistics.median(e for _, e in seen) - statistics.median(e for _, e in clean)) * 1e6,
    )


def _block(call: Callable[[], object], calls: int, settle: Callable[[], object]) -> tuple[float, float]:
    process, thread = time.process_time(), time.thread_time()
    _run(call, calls)
    on_thread = time.thread_time() - thread
    settle()
    return on_thread / calls, (time.process_time() - process - on_thread) / calls


def _run(call: Callable[[], object], calls: int) -> None:
    for _ in range(calls):
        call()


def _http_library() -> Any:
    from openai import _base_client

    return sys.modules[next(n for n in ("httpx2", "httpx") if getattr(_base_client, n, None) is not None)]


def _nowhere() -> Any:
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        """Takes every span and does nothing with it."""

        def export(self, _: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    return Nowhere()
