"""A tracer provider in use: our processor added to it, and deferred work put before its flush and its shutdown.

The SDK flushes its processors in order of registration, and the app's may come before anything of ours. So the drain
of deferred work is put before all of them: on the provider's own ``force_flush`` and ``shutdown``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from llmtrace import faults, unfinished
from llmtrace.endpoints import exports_to
from llmtrace.patching import Patches
from llmtrace.processes import forget_at_exit, run_at_exit

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from llmtrace.export import OurSpansProcessor
    from llmtrace.settings import Settings
    from llmtrace.worker import Worker

DRAIN_TIMEOUT_S: Final = 5.0

_drained: Final[ContextVar[bool]] = ContextVar("llmtrace_drained", default=False)
"""Whether who flushes here has waited for the worker already."""


def patience_s(args: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
    """How long a flush of the app's may wait for the worker: no longer than the ``timeout_millis`` it was given."""
    given = args[0] if args else kwargs.get("timeout_millis")
    return min(DRAIN_TIMEOUT_S, max(given, 0) / 1000) if isinstance(given, int | float) else DRAIN_TIMEOUT_S


class Adopted:
    """A provider in use; ``release`` leaves it as it was found."""

    def __init__(self, provider: TracerProvider, settings: Settings, worker: Worker) -> None:
        self.provider = provider
        self._worker = worker
        self._processors: tuple[object, ...] = ()
        self._sent_elsewhere = False
        self._url = settings.traces_url
        self._processor = self._add_processor(settings)
        self._patches = Patches(provider)
        self._patches.put_around("force_flush", self._flush_around)
        self._patches.put_around("shutdown", self._shutdown_around)
        # Registered after the provider's own exit handler, hence run before it.
        run_at_exit(self._exit)

    def flush(self, timeout_s: float) -> bool:
        """Flush the provider: ours with all of the time, the app's exporters with what is left of it."""
        deadline = time.monotonic() + timeout_s
        flushed = self._processor is None or self._processor.flush(timeout_s)
        flush = getattr(self.provider, "force_flush", None)
        if flush is not None:
            drained = _drained.set(True)
            try:
                with self._processor.flushed_already() if self._processor else nullcontext():
                    left_s = max(0.0, deadline - time.monotonic())
                    flushed = flush(max(1, int(left_s * 1000))) is not False and flushed
            finally:
                _drained.reset(drained)
        return flushed

    def hasten(self) -> None:
        """From now on nobody waits long for the collector."""
        if self._processor is not None:
            self._processor.hasten()

    def release(self) -> None:
        """Undo all of it; what the app has put on top of ours stays, and ours then does nothing."""
        forget_at_exit(self._exit)
        self._patches.undo()
        if self._processor is not None:
            self._processor.shutdown()
            _remove_processor(self.provider, self._processor)

    def _exit(self) -> None:
        unfinished.streams.end_all()
        self._worker.drain_finally()
        self.hasten()
        if self._processor is not None:
            self._processor.flush(DRAIN_TIMEOUT_S)

    def _flush_around(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not _drained.get():
            self._worker.drain(patience_s(args, kwargs))
        if self._processor is None:
            return original(*args, **kwargs)
        self._processor.force_flush()
        # What the app is told is about its own exporters; `llmtrace.flush` tells about ours.
        with self._processor.flushed_already():
            return original(*args, **kwargs)

    def _shutdown_around(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._worker.drain_finally()
        return original(*args, **kwargs)

    def _add_processor(self, settings: Settings) -> OurSpansProcessor | None:
        if settings.export == "none":
            return None
        if not hasattr(self.provider, "add_span_processor"):
            faults.say_once(
                "no-processor",
                "llmtrace: %s takes no span processor, so spans go only where it sends them",
                type(self.provider).__name__,
            )
            return None
        from llmtrace.export import OurSpansProcessor

        processor = OurSpansProcessor(settings, is_sent_elsewhere=self._is_sent_elsewhere)
        self.provider.add_span_processor(processor)
        return processor

    def _is_sent_elsewhere(self) -> bool:
        # Asked for each span, for the app may add its exporter after us; the SDK makes a new tuple for each addition.
        processors = _processors(self.provider)
        if processors is not self._processors:
            self._sent_elsewhere = any(exports_to(processor, self._url) for processor in processors)
            self._processors = processors
        return self._sent_elsewhere


def _processors(provider: object) -> tuple[object, ...]:
    found: tuple[object, ...] = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    return found


def _remove_processor(provider: object, processor: object) -> None:
    # The SDK has no public way back; without it the processor stays, shut down and inert.
    composite = getattr(provider, "_active_span_processor", None)
    if composite is not None and hasattr(composite, "_span_processors"):
        composite._span_processors = tuple(p for p in composite._span_processors if p is not processor)  # noqa: SLF001
