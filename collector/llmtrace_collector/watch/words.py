"""Figures as people read them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from llmtrace_collector.watch.measures import Unit
from llmtrace_collector.watch.verdict import Number


def shown(value: Number, unit: Unit) -> str:
    """A figure with its unit: `$5.25`, `4.2 %`, `830 ms`, `12,000 tokens`."""
    if unit is Unit.USD:
        return dollars(value)
    number = float(value)
    if unit is Unit.SHARE:
        return f"{number * 100:.3g} %"
    if unit is Unit.SECONDS:
        return f"{number * 1000:.3g} ms" if abs(number) < 1 else f"{number:,.3g} s"
    text = f"{number:,.0f}" if number == round(number) or abs(number) >= 1000 else f"{number:.3g}"
    return f"{text} {unit}" if unit is Unit.TOKENS else text


def dollars(value: Number) -> str:
    """With cents, or with as many digits as a small amount needs."""
    amount = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    return f"${amount:,.2f}" if amount == 0 or abs(amount) >= Decimal("0.1") else f"${float(amount):.4g}"


def lasting(duration: timedelta) -> str:
    """A duration in its largest whole unit: `90m`, `1d`."""
    seconds = int(duration.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
