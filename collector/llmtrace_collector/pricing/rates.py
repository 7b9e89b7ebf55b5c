"""Unit rates: what SQL needs to price spans of a model, read from the price book once a model, never by span.

A `Rates` of the book has prices of many units that lie within each other. Spans in the store tell five counts:

    input ─┬─ read from cache          output ─┬─ reasoning
           └─ written to cache                 └─ the rest
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from llmtrace.prices import PriceBook, Unpriced, is_open_weight
from llmtrace.prices.listed import ListedModel, find_model
from llmtrace.prices.rates import Rate, Rates, amount
from llmtrace.servers import price_provider_of

_PLACES: Final = Decimal("1e-18")
_DAY: Final = timedelta(days=1)
_QUARTER: Final = timedelta(minutes=15)
"""Where prices change within the day (DeepSeek's), they do so at quarters: a test looks at the list."""

_UNTOLD: Final = frozenset({"image_input", "image_output", "video_input"})
"""Parts of input and output with a price of their own whose counts the store does not have."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """What rates are looked up by."""

    provider: str
    model: str
    tier: str


@dataclass(frozen=True, kw_only=True)
class UnitRates:
    """Dollars per token, one for each step by context length and one below the first step."""

    reason: str = ""
    """Why no price is known; '': one is."""
    price_model: str = ""
    price_version: str = ""
    above: tuple[int, ...] = ()
    input: tuple[Decimal, ...] = ()
    """Empty, here and in `output`: there is no price of that, so a count of it cannot be priced."""
    cache_read: tuple[Decimal, ...] = ()
    cache_write: tuple[Decimal, ...] = ()
    output: tuple[Decimal, ...] = ()
    reasoning: tuple[Decimal, ...] = ()
    request: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Rates and when they hold, `end` not included."""

    start: datetime
    end: datetime
    rates: UnitRates


def intervals(book: PriceBook, model: Model, start: datetime, end: datetime) -> list[Interval]:
    """The rates of a model from one moment to another, both at the beginning of a day."""
    found: list[Interval] = []
    for at, until in _steps(model, start, end):
        rates = _at(book, model, at)
        if found and found[-1].rates == rates:
            found[-1] = Interval(start=found[-1].start, end=until, rates=rates)
        else:
            found.append(Interval(start=at, end=until, rates=rates))
    return found


def unit_rates(rates: Rates, price_model: str, price_version: str) -> UnitRates:
    """Rates of the book as SQL takes them."""
    if rates.is_untold or rates.kinds & _UNTOLD:
        return UnitRates(reason="usage_incomplete")
    by_unit = {rate.unit: rate for rate in rates.rates}
    above = tuple(sorted({step for rate in rates.rates for step, _ in rate.steps}))
    samples = (0, *(step + 1 for step in above))
    given = _prices(by_unit, samples, "input_tokens")
    made = _prices(by_unit, samples, "output_tokens")
    request = by_unit.get("requests")
    return UnitRates(
        price_model=price_model,
        price_version=price_version,
        above=above,
        input=given,
        cache_read=_prices(by_unit, samples, "cache_read_tokens") or given,
        cache_write=_prices(by_unit, samples, "cache_write_tokens") or given,
        output=made,
        reasoning=_prices(by_unit, samples, "output_reasoning_tokens") or made,
        request=_per_unit(request, 0) if request else Decimal(0),
    )


def _steps(model: Model, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    provider = price_provider_of(model.provider)
    listed = find_model(provider, model.model) if provider else None
    step = _QUARTER if isinstance(listed, ListedModel) and listed.changes_by_minute else _DAY
    at = start
    while at < end:
        yield at, at + step
        at += step


def _at(book: PriceBook, model: Model, at: datetime) -> UnitRates:
    if not model.tier:
        return UnitRates(reason="service_tier_not_reported")
    if not model.model:
        return UnitRates(reason="model_unknown")
    at_ns = int(at.astimezone(UTC).timestamp()) * 10**9
    found = book.rates((model.provider, price_provider_of(model.provider)), model.model, model.tier, at_ns)
    if isinstance(found, Unpriced):
        return UnitRates(reason=found.reason)
    rates, name, version = found
    if model.provider == "openai" and is_open_weight(name):
        # OpenAI does not run it, so this is a host that nobody knows; see the price book.
        return UnitRates(reason="provider_unknown")
    return unit_rates(rates, name, version)


def _prices(by_unit: Mapping[str, Rate], samples: tuple[int, ...], unit: str) -> tuple[Decimal, ...]:
    rate = by_unit.get(unit)
    return tuple(_per_unit(rate, tokens) for tokens in samples) if rate else ()


def _per_unit(rate: Rate, input_tokens: int) -> Decimal:
    return amount(rate.price_at(input_tokens), 1, rate.per).quantize(_PLACES, ROUND_HALF_EVEN)
