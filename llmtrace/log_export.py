"""Events on their way to the collector, for an app that has no logger provider.

The SDK batches, its exporter encodes; ours is the bound in bytes, and the session that makes one attempt at a time. An
event that was not taken is lost: unlike spans, events do not wait for a collector that is away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from requests.adapters import HTTPAdapter

from llmtrace import faults, semconv
from llmtrace._version import __version__
from llmtrace.processes import forget_at_exit, reset_on_fork, run_at_exit
from llmtrace.quiet import exporting
from llmtrace.sending import OneAttempt, Sent

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord, ReadWriteLogRecord

    from llmtrace.settings import Settings

CLOSE_TIMEOUT_S: Final = 2.0
"""How long an exit may wait for a collector that does not take events."""
MAX_REQUEST_BYTES: Final = 8 * 1024 * 1024
AWAY_S: Final = 5.0
REFUSED_S: Final = 60.0
"""So long after such an answer nothing is encoded and sent only to meet it again."""


class OwnLogs:
    """A logger provider of ours, never the global one, and its way to the collector."""

    def __init__(self, settings: Settings) -> None:
        self._exporter = _Exporter(settings)
        distro = {semconv.DISTRO_NAME: "llmtrace", semconv.DISTRO_VERSION: __version__}
        self.provider = LoggerProvider(Resource.create(distro), shutdown_on_exit=False)
        self.provider.add_log_record_processor(_Bounded(self._exporter, settings))
        run_at_exit(self.shutdown)

    def flush(self, timeout_s: float) -> bool:
        """Send what there is; False when some of it, or something since the last flush, was not taken."""
        with self._exporter.hurrying(timeout_s):
            self.provider.force_flush(max(1, int(timeout_s * 1000)))
        return self._exporter.all_taken()

    def shutdown(self) -> None:
        """Send what is left, if the collector takes it, and end."""
        forget_at_exit(self.shutdown)
        with self._exporter.hurrying(CLOSE_TIMEOUT_S), suppress(Exception):
            self.provider.shutdown()


class _Bounded(BatchLogRecordProcessor):
    """The SDK's, bounded in bytes as well."""

    def __init__(self, exporter: _Exporter, settings: Settings) -> None:
        super().__init__(
            exporter,
            schedule_delay_millis=settings.schedule_delay_s * 1000,
            max_export_batch_size=settings.batch_size,
            max_queue_size=settings.span_queue_size,
        )
        self._exporter = exporter
        self._limit = settings.span_queue_size
        self._limit_bytes = settings.queue_bytes

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        if not self._exporter.admit(_size(log_record.log_record.attributes), self._limit, self._limit_bytes):
            faults.say_once("events-full", "llmtrace: events come faster than they are sent; some are lost")
            return
        super().on_emit(log_record)


class _Exporter(OTLPLogExporter):
    """The SDK's, with one attempt for each request, and silent but for one line of ours."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.logs_url
        self._patience_s = settings.export_timeout_s
        self._one_attempt = OneAttempt()
        self.reset_after_fork()
        headers = {"authorization": f"Bearer {settings.ingest_key}"} if settings.ingest_key else None
        super().__init__(self._url, headers=headers, session=self._one_attempt)
        reset_on_fork(self)

    def reset_after_fork(self) -> None:
        """Start anew: what waited and the open connections are the parent's."""
        for scheme in ("http://", "https://"):
            self._one_attempt.mount(scheme, HTTPAdapter())
        self._waiting = 0
        self._waiting_bytes = 0
        self._lost = 0
        self._quiet_until = 0.0
        self._deadline = float("inf")

    def admit(self, size_bytes: int, limit: int, limit_bytes: int) -> bool:
        """Whether one more may wait."""
        if self._waiting and (self._waiting >= limit or self._waiting_bytes + size_bytes > limit_bytes):
            self._lost += 1
            return False
        # The exporting thread may take away at the same time; both start from 0 whenever nothing waits.
        self._waiting += 1
        self._waiting_bytes += size_bytes
        return True

    def hurrying(self, timeout_s: float) -> _Hurrying:
        """Inside, an attempt is made at once, and all of them are over after so many seconds."""
        return _Hurrying(self, timeout_s)

    def hurry(self, deadline: float) -> None:
        """Attempt at once, until ``deadline``."""
        self._deadline = deadline
        self._quiet_until = 0.0

    def all_taken(self) -> bool:
        """Whether everything was, since this was last asked."""
        lost, self._lost = self._lost, 0
        return not lost

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        for part in _requests(batch):
            self._settle(part)
            if time.monotonic() < self._quiet_until or self._send(part) is not LogRecordExportResult.SUCCESS:
                self._lost += len(part)
        return LogRecordExportResult.SUCCESS  # what was lost was told; the SDK need not say it again

    def _send(self, part: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        left_s = min(self._patience_s, self._deadline - time.monotonic())
        if left_s <= 0:
            return LogRecordExportResult.FAILURE
        self._one_attempt.prepare_attempt(left_s)
        with exporting():
            result = super().export(part)
        if result is not LogRecordExportResult.SUCCESS:
            refused = self._one_attempt.met is Sent.REFUSED
            self._quiet_until = time.monotonic() + (REFUSED_S if refused else AWAY_S)
            faults.say_once(
                "events-not-taken",
                "llmtrace: %s does not take events (%s), so they are lost. Name a collector that does with "
                "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT, or keep content on spans with capture_content=True. "
                "This is said once.",
                self._url,
                self._one_attempt.trouble or "they cannot be encoded",
            )
        return result

    def _settle(self, part: Sequence[ReadableLogRecord]) -> None:
        self._waiting = max(0, self._waiting - len(part))
        size_bytes = sum(_size(record.log_record.attributes) for record in part)
        self._waiting_bytes = max(0, self._waiting_bytes - size_bytes) if self._waiting else 0


class _Hurrying:
    def __init__(self, exporter: _Exporter, timeout_s: float) -> None:
        self._exporter = exporter
        self._timeout_s = timeout_s

    def __enter__(self) -> None:
        self._exporter.hurry(time.monotonic() + self._timeout_s)

    def __exit__(self, *_: object) -> None:
        self._exporter.hurry(float("inf"))


def _requests(batch: Sequence[ReadableLogRecord]) -> Iterator[list[ReadableLogRecord]]:
    """The batch in parts that a collector takes."""
    part: list[ReadableLogRecord] = []
    room = MAX_REQUEST_BYTES
    for record in batch:
        size = _size(record.log_record.attributes)
        if part and size > room:
            yield part
            part, room = [], MAX_REQUEST_BYTES
        part.append(record)
        room -= size
    if part:
        yield part


def _size(value: Any) -> int:
    """About how many bytes a value takes on the wire."""
    if isinstance(value, str):
        return 8 + (len(value) if value.isascii() else len(value.encode("utf-8", "replace")))
    if isinstance(value, Mapping):
        return 16 + sum(8 + len(key) + _size(entry) for key, entry in value.items())
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return 8 + sum(_size(entry) for entry in value)
    return 16
