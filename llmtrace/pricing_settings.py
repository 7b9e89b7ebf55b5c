"""The settings of prices and providers: what the user says of either, read from arguments and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmtrace.servers import check_providers, parse_providers

if TYPE_CHECKING:
    from llmtrace.prices import NegotiatedPrices

    Prices = str | os.PathLike[str] | Mapping[str, Any]
    """Path of a price file, or what such a file says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PricingSettings:
    """What is in force."""

    prices: NegotiatedPrices | str | None
    """The user's own prices, or the path of a file that the worker is still to read."""
    providers: Mapping[str, str]
    """Host -> ``gen_ai.provider.name``."""
    mistakes: tuple[str, ...]


def load_pricing(prices: Prices | None, providers: Mapping[str, str] | None, env: Mapping[str, str]) -> PricingSettings:
    """Settings from arguments, which win, and the environment.

    Raises:
        ValueError: An argument says no prices, or no providers.
    """
    named, mistakes = _providers(providers, env)
    return PricingSettings(prices=_prices(prices, env), providers=named, mistakes=mistakes)


def _prices(given: Prices | None, env: Mapping[str, str]) -> NegotiatedPrices | str | None:
    if given is None:
        return env.get("LLMTRACE_PRICES", "").strip() or None
    from llmtrace.prices.price_file import load_prices  # here: most apps have no prices of their own

    return load_prices(given)


def _providers(given: Mapping[str, str] | None, env: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    if given is not None:
        return check_providers(given), ()
    named, mistakes = parse_providers(env.get("LLMTRACE_PROVIDERS", ""))
    return named, tuple(f"LLMTRACE_PROVIDERS: {mistake}; it is passed over" for mistake in mistakes)
