"""``Cost``: what a call cost and what that is made of; ``Unpriced``: why nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

Source = Literal["list", "negotiated", "local_cache"]
"""Whose price it is: the price list's, the user's own, or none because no provider was asked."""

STANDARD: Final = "standard"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """A price, and what it was made of."""

    usd: Decimal
    source: Source = "list"
    tier: str | None = None
    """None when no provider was asked, as are the two below."""
    price_model: str | None = None
    """``provider/model`` of the row of the price list, or the place of the row in the user's file."""
    version: str | None = None
    parts: Mapping[str, Decimal] = field(default_factory=dict)
    """Dollars by part: ``input``, ``cache_read``, ``cache_write``, ``output``, ``requests``, ``tools``."""
    unit_prices: Mapping[str, Decimal] = field(default_factory=dict)
    """Dollars by kind: per million tokens or characters, per hour, per call. Kinds are the fields of ``Usage``."""
    excludes: tuple[str, ...] = ()
    """Tools the provider ran and bills apart, at a fee that is not known."""
    assumed_provider: str | None = None
    """Whose list this is, when the host is one nobody knows; None when the provider is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpriced:
    """Why there is no price, in one word for grouping by."""

    reason: str


def free_of_charge(source: Source) -> Cost:
    """The cost of a call that no provider was asked: 0, with the reason."""
    return Cost(usd=Decimal(0), source=source)
