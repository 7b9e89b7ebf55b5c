"""What a call cost at list price, in US dollars, from the price list of ``genai-prices``.

Absent when not known, never a guess. What the price list would pass over in silence is refused here by name:

- a service tier without a verified price on that day (the list would price it as standard);
- audio tokens of a model without an audio price (the list would price them as text);
- counts that contradict each other, such as more cached than input tokens;
- counts that are not all there (the list would take the missing ones for 0);
- a model that did not answer: only the one that did is priced.

Source of the prices and of their traps: https://github.com/pydantic/genai-prices, README, "Request pricing context".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

    from llmtrace.calls import Call, Reply, Usage

STANDARD: Final = "standard"

# Tiers of an answer that bill at the standard price. "auto" names no rate: some answers only echo the request.
_STANDARD_TIERS: Final = frozenset({"default", "standard", "on_demand"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """A price, and what it was made of."""

    usd: Decimal
    tier: str
    price_model: str
    """``provider/model`` of the row of the price list."""
    version: str
    input_price: Decimal | None
    """US dollars per million tokens, as are the three below; None when the model has no such price."""
    output_price: Decimal | None
    cache_read_price: Decimal | None
    cache_write_price: Decimal | None
    assumed_provider: str | None = None
    """Whose list this is, when the host is one nobody knows; None when the provider is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpriced:
    """Why there is no price, in one word for grouping by."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    price: ModelPrice
    name: str
    tier: str


def price_call(call: Call, reply: Reply, at_ns: int) -> Cost | Unpriced:
    """Cost of an answered call at the prices of its own day."""
    usage = _usable(call, reply)
    if isinstance(usage, Unpriced):
        return usage
    tier = _billed_tier(call.parameters.service_tier, reply.service_tier)
    if isinstance(tier, Unpriced):
        return tier
    if call.server.price_provider is None:
        return Unpriced(reason="provider_unknown")
    model = reply.model or _model_asked(call)
    if model is None:
        return Unpriced(reason="model_unknown" if call.server.is_known else "provider_unknown")
    cost = price_usage(usage, call.server.price_provider, model, tier, at_ns)
    if call.server.is_known or isinstance(cost, Unpriced):
        return cost
    # What only OpenAI runs was run by OpenAI, whatever stands between; an open-weight model anybody may run.
    if is_open_weight(cost.price_model):
        return Unpriced(reason="provider_unknown")
    return replace(cost, assumed_provider=call.server.price_provider)


def _usable(call: Call, reply: Reply) -> Usage | Unpriced:
    usage = reply.usage
    if reply.usage_malformed:
        return Unpriced(reason="usage_malformed")
    if usage is None:
        return Unpriced(reason="usage_not_reported")
    if usage.input is None or (usage.output is None and call.operation.wire != "embeddings"):
        return Unpriced(reason="usage_incomplete")
    return usage


def _model_asked(call: Call) -> str | None:
    # On Azure the request names a deployment, which may be called after another model than it runs; a host nobody
    # knows may run anything under any name.
    return call.model if call.server.is_known and call.server.price_provider != "azure" else None


def is_open_weight(price_model: str) -> bool:
    """Whether anybody may run this model of OpenAI's."""
    return price_model.rpartition("/")[2].startswith("gpt-oss")


@lru_cache(maxsize=2048)
def _price_memo(usage: Usage, provider: str, model: str, tier: str, minute: int) -> Cost | Unpriced:
    row = _row(provider, model, tier, minute)
    return _price(usage, row) if isinstance(row, _Row) else row


