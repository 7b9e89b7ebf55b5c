"""Which logger provider events go to.

The provider given to ``instrument()``, else the one the app has set globally, now or later; as long as there is none,
one of our own, unless the user wants none. The global provider is never set. Nothing is made but for an app that asked
for content on events.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import _logs

from llmtrace import semconv, unfinished
from llmtrace._version import __version__
from llmtrace.adopted import patience_s
from llmtrace.patching import Patches
from llmtrace.processes import forget_at_exit, run_at_exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import Logger, LoggerProvider

    from llmtrace.log_export import OwnLogs
    from llmtrace.settings import Settings
    from llmtrace.worker import Worker

_NOBODY: Final = "ProxyLoggerProvider"
"""Stands where nobody has set a provider yet, and has no public name."""


class Logs:
    """Tells the logger for the next call that is over."""

    def __init__(self, settings: Settings, worker: Worker, provider: LoggerProvider | None) -> None:
        self._settings = settings
        self._worker = worker
        self._given = provider
        self._own: OwnLogs | None = None
        self._adopted: list[AdoptedLogs] = []
        self._adopting = threading.Lock()
        self._latest: tuple[LoggerProvider | None, Logger | None] = (None, None)
        self._released = False
        if settings.content_on_events:
            # Now, so that a flush of the app's covers the first call, too; and one of our own cannot be made any more
            # once the interpreter ends, for the SDK starts threads to make it.
            self.logger()

    def logger(self) -> Logger | None:
        """The one of the provider in force now, which is adopted the first time it is seen; None: nobody listens."""
        provider = self._app_provider()
        known, logger = self._latest
        if provider is not None and provider is known:
            return logger
        if provider is None and not self._settings.exports_logs:
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

    def _app_provider(self) -> LoggerProvider | None:
        provider = self._given or _logs.get_logger_provider()
        return None if type(provider).__name__ == _NOBODY else provider

    def _adopt(self, provider: LoggerProvider | None) -> Logger:
        target = provider if provider is not None else self._own_provider()
        known, logger = self._latest
        if known is target and logger is not None:
            return logger
        if not any(adopted.provider is target for adopted in self._adopted):
            self._adopted.append(AdoptedLogs(target, self._worker))
        logger = target.get_logger(semconv.SCOPE_NAME, __version__, semconv.SCHEMA_URL)
        self._latest = (target, logger)
        return logger

    def _own_provider(self) -> LoggerProvider:
        if self._own is None:
            from llmtrace.log_export import OwnLogs

            self._own = OwnLogs(self._settings)
        return self._own.provider


class AdoptedLogs:
    """A logger provider in use: what the worker still has to tell is put before its flush and its shutdown."""

    def __init__(self, provider: LoggerProvider, worker: Worker) -> None:
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
