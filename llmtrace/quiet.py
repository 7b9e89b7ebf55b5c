"""The OTLP exporter's own log lines, silent while *our* exporter runs; the app's own exporter logs as before."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value

_LOGGERS: Final = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.common.http",
    "urllib3.connectionpool",
)
_exporting: ContextVar[bool] = ContextVar("llmtrace_exporting", default=False)


class _OnlyOthers(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002
        return not _exporting.get()


@contextmanager
def exporting() -> Iterator[None]:
    """Inside, exporters log nothing, and instrumented HTTP libraries make no spans."""
    only_others = _OnlyOthers()  # one for each, so that taking it away again touches no other
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(only_others)
    quiet = _exporting.set(True)
    suppressed = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
    try:
        yield
    finally:
        detach(suppressed)
        _exporting.reset(quiet)
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(only_others)
