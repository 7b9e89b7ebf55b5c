"""The way of spans through one collector as arithmetic: how old they get, and at what rate it falls behind.

The rules are those of the code: a segment is sealed when it is full, or old enough while none waits; the writer inserts
one at a time. What an insert takes is measured: so many CPU-seconds whatever its size, and so many for a span.

    arrivals ──▶ open segment ──sealed──▶ waiting ──▶ insert (fixed + a span's × spans, at the speed of the machine)
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

LOOK_S = 0.25
"""How late the log may notice that the writer is free (`wal/log.py`)."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Measured, on one machine."""

    insert_cpu_s: float
    """Of one insert, whatever its size."""
    span_cpu_s: float
    """More for each span."""
    speed: float = 1.0
    """CPU-seconds the insert gets in a second: below 1 where others have the cores, at most about 1 (it is serial)."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """As in `WalLimits`."""

    segment_spans: int = 10_400
    """32 MiB of spans of 3.1 KB with their envelope."""
    age_s: float = 1.0
    patient_from: int = 1
    patient_age_s: float = 30.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a run of the model shows."""

    p50_s: float
    """From the acknowledgement to the end of the insert."""
    p99_s: float
    busy: float
    """Part of the time in which an insert ran."""
    spans_an_insert: float
    waiting: int
    """Spans not stored at the end of the arrivals."""


def simulate(rate: float, costs: Costs, rules: Rules | None = None, *, seconds: float = 300.0) -> Found:
    """Spans that come evenly, `rate` a second, for so long."""
    rules = rules or Rules()
    step_s = min(0.05, 50.0 / rate)
    waiting: deque[list[float]] = deque()
    open_spans: list[float] = []
    opened_at = free_at = 0.0
    busy_s, inserts, stored = 0.0, 0, 0
    lags: list[float] = []
    held, now, left = 0.0, 0.0, int(rate * seconds)
    looked_at = 0.0
    while (left or open_spans or waiting) and now < 2 * seconds:
        now += step_s
        held += rate * step_s
        come = min(int(held), left)
        held -= come
        left -= come
        if come:
            if not open_spans:
                opened_at = now
            open_spans += [now] * come
        in_flight = free_at > now
        if now - looked_at >= LOOK_S or len(open_spans) >= rules.segment_spans:
            looked_at = now if now - looked_at >= LOOK_S else looked_at
            queued = len(waiting) + in_flight
            age_s = rules.patient_age_s if queued >= rules.patient_from else rules.age_s
            if open_spans and (len(open_spans) >= rules.segment_spans or now - opened_at >= age_s):
                waiting.append(open_spans)
                open_spans = []
        if waiting and not in_flight:
            segment = waiting.popleft()
            took_s = (costs.insert_cpu_s + costs.span_cpu_s * len(segment)) / costs.speed
            free_at = now + took_s
            busy_s += took_s
            inserts += 1
            stored += len(segment)
            lags += [free_at - at for at in segment]
    ages = sorted(lags)
    return Found(
        p50_s=ages[len(ages) // 2],
        p99_s=ages[int(len(ages) * 0.99)],
        busy=min(1.0, busy_s / now),
        spans_an_insert=stored / max(1, inserts),
        waiting=int(rate * seconds) - stored,
    )


def most_spans_a_second(costs: Costs, rules: Rules | None = None) -> float:
    """What one writer stores when every segment is full."""
    rules = rules or Rules()
    return rules.segment_spans * costs.speed / (costs.insert_cpu_s + costs.span_cpu_s * rules.segment_spans)
