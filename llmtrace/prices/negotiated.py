"""A user's own prices: rows that stand before those of the price list. ``price_file`` reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from llmtrace.prices.compiling import Price, compile_rates
from llmtrace.prices.rates import Rates

KINDS: Final[dict[str, str]] = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "audio_input": "input_audio_tokens",
    "audio_output": "output_audio_tokens",
    "audio_cache_read": "cache_audio_read_tokens",
    "image_input": "input_image_tokens",
    "image_output": "output_image_tokens",
    "image_cache_read": "cache_image_read_tokens",
    "characters": "input_characters",
    "audio_hour": "input_audio_seconds",
    "request": "requests",
}
"""Key of a row -> unit of the price list."""

ANY_TIER: Final = "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of the user's prices: prices of its own, or a multiplier on those of the price list."""

    place: str
    """Where it stands: ``models[2]``."""
    provider: str | None = None
    """``gen_ai.provider.name`` or the price list's id; None: any."""
    model: str | None = None
    """Lower case; one that ends in ``*`` is a prefix. None: ``model_regex`` says."""
    model_regex: re.Pattern[str] | None = None
    since: date | None = None
    """First day (UTC) the row holds."""
    until: date | None = None
    """Last day the row holds."""
    tier: str = ANY_TIER
    prices: Mapping[str, Price] = field(default_factory=dict)
    """Unit -> price."""
    multiplier: Decimal | None = None
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    """Tool -> dollars per call; they stand before the list's."""

    def holds_for(self, providers: tuple[str | None, ...], names: tuple[str, ...], tier: str, day: date) -> bool:
        """Whether this row prices a call: by any name of its provider, any name of its model."""
        return (
            (self.provider is None or self.provider in providers)
            and self.tier in (tier, ANY_TIER)
            and (self.since is None or self.since <= day)
            and (self.until is None or day <= self.until)
            and any(self._is_for(name.lower()) for name in names)
        )

    def rates(self) -> Rates:
        """The rates of a row that has prices of its own."""
        return compile_rates(self.prices)

    def _is_for(self, model: str) -> bool:
        if self.model_regex is not None:
            return self.model_regex.fullmatch(model) is not None
        own = self.model or ""
        return model.startswith(own[:-1]) if own.endswith("*") else model == own


@dataclass(frozen=True, kw_only=True, slots=True)
class NegotiatedPrices:
    """All rows of the user's, the first that holds wins."""

    rows: tuple[Row, ...] = ()
    version: str = ""
    """Name of the file and the beginning of the hash of what it says: ``prices.toml@1f2e3d4c``."""

    def find(self, providers: tuple[str | None, ...], names: tuple[str, ...], tier: str, day: date) -> Row | None:
        """The row for a call; None: the price list alone says."""
        return next((row for row in self.rows if row.holds_for(providers, names, tier, day)), None)


NONE: Final = NegotiatedPrices()
