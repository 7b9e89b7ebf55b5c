"""Which tracer provider spans go to.

The provider given to ``instrument()``, else the one the app has set globally (looked up at each call, so one that is
set later is picked up), else one of our own. The global provider is never set.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from opentelemetry import trace

from llmtrace import semconv
from llmtrace._version import __version__
from llmtrace.adopted import Adopted
from llmtrace.sampling import own_sampler

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer, TracerProvider

    from llmtrace.settings import Settings
    from llmtrace.worker import Worker


class Tracing:
    """Tells the tracer for the next call."""

    def __init__(self, settings: Settings, worker: Worker, provider: TracerProvider | None) -> None:
        self._settings = settings
        self._worker = worker
        self._given = provider
        self._own: TracerProvider | None = None
        self._adopted: list[Adopted] = []
        self._adopting = threading.Lock()
        self._latest: tuple[TracerProvider | None, Tracer | None] = (None, None)
        self.tracer()

    def tracer(self) -> Tracer | None:
        """The tracer in force now; adopts its provider the first time it is seen."""
        provider = self._given or trace.get_tracer_provider()
        known, tracer = self._latest
        return tracer if known is provider else self._adopt(provider)

    def flush(self, timeout_s: float) -> bool:
        """Flush every provider in use, deferred work first; all of it within the time."""
        deadline = time.monotonic() + timeout_s
        flushed = self._worker.drain(timeout_s)
        for adopted in list(self._adopted):
            flushed = adopted.flush(max(0.0, deadline - time.monotonic())) and flushed
        return flushed

    def release(self) -> None:
        """Leave every provider as it was found; our own is shut down."""
        self._worker.drain_finally()
        for adopted in self._adopted:
            adopted.hasten()  # all at once, so that their times to close do not add up
        for adopted in self._adopted:
            adopted.release()
        if self._own is not None:
            self._own.shutdown()  # type: ignore[attr-defined]  # an SDK provider: we made it
        self._adopted.clear()
        self._latest = (None, None)

    def _adopt(self, provider: TracerProvider) -> Tracer | None:
        with self._adopting:
            target = self._own_provider() if isinstance(provider, trace.ProxyTracerProvider) else provider
            if not any(adopted.provider is target for adopted in self._adopted):
                self._adopted.append(Adopted(target, self._settings, self._worker))
            tracer = target.get_tracer(semconv.SCOPE_NAME, __version__, semconv.SCHEMA_URL)
            self._latest = (provider, tracer)
            return tracer

    def _own_provider(self) -> TracerProvider:
        if self._own is None:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider

            distro = {semconv.DISTRO_NAME: "llmtrace", semconv.DISTRO_VERSION: __version__}
            self._own = SdkTracerProvider(own_sampler(), Resource.create(distro))
        return self._own
