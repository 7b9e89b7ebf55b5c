"""Rates: the prices of one row, compiled so that a call is priced with a handful of multiplications.

A row has a price per *unit* (``input_tokens``, ``cache_read_tokens``, ``input_audio_tokens``, ...). Units lie within
each other: cached tokens are input tokens. Each token is priced once, by the narrowest unit that has it:

    input_tokens 1000 ─┬─ cache_read_tokens 400 ─── cache_audio_read_tokens 50     50 at the price of cached audio
                       │                                                          350 at that of cached text
                       └─ input_audio_tokens 200 ── cache_audio_read_tokens 50    150 at that of audio
                                                                                  450 at that of input

The units and this reading of them are those of genai-prices (``decompose.py``, ``types.py``); a property of the tests
compares the two over its whole list. Sums are exact; only what is billed by the hour is rounded, to 12 places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from operator import attrgetter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from llmtrace.calls import Usage

# Of our own: an app may have changed the default. 50 digits hold 2**63 tokens at any price, and the sum of such.
_EXACT: Final = Context(
    prec=50,
    rounding=ROUND_HALF_EVEN,
    Emin=-999999,
    Emax=999999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
_PLACES: Final = Decimal("1e-12")
_ZERO: Final = Decimal(0)
_POWERS_OF_TEN: Final = {10**places: places for places in range(13)}

# unit -> field of Usage that counts it
UNITS: Final[dict[str, str]] = {
    "input_tokens": "input",
    "output_tokens": "output",
    "cache_read_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "cache_write_1h_tokens": "cache_write_1h",
    "output_reasoning_tokens": "reasoning",
    "input_audio_tokens": "audio_input",
    "output_audio_tokens": "audio_output",
    "input_image_tokens": "image_input",
    "output_image_tokens": "image_output",
    "input_video_tokens": "video_input",
    "input_text_tokens": "text_input",
    "output_text_tokens": "text_output",
    "cache_audio_read_tokens": "audio_cache_read",
    "cache_image_read_tokens": "image_cache_read",
    "cache_text_read_tokens": "text_cache_read",
    "audio_seconds": "audio_seconds",
    "input_audio_seconds": "audio_seconds",  # transcriptions: all there is went in
    "input_characters": "characters",
}
_COUNTS: Final = attrgetter(*UNITS.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """The price of one unit."""

    unit: str
    kind: str
    """Field of ``Usage``, or the unit where there is none."""
    part: str
    """Of which part of the cost it is: ``input``, ``output``, ``cache_read``, ``cache_write``, ``requests``."""
    per: int
    """How many units the price is for."""
    price: Decimal
    steps: tuple[tuple[int, Decimal], ...] = ()
    """Prices by context length, longest first: with more input tokens than the first says, *all* cost the second."""
    within: tuple[int, ...] = ()
    """Places of the rates, all before this one, whose units lie within this one's."""
    narrower: tuple[str, ...] = ()
    """Units we may be told of that lie within this one."""
    overlaps: tuple[tuple[str, str], ...] = ()
    """Pairs of units whose overlap is this one."""

    def price_at(self, input_tokens: int) -> Decimal:
        """The price when the call has so many input tokens."""
        for above, price in self.steps:
            if input_tokens > above:
                return price
        return self.price


@dataclass(frozen=True, kw_only=True, slots=True)
class Priced:
    """What a usage costs, by part and by kind."""

    parts: Mapping[str, Decimal]
    unit_prices: Mapping[str, Decimal]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """All prices of a row."""

    rates: tuple[Rate, ...]
    """Narrow units first."""
    kinds: frozenset[str]
    conflicts: tuple[tuple[str, str], ...] = ()
    """Pairs of priced units whose overlap has no price: they cannot both be priced."""
    is_untold: bool = False
    """Whether some of what is billed stands in no usage block."""
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    """Dollars per call of a tool."""

    def price(self, usage: Usage) -> Priced | str:
        """What ``usage`` costs, or the reason why that is not known."""
        told = {unit: value for unit, value in zip(UNITS, _COUNTS(usage), strict=True) if value is not None}
        if self.is_untold or any(told.get(one) and told.get(other) for one, other in self.conflicts):
            return "usage_incomplete"
        input_tokens = usage.input or 0
        parts: dict[str, Decimal] = {}
        unit_prices: dict[str, Decimal] = {}
        alone: list[int | Decimal] = []
        for rate in self.rates:
            count = _count(rate, told)
            if count is None:
                return "usage_incomplete"
            count -= sum(alone[place] for place in rate.within)
            if count < 0:
                return "usage_inconsistent"
            alone.append(count)
            price = rate.price_at(input_tokens)
            if count or rate.kind in _ALWAYS_TOLD:
                unit_prices[rate.kind] = price
            if count:
                parts[rate.part] = _EXACT.add(parts.get(rate.part, _ZERO), amount(price, count, rate.per))
        return Priced(parts=parts, unit_prices=unit_prices)

    def times(self, multiplier: Decimal) -> Rates:
        """The same at a discount; fees stay as they are."""
        return replace(
            self,
            rates=tuple(
                replace(
                    rate,
                    price=_EXACT.multiply(rate.price, multiplier),
                    steps=tuple((above, _EXACT.multiply(price, multiplier)) for above, price in rate.steps),
                )
                for rate in self.rates
            ),
        )


_ALWAYS_TOLD: Final = frozenset({"input", "output", "cache_read", "cache_write"})


def total(amounts: Mapping[str, Decimal]) -> Decimal:
    """The exact sum."""
    found = _ZERO
    for amount in amounts.values():
        found = _EXACT.add(found, amount)
    return found


def amount(price: Decimal, count: int | Decimal, per: int = 1) -> Decimal:
    """What so many units cost at a price for ``per`` of them."""
    product = _EXACT.multiply(price, Decimal(count))
    places = _POWERS_OF_TEN.get(per)
    if places is not None:
        return product.scaleb(-places, _EXACT)
    return _EXACT.quantize(_EXACT.divide(product, Decimal(per)), _PLACES)


def _count(rate: Rate, told: Mapping[str, int | float]) -> int | Decimal | None:
    """How many there are of a unit; None when that is not told although what is told says that there are some."""
    count = told.get(rate.unit)
    if count is not None:
        return count if isinstance(count, int) else Decimal(repr(count))
    if rate.kind == "requests":
        return 1
    is_missing = any(told.get(unit) for unit in rate.narrower) or any(
        told.get(one) and told.get(other) for one, other in rate.overlaps
    )
    return None if is_missing else 0
