"""Which meter provider metrics go to.

The provider given to ``instrument()``, else the one the app has set globally, now or later; as long as there is none,
one of our own if the user asked for it with ``OTEL_METRICS_EXPORTER=otlp``, else nobody: then nothing is measured. The
global provider is never set. One that is set later is looked up on the worker.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics
from opentelemetry.metrics import NoOpMeterProvider

from llmtrace import faults, semconv, unfinished
from llmtrace._version import __version__
from llmtrace.adopted import patience_s
from llmtrace.metrics import Instruments
from llmtrace.patching import Patches
from llmtrace.processes import forget_at_exit, reset_on_fork, run_at_exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.metrics import MeterProvider

    from llmtrace.metric_export import OwnMetrics
    from llmtrace.settings import Settings
    from llmtrace.worker import Worker

_NOBODY: Final = ("_ProxyMeterProvider", "NoOpMeterProvider")
"""The first stands where nobody has set a provider yet, and has no public name."""


class Metering:
    """Tells the instruments for the next call that is over."""

    def __init__(self, settings: Settings, worker: Worker, provider: MeterProvider | None) -> None:
        self._settings = settings
        self._worker = worker
        self._given = provider
        self._own: OwnMetrics | None = None
        self._adopted: list[AdoptedMeters] = []
        self._adopting = threading.Lock()
        self._latest: tuple[MeterProvider | None, Instruments | None] = (None, None)
        self._released = False
        reset_on_fork(self)
        try:
            # Now, so that a flush of the app's covers the first call, too; and ours cannot be made any more once the
            # process is about to end.
            if self.listens():
                self.instruments()
        except Exception as error:  # noqa: BLE001 - one that cannot be loaded: calls are traced all the same
            self._given = NoOpMeterProvider()
            faults.report("metering", error)

    def reset_after_fork(self) -> None:
        """Start anew: what our own provider has measured, and the lock, are the parent's."""
        self._adopting = threading.Lock()
        if self._own is not None:
            self._own.leave()
            self._own = None
            self._latest = (None, None)

    def listens(self) -> bool:
        """Whether anybody does, so that a call without a span is worth reading."""
        return self._settings.exports_metrics or self._app_provider() is not None

    def instruments(self) -> Instruments | None:
        """Those of the provider in force now, which is adopted the first time it is seen; None when nobody listens."""
        provider = self._app_provider()
        known, instruments = self._latest
        if provider is not None and provider is known:
            return instruments
        if provider is None and not self._settings.exports_metrics:
            return None
        with self._adopting:
            return None if self._released else self._adopt(provider)

    def flush(self, timeout_s: float) -> bool:
        """Send what our own provider has; the app's are the app's to flush."""
        return self._own is None or self._own.flush(timeout_s)

    def release(self) -> None:
        """Leave every provider as it was found; our own sends what it has, and ends."""
        self._worker.drain_finally()
        with self._adopting:
            self._released = True
            for adopted in self._adopted:
                adopted.release()
            if self._own is not None:
                self._own.shutdown()
            self._latest = (None, None)

    def _app_provider(self) -> MeterProvider | None:
        provider = self._given or metrics.get_meter_provider()
        return None if type(provider).__name__ in _NOBODY else provider

    def _adopt(self, provider: MeterProvider | None) -> Instruments:
        target = provider if provider is not None else self._own_provider()
        known, instruments = self._latest
        if known is target and instruments is not None:
            return instruments
        if not any(adopted.provider is target for adopted in self._adopted):
            self._adopted.append(AdoptedMeters(target, self._worker))
        meter = target.get_meter(semconv.SCOPE_NAME, __version__, semconv.SCHEMA_URL)
        instruments = Instruments(meter, self._settings.conventions)
        self._latest = (target, instruments)
        return instruments

    def _own_provider(self) -> MeterProvider:
        if self._own is None:
            from llmtrace.metric_export import OwnMetrics

            self._own = OwnMetrics(self._settings)
        return self._own.provider


class AdoptedMeters:
    """A meter provider in use: what the worker still has to record is put before its flush and its shutdown."""

    def __init__(self, provider: MeterProvider, worker: Worker) -> None:
        self.provider = provider
        self._worker = worker
        self._patches = Patches(provider)
        self._patches.put_around("force_flush", self._flush_around)
        self._patches.put_around("shutdown", self._shutdown_around)
        # Registered after the provider's own exit handler, hence run before it.
        run_at_exit(self._exit)

    def release(self) -> None:
        """Undo all of it."""
        forget_at_exit(self._exit)
        self._patches.undo()

    def _flush_around(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._worker.drain(patience_s(args, kwargs))
        return original(*args, **kwargs)

    def _shutdown_around(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._worker.drain_finally()
        return original(*args, **kwargs)

    def _exit(self) -> None:
        unfinished.streams.end_all()
        self._worker.drain_finally()
