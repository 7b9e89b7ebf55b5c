"""Metrics on their way to the collector, for an app that has no meter provider and asked for one.

The SDK collects and batches, its exporter encodes; ours is the session that makes one attempt at a time, so that a
collector that is away costs an app that ends two seconds at most.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from llmtrace import faults, semconv
from llmtrace._version import __version__
from llmtrace.processes import forget_at_exit, run_at_exit
from llmtrace.quiet import exporting
from llmtrace.sending import OneAttempt

if TYPE_CHECKING:
    from llmtrace.settings import Settings

CLOSE_TIMEOUT_S: Final = 2.0
"""How long an exit may wait for a collector that does not take metrics."""


class OwnMetrics:
    """A meter provider of ours, never the global one, and its way to the collector."""

    def __init__(self, settings: Settings) -> None:
        self._exporter = _Exporter(settings)
        distro = {semconv.DISTRO_NAME: "llmtrace", semconv.DISTRO_VERSION: __version__}
        self.provider = MeterProvider(
            [PeriodicExportingMetricReader(self._exporter)], Resource.create(distro), shutdown_on_exit=False
        )
        run_at_exit(self.shutdown)

    def flush(self, timeout_s: float) -> bool:
        """Send what there is; False when it was not taken."""
        self._exporter.timeout_s = min(self._exporter.timeout_s, max(timeout_s, 0.001))
        try:
            self.provider.force_flush(timeout_s * 1000)
        except Exception:  # noqa: BLE001 - the SDK raises what a reader met, such as no time left
            return False
        finally:
            self._exporter.timeout_s = self._exporter.patience_s
        return self._exporter.delivered

    def leave(self) -> None:
        """In a child: what was measured is the parent's to send."""
        forget_at_exit(self.shutdown)
        self._exporter.is_left = True

    def shutdown(self) -> None:
        """Send what is left, if the collector takes it, and end."""
        forget_at_exit(self.shutdown)
        self._exporter.timeout_s = min(self._exporter.patience_s, CLOSE_TIMEOUT_S)
        with suppress(Exception):
            self.provider.shutdown(CLOSE_TIMEOUT_S * 1000)


class _Exporter(OTLPMetricExporter):
    """The SDK's, with one attempt for each export, and silent but for one line of ours."""

    def __init__(self, settings: Settings) -> None:
        self.patience_s = settings.export_timeout_s
        self.timeout_s = self.patience_s
        """How long the next attempt may take."""
        self.delivered = True
        """Whether the last one was."""
        self.is_left = False
        """Whether it is another process that sends."""
        self._url = settings.metrics_url
        self._one_attempt = OneAttempt()
        headers = {"authorization": f"Bearer {settings.ingest_key}"} if settings.ingest_key else None
        super().__init__(self._url, headers=headers, session=self._one_attempt)

    def export(self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: Any) -> Any:
        if self.is_left:
            return MetricExportResult.SUCCESS
        self._one_attempt.prepare_attempt(self.timeout_s)
        with exporting():
            result = super().export(metrics_data, timeout_millis, **kwargs)
        self.delivered = result is MetricExportResult.SUCCESS
        if not self.delivered:
            faults.say_once(
                "metrics-not-taken",
                "llmtrace: %s does not take metrics (%s). Name one that does with OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, "
                "or unset OTEL_METRICS_EXPORTER. This is said once.",
                self._url,
                self._one_attempt.trouble or "they cannot be encoded",
            )
        return result
