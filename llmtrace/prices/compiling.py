"""From the prices of a row to ``Rates``: which unit lies within which is found once, not at every call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Final

from llmtrace.prices.rates import UNITS, Rate, Rates, amount

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

TOOLS: Final[dict[str, str]] = {
    "web_searches": "web_search",
    "storage_searches": "file_search",
    "code_executions": "code_interpreter",
}
"""Unit -> the name of the tool in ``ToolCalls``."""

# Units that a call may well have and no usage block that we read tells of.
_UNTOLD: Final = frozenset({"output_citation_tokens", "input_text_messages"})

# `token_type` of a unit -> the part of the cost it belongs to, where that is not its direction.
_PARTS: Final = {"cache_read": "cache_read", "cache_write": "cache_write"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """The price of one unit, with its steps by context length."""

    base: Decimal
    steps: tuple[tuple[int, Decimal], ...] = ()
    """(more input tokens than this, price of all tokens), in any order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """Something that is counted and billed; named and described as in the list's ``data_units.py``."""

    name: str
    price_key: str
    per: int
    dimensions: frozenset[tuple[str, str]] = field(hash=False)

    def is_within(self, other: Unit) -> bool:
        """Whether all of this is also counted by ``other``."""
        return other.dimensions < self.dimensions

    def overlap(self, other: Unit) -> frozenset[tuple[str, str]] | None:
        """What is counted by both; None when one lies within the other, or nothing can be both."""
        if self.dimensions <= other.dimensions or other.dimensions <= self.dimensions:
            return None
        both = self.dimensions | other.dimensions
        return both if len(dict(both)) == len(both) else None


def compile_listed(price: ModelPrice) -> Rates:
    """The rates of a row of the price list."""
    from genai_prices.types import TieredPrices

    by_key = {unit.price_key: unit.name for unit in units().values()}
    prices: dict[str, Price] = {}
    for key, value in vars(price).items():
        if value is None or key not in by_key:
            continue
        if isinstance(value, TieredPrices):
            steps = tuple((tier.start, tier.price) for tier in value.tiers)
            prices[by_key[key]] = Price(base=value.base, steps=steps)
        else:
            prices[by_key[key]] = Price(base=value)
    return compile_rates(prices)


def compile_rates(prices: Mapping[str, Price]) -> Rates:
    """The rates of a row: unit -> price."""
    known = units()
    fees = {TOOLS[name]: amount(price.base, 1, known[name].per) for name, price in prices.items() if name in TOOLS}
    ordered = sorted(
        (known[name] for name in prices if ("family", "tool_calls") not in known[name].dimensions),
        key=lambda unit: (-len(unit.dimensions), unit.name),
    )
    rates = tuple(
        _rate(unit, prices[unit.name], tuple(at for at, other in enumerate(ordered[:place]) if other.is_within(unit)))
        for place, unit in enumerate(ordered)
    )
    return Rates(
        rates=rates,
        kinds=frozenset(rate.kind for rate in rates),
        conflicts=_conflicts(ordered),
        is_untold=any(unit.name in _UNTOLD for unit in ordered),
        fees=fees,
    )


@cache
def units() -> Mapping[str, Unit]:
    """Every unit the price list has prices for."""
    from genai_prices.data_units import unit_data

    return {
        name: Unit(
            name=name,
            price_key=raw["price_key"],
            per=raw["per"],
            dimensions=frozenset(raw["dimensions"].items()),
        )
        for name, raw in unit_data.items()
    }


def _rate(unit: Unit, price: Price, within: tuple[int, ...]) -> Rate:
    return Rate(
        unit=unit.name,
        kind=UNITS.get(unit.name, unit.name),
        part=_part(unit),
        per=unit.per,
        price=price.base,
        steps=tuple(sorted(price.steps, reverse=True)),
        within=within,
        narrower=_narrower(unit),
        overlaps=_overlaps(unit),
    )


def _part(unit: Unit) -> str:
    of = dict(unit.dimensions)
    if of["family"] == "requests":
        return "requests"
    return _PARTS.get(of.get("token_type", ""), "output" if of.get("direction") == "output" else "input")


@cache
def _narrower(unit: Unit) -> tuple[str, ...]:
    known = units()
    return tuple(name for name in UNITS if known[name].is_within(unit))


@cache
def _overlaps(unit: Unit) -> tuple[tuple[str, str], ...]:
    known = units()
    pairs = combinations(UNITS, 2)
    return tuple((one, other) for one, other in pairs if known[one].overlap(known[other]) == unit.dimensions)


def _conflicts(priced: list[Unit]) -> tuple[tuple[str, str], ...]:
    described = {unit.dimensions for unit in priced}
    return tuple(
        (one.name, other.name)
        for one, other in combinations(priced, 2)
        if (both := one.overlap(other)) is not None and both not in described
    )
