"""The outlet that records metrics: on the worker, with the span's context, so that an SDK can take exemplars."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import set_span_in_context

from llmtrace.measurements import measurements
from llmtrace.semconv import GENAI_LATEST, GENAI_RELEASED, METRICS, OPERATION_DURATION, Metric

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Span

    from llmtrace.accounts import Account
    from llmtrace.measurements import Labels
    from llmtrace.metering import Metering
    from llmtrace.settings import Conventions

Record = Callable[[float, "Labels", "Context"], None]


class Instruments:
    """The instruments of one meter, by name of their metric."""

    def __init__(self, meter: Meter, conventions: Conventions) -> None:
        self.conventions = conventions
        left_out = {"released": GENAI_LATEST, "latest": GENAI_RELEASED, "both": ""}[conventions]
        self._records: dict[str, Record] = {
            name: _record(meter, metric)
            for name, metric in METRICS.items()
            if metric.source != left_out or name == OPERATION_DURATION
        }

    def record(self, account: Account, context: Context) -> None:
        """Record every number of one call."""
        for name, amount, labels in measurements(account, self.conventions):
            self._records[name](amount, labels, context)


class MetricsOutlet:
    """Records an account; does nothing while nobody listens."""

    def __init__(self, metering: Metering) -> None:
        self._metering = metering

    def write(self, span: Span, account: Account) -> None:
        """Record it, sampled or not; an exemplar names only a span that is."""
        instruments = self._metering.instruments()
        if instruments is not None:
            instruments.record(account, set_span_in_context(span))


def _record(meter: Meter, metric: Metric) -> Record:
    instrument: Any
    if metric.instrument == "counter":
        instrument = meter.create_counter(metric.name, metric.unit, metric.meaning)
        add: Record = instrument.add
        return add
    instrument = meter.create_histogram(
        metric.name, metric.unit, metric.meaning, explicit_bucket_boundaries_advisory=metric.buckets
    )
    record: Record = instrument.record
    return record
