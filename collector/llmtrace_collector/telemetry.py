"""What the collector tells of itself, for Prometheus: one table of names, and the values of this process.

Names are those of the OpenTelemetry Collector where it has one, so that existing dashboards work; ours begin with
`llmtrace_`. A metric is a row of `METRICS`; `docs/reference/telemetry.md` is written from it. `count` and `put` take
the name and the labels of such a row.

Each process holds its own values. With several receiver processes each writes them to a file once a second, and
whoever is asked adds all up (`merged`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from llmtrace_collector.signals import Signal

Labels = tuple[str, ...]
Values = dict[tuple[str, Labels], float]
"""By name, and by the values of the labels in the order of the row."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One row of the table."""

    name: str
    kind: Literal["counter", "gauge"]
    labels: Labels = ()
    help: str

    @property
    def fixed(self) -> dict[str, str]:
        """Labels that always have the same value: those the OTel Collector's dashboards group by."""
        if self.name.startswith("otelcol_receiver_"):
            return {"receiver": "otlp"}
        return {"exporter": "clickhouse"} if self.name.startswith("otelcol_exporter_") else {}


def _of_each_signal() -> Iterator[Metric]:
    for signal in Signal:
        what = signal.items.replace("_", " ")
        yield Metric(
            name=f"otelcol_receiver_accepted_{signal.items}",
            kind="counter",
            labels=("transport",),
            help=f"{what} acknowledged: durable in the log",
        )
        yield Metric(
            name=f"otelcol_receiver_refused_{signal.items}",
            kind="counter",
            labels=("transport",),
            help=f"{what} of requests that were refused after they could be read: the sender keeps them",
        )
        yield Metric(
            name=f"otelcol_exporter_sent_{signal.items}",
            kind="counter",
            help=f"{what} ClickHouse has taken, quarantined ones included",
        )
        yield Metric(
            name=f"otelcol_exporter_send_failed_{signal.items}",
            kind="counter",
            help=f"{what} that went to the dead letters",
        )


_OWN = (
    Metric(
        name="otelcol_exporter_queue_size",
        kind="gauge",
        help="bytes in the log that ClickHouse does not have yet",
    ),
    Metric(
        name="otelcol_exporter_queue_capacity",
        kind="gauge",
        help="most bytes that may wait: the quota of the log",
    ),
    Metric(name="otelcol_process_uptime_seconds", kind="counter", help="since the collector was started"),
    Metric(name="otelcol_process_cpu_seconds", kind="counter", help="user and system time of all its processes"),
    Metric(name="otelcol_process_memory_rss", kind="gauge", help="resident bytes of all its processes"),
    Metric(
        name="llmtrace_ledger_items",
        kind="gauge",
        labels=("signal", "term"),
        help=(
            "where everything is that was ever acknowledged, across restarts: accepted = stored + quarantined + waiting"
            " + dead_lettered + discarded + settled + missing, and missing must be 0"
        ),
    ),
    Metric(name="llmtrace_log_segments", kind="gauge", help="sealed segments that wait for ClickHouse"),
    Metric(name="llmtrace_log_oldest_seconds", kind="gauge", help="how long the oldest of them has waited"),
    Metric(name="llmtrace_log_room_bytes", kind="gauge", help="what may still be accepted: of the quota and the disk"),
    Metric(name="llmtrace_log_dead_letters", kind="gauge", help="files in wal/dead that a person should look at"),
    Metric(name="llmtrace_store_reachable", kind="gauge", help="1 when the last thing asked of ClickHouse was done"),
    Metric(
        name="llmtrace_watch_leads", kind="gauge", help="1 when alerts are decided here, 0 when another collector does"
    ),
    Metric(name="llmtrace_alerts", kind="gauge", labels=("state",), help="alerts that are pending or firing"),
    Metric(name="llmtrace_notices", kind="gauge", labels=("status",), help="notices that wait, or were given up"),
    Metric(name="llmtrace_watch_evaluations", kind="counter", help="rounds in which rules were looked at"),
    Metric(name="llmtrace_watch_query_failures", kind="counter", help="queries of the watch without an answer"),
    Metric(name="llmtrace_watch_transitions", kind="counter", help="changes of alerts"),
    Metric(name="llmtrace_watch_deliveries", kind="counter", labels=("outcome",), help="attempts at receivers"),
    Metric(
        name="llmtrace_removed_segments",
        kind="counter",
        help="segments that were gone when they were to be stored: somebody removed them",
    ),
)

METRICS: tuple[Metric, ...] = (*_of_each_signal(), *_OWN)
"""All of them."""

_BY_NAME = {metric.name: metric for metric in METRICS}
_lock = threading.Lock()
_values: Values = {}


def count(name: str, amount: float = 1, **labels: str) -> None:
    """Adds to a counter."""
    key = _key(name, labels)
    with _lock:
        _values[key] = _values.get(key, 0) + amount


def put(name: str, value: float, **labels: str) -> None:
    """Sets a gauge; only one process may, since values of all are added up."""
    key = _key(name, labels)
    with _lock:
        _values[key] = value


def restore(file: Path) -> None:
    """Begins with what a process before this one had counted, so that a restarted one goes on where it ended."""
    counters = {metric.name for metric in METRICS if metric.kind == "counter"}
    with _lock:
        _values.update({key: value for key, value in merged({}, [file]).items() if key[0] in counters})


def values() -> Values:
    """A copy of what this process has counted."""
    with _lock:
        return dict(_values)


def grouped(name: str) -> dict[str, dict[str, int]]:
    """The values of a metric with two labels: by the first, then by the second."""
    found: dict[str, dict[str, int]] = {}
    for (each, labels), value in values().items():
        if each == name:
            found.setdefault(labels[0], {})[labels[1]] = int(value)
    return found


def _key(name: str, labels: Mapping[str, str]) -> tuple[str, Labels]:
    metric = _BY_NAME[name]
    return name, tuple(labels[label] for label in metric.labels)


def dumps(held: Values) -> bytes:
    """Values as JSON."""
    return json.dumps([[name, labels, value] for (name, labels), value in held.items()]).encode()


def merged(held: Values, others: Iterable[Path]) -> Values:
    """`held` and what other processes wrote to their files, added up; a file that cannot be read adds nothing."""
    total = dict(held)
    for file in others:
        try:
            rows = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        for name, labels, value in rows:
            key = (name, tuple(labels))
            total[key] = total.get(key, 0) + value
    return total


def exposition(held: Values) -> bytes:
    """The text Prometheus reads (format 0.0.4); a counter without labels that never counted is 0."""
    from prometheus_client import Metric as Family
    from prometheus_client import generate_latest
    from prometheus_client.registry import Collector

    class Once(Collector):
        def collect(self) -> Iterator[Family]:
            for metric in METRICS:
                # Without a type: the library would add `_total` to a counter's name, which the OTel Collector has not.
                family = Family(metric.name, f"{metric.help} ({metric.kind})", "unknown")
                for (name, labels), value in sorted(held.items()):
                    if name == metric.name:
                        family.add_sample(name, metric.fixed | dict(zip(metric.labels, labels, strict=True)), value)
                if not family.samples and not metric.labels:
                    family.add_sample(metric.name, metric.fixed, 0)
                yield family

    return generate_latest(Once())