def price_usage(usage: Usage, provider: str, model: str, tier: str, at_ns: int) -> Cost | Unpriced:
    """Cost of ``usage`` by the row of the price list for ``model`` under ``provider``."""
    # Some models have prices by time of day, to the minute.
    return _price_memo(usage, provider, model, tier, at_ns // 60_000_000_000)


def _billed_tier(asked: str | None, answered: str | None) -> str | Unpriced:
    if answered is not None:
        if answered == "auto":
            return Unpriced(reason="service_tier_not_reported")
        return STANDARD if answered in _STANDARD_TIERS else answered
    if asked in (None, "auto", *_STANDARD_TIERS):
        return STANDARD
    return Unpriced(reason="service_tier_not_reported")


@lru_cache(maxsize=512)
def _row(provider_id: str, model_ref: str, tier: str, minute: int) -> _Row | Unpriced:
    from genai_prices.data_snapshot import get_snapshot

    try:
        provider, model = get_snapshot().find_provider_model(model_ref, None, provider_id, None)
    except LookupError:
        return Unpriced(reason="model_unknown")
    at = datetime.fromtimestamp(minute * 60, tz=UTC)
    name = f"{provider.id}/{model.id}"
    if tier == STANDARD:
        return _Row(price=model.get_prices(at), name=name, tier=tier)
    if not _has_tier(provider, model, tier, at):
        return Unpriced(reason="service_tier_unpriced")
    return _Row(price=model.get_prices(at, {"service_tier": tier}), name=name, tier=tier)


def _has_tier(provider: Provider, model: ModelInfo, tier: str, at: datetime) -> bool:
    # A model found by way of another provider (azure -> openai) does not bring that one's tier prices along.
    if not any(model is own for own in provider.models):
        return False
    return any(
        variant.when == {"service_tier": tier} and (variant.constraint is None or variant.constraint.active(at))
        for variant in model.price_variants or ()
    )


def _price(usage: Usage, row: _Row) -> Cost | Unpriced:
    from genai_prices import Usage as PricedUsage

    if reason := _refusal(usage, row.price):
        return Unpriced(reason=reason)
    counts = {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "input_audio_tokens": usage.audio_input,
        "output_audio_tokens": usage.audio_output,
    }
    try:
        total = row.price.calc_price(PricedUsage(**{key: count for key, count in counts.items() if count}))
    except ValueError:  # counts that contradict each other, or an overlap the list has no price for
        return Unpriced(reason="usage_inconsistent")
    return Cost(
        usd=total["total_price"],
        tier=row.tier,
        price_model=row.name,
        version=price_list_version(),
        input_price=_per_million(row.price, "input_mtok", usage.input),
        output_price=_per_million(row.price, "output_mtok", usage.input),
        cache_read_price=_per_million(row.price, "cache_read_mtok", usage.input),
        cache_write_price=_per_million(row.price, "cache_write_mtok", usage.input),
    )


def _refusal(usage: Usage, price: ModelPrice) -> str | None:
    cached = (usage.cache_read or 0) + (usage.cache_write or 0)
    if cached > (usage.input or 0):
        return "usage_inconsistent"
    if (usage.audio_input or 0) > (usage.input or 0) or (usage.audio_output or 0) > (usage.output or 0):
        return "usage_inconsistent"
    if usage.audio_input and price.input_audio_mtok is None:
        return "audio_price_unknown"
    if usage.audio_output and price.output_audio_mtok is None:
        return "audio_price_unknown"
    if usage.input and price.input_mtok is None:
        return "input_price_unknown"
    if usage.output and price.output_mtok is None:
        return "output_price_unknown"
    return None


def _per_million(price: ModelPrice, key: str, input_tokens: int | None) -> Decimal | None:
    value = getattr(price, key)
    if value is None or isinstance(value, Decimal):
        return value
    # A price by context length: one tier applies to all tokens (genai_prices.types.TieredPrices).
    reached = [tier.price for tier in value.tiers if (input_tokens or 0) > tier.start]
    chosen = reached[-1] if reached else value.base
    return chosen if isinstance(chosen, Decimal) else None


@lru_cache(maxsize=1)
def price_list_version() -> str:
    """Name and version of the price list, as it stands on every priced span."""
    return f"genai-prices/{version('genai-prices')}"
