"""How figures are written: units always, three significant digits, and words where there is no figure.

Money keeps its cents from one dollar up, because people compare it with an invoice.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from decimal import Decimal

NOT_REPORTED = "not reported"
NO_PRICE = "no known price"
NO_CALLS = "no calls"


def money(usd: Decimal | float | None) -> str:
    """`$0.0031`, `$0.50`, `$12.34`, `$12,345`, `$1.23M`; `no known price` for None."""
    if usd is None:
        return NO_PRICE
    amount = Decimal(str(usd))
    sign, size = ("−" if amount < 0 else ""), abs(amount)
    if 0 < size < Decimal("0.000001"):
        return f"{sign}<$0.000001"
    if size >= 1_000_000:
        return f"{sign}${_digits(size / 1_000_000)}M"
    if size >= 10_000:
        return f"{sign}${size:,.0f}"
    if size >= 1 or size == 0:
        return f"{sign}${size:,.2f}"
    plain = f"{size:.{2 - size.adjusted()}f}"
    whole, cents = plain.split(".")
    return f"{sign}${whole}.{cents.rstrip('0').ljust(2, '0')}"


def duration(ns: float | None) -> str:
    """`0.420 ms`, `812 ms`, `1.20 s`, `2 min 5 s`, `1 h`; `not reported` for None."""
    if ns is None:
        return NOT_REPORTED
    if ns < 999_500_000:
        return f"{_digits(ns / 1e6, idle=True)} ms"
    seconds = ns / 1e9
    if seconds < 119.5:
        return f"{_digits(seconds, idle=True)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def count(n: float | None) -> str:
    """`1,234`, `1.23M`; `not reported` for None."""
    if n is None:
        return NOT_REPORTED
    if abs(n) >= 999_500_000:
        return f"{_digits(n / 1e9)}B"
    if abs(n) >= 1_000_000:
        return f"{_digits(n / 1e6)}M"
    return f"{n:,.0f}"


def short(n: float) -> str:
    """`999`, `1.23k`, `45.6M`: where room is scarce."""
    return count(n) if abs(n) < 1000 or abs(n) >= 999_500 else f"{_digits(n / 1e3)}k"


def rate(n: float) -> str:
    """`0.4`, `12.5`, `1,234`: how many in a unit of time."""
    return count(n) if n >= 100 else _digits(n)


def size(n: float | None) -> str:
    """`812 B`, `1.23 kB`, `4.29 GB`: powers of 1,000; `not reported` for None."""
    if n is None:
        return NOT_REPORTED
    for power, unit in ((12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if n >= 0.9995 * 10**power:
            return f"{_digits(n / 10**power)} {unit}"
    return f"{n:,.0f} B"


def percent(share: float | None) -> str:
    """`0.52%`, `12.3%`; `no calls` for None."""
    return NO_CALLS if share is None else f"{_digits(share * 100, idle=0 < share < 1)}%"


def change(now: float | None, before: float | None) -> str | None:
    """`+12%` against the period before; None where there is nothing to compare."""
    if now is None or before is None or before == 0:
        return None
    ratio = (now - before) / before
    if abs(ratio) < 0.0005:
        return "±0%"
    return f"{ratio + 1:,.0f}×" if ratio >= 10 else f"{'+' if ratio > 0 else '-'}{_digits(abs(ratio) * 100)}%"


def plural(n: int, one: str, many: str = "") -> str:
    """`1 call`, `1,234 calls`."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def ago(then_ms: int, now_ms: int) -> str:
    """`12 s ago`, `3 h ago`; `just now` below a second or in the future."""
    seconds = (now_ms - then_ms) // 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"


def clock(ms: int, zone: tzinfo, *, seconds: bool = True) -> str:
    """`22 Nov 13:43:06` in `zone`."""
    when = datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)
    return f"{when.day} {when:%b %H:%M:%S}" if seconds else f"{when.day} {when:%b %H:%M}"


def _digits(x: float | Decimal, *, idle: bool = False) -> str:
    """Three significant digits, without an exponent; `idle` keeps zeros at the end, so that columns line up."""
    value = Decimal(repr(float(x)))
    if value == 0:
        return "0"
    for _ in range(2):  # rounding 0.9996 up makes a digit more, which the second time takes off
        value = round(value, max(0, 2 - value.adjusted()))
    text = f"{value:,f}"
    return text if idle or "." not in text else text.rstrip("0").rstrip(".")
