"""The price book: what a call cost, from the user's own prices first and the price list after them.

Absent when not known, never a guess. What the price list would pass over in silence is refused here by name: counts
that contradict each other or are not all there, audio of a model without an audio price, a model that did not answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from llmtrace.calls import Call, Reply, ToolCalls, Usage
from llmtrace.prices import negotiated
from llmtrace.prices.cost import STANDARD, Cost, Source, Unpriced
from llmtrace.prices.listed import ListedModel, find_model, find_rates, period, price_list_version
from llmtrace.prices.negotiated import NegotiatedPrices, Row
from llmtrace.prices.rates import Rates, amount, total

# Tiers of an answer that bill at the standard price. "auto" names no rate: some answers only echo the request.
_STANDARD_TIERS: Final = frozenset({"default", "standard", "on_demand"})

# Say less output than they bill: thoughts are output at their price, and stand in the total alone.
# https://ai.google.dev/gemini-api/docs/pricing ("output price, including thinking tokens")
_HIDES_THOUGHTS: Final = frozenset({"google"})

# Bill so many seconds of audio at least. https://groq.com/pricing
_LEAST_SECONDS: Final = {"groq": 10.0}

# Bill a fixed block of tokens for each search, of which the usage does not tell.
# https://developers.openai.com/api/docs/pricing
_SEARCH_BY_BLOCK: Final = frozenset({"openai/gpt-4o-mini", "openai/gpt-4.1-mini"})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """Rates, and whence they are."""

    rates: Rates
    name: str
    version: str
    source: Source
    is_search_fee_known: bool = True
    own_fees: frozenset[str] = frozenset()
    """Tools whose fees are the user's."""


class PriceBook:
    """Prices calls. Made once, used on one thread; what it looked up it remembers."""

    def __init__(self, own: NegotiatedPrices = negotiated.NONE) -> None:
        self._own = own
        self._rates = lru_cache(maxsize=1024)(self._find_rates)

    def price_call(self, call: Call, reply: Reply, at_ns: int) -> Cost | Unpriced:
        """Cost of an answered call at the prices of its own day."""
        usage = _usable(reply)
        if isinstance(usage, Unpriced):
            return usage
        tier = billed_tier(call.parameters.service_tier, reply.service_tier)
        if isinstance(tier, Unpriced):
            return tier
        server = call.server
        found = self._find(
            (server.provider, server.price_provider),
            reply.model,
            _model_asked(call),
            tier,
            at_ns,
        )
        if isinstance(found, Unpriced):
            return found if server.is_known or reply.model else Unpriced(reason="provider_unknown")
        usage = _as_billed(usage, server.price_provider)
        if isinstance(usage, Unpriced):
            return usage
        cost = _price(usage, found, tier, is_embedding=call.operation.wire == "embeddings")
        if isinstance(cost, Unpriced):
            return cost
        if not server.is_known and found.source == "list":
            # What only OpenAI runs was run by OpenAI, whatever stands between; an open-weight model anybody may run.
            if is_open_weight(found.name):
                return Unpriced(reason="provider_unknown")
            cost = replace(cost, assumed_provider=server.price_provider)
        return self._with_tools(cost, found, _tools(call, reply), call, at_ns)

    def rates(
        self, providers: tuple[str, str | None], model: str, tier: str, at_ns: int
    ) -> tuple[Rates, str, str] | Unpriced:
        """The rates in force for a model, the name of their row and the version they are of.

        ``providers``: the provider's ``gen_ai.provider.name`` and its id in the price list.
        """
        found = self._find(providers, model, None, tier, at_ns)
        return found if isinstance(found, Unpriced) else (found.rates, found.name, found.version)

    def _find(
        self, providers: tuple[str, str | None], answered: str | None, asked: str | None, tier: str, at_ns: int
    ) -> _Found | Unpriced:
        model = answered or asked
        if model is None:
            return Unpriced(reason="model_unknown")
        if providers[1] is None and not self._own.rows:
            return Unpriced(reason="provider_unknown")
        listed = Unpriced(reason="provider_unknown") if providers[1] is None else find_model(providers[1], model)
        minute = period(listed, at_ns) if isinstance(listed, ListedModel) else at_ns // _DAY_NS * _DAY_MINUTES
        return self._rates(providers, model, tier, minute)

    def _find_rates(self, providers: tuple[str, str | None], model: str, tier: str, minute: int) -> _Found | Unpriced:
        listed = Unpriced(reason="provider_unknown") if providers[1] is None else find_model(providers[1], model)
        names = (model, listed.name.partition("/")[2]) if isinstance(listed, ListedModel) else (model,)
        row = self._own.find(providers, names, tier, datetime.fromtimestamp(minute * 60, tz=UTC).date())
        if row is not None and row.prices:
            return self._own_prices(row)
        if isinstance(listed, Unpriced):
            return listed
        rates = find_rates(listed, tier, minute)
        if isinstance(rates, Unpriced):
            return rates
        found = _Found(
            rates=rates if listed.is_own else replace(rates, fees={}),  # fees are asked by who runs the tool
            name=listed.name,
            version=price_list_version(),
            source="list",
            is_search_fee_known=listed.name not in _SEARCH_BY_BLOCK,
        )
        return found if row is None else self._discounted(found, row)

    def _with_tools(self, cost: Cost, found: _Found, tools: tuple[ToolCalls, ...], call: Call, at_ns: int) -> Cost:
        fees: dict[str, Decimal] = {}
        unit_prices = dict(cost.unit_prices)
        excludes = []
        for ran in tools:
            calls = _billed_calls(ran, found)
            if calls is not None:
                fees[ran.tool] = amount(found.rates.fees[ran.tool], calls)
                if calls:
                    unit_prices[ran.tool] = found.rates.fees[ran.tool]
            elif (own := self._own_model(ran, call, at_ns)) is not None:
                fees[ran.tool] = own
            elif ran.is_billed_apart:
                excludes.append(ran.tool)
        parts = {**cost.parts, "tools": total(fees)} if any(fees.values()) else cost.parts
        return replace(cost, usd=total(parts), parts=parts, unit_prices=unit_prices, excludes=tuple(excludes))

    def _own_model(self, ran: ToolCalls, call: Call, at_ns: int) -> Decimal | None:
        """What the tokens of a tool's own model cost, if they are told: tools run in the standard tier."""
        if ran.usage is None or ran.model is None:
            return None
        found = self._find((call.server.provider, call.server.price_provider), ran.model, None, STANDARD, at_ns)
        priced = found if isinstance(found, Unpriced) else _price(ran.usage, found, STANDARD, is_embedding=False)
        return None if isinstance(priced, Unpriced) else priced.usd

    def _own_prices(self, row: Row) -> _Found:
        rates = replace(row.rates(), fees=row.fees)
        return _Found(
            rates=rates,
            name=row.place,
            version=self._own.version,
            source="negotiated",
            own_fees=frozenset(row.fees),
        )

    def _discounted(self, found: _Found, row: Row) -> _Found:
        rates = found.rates if row.multiplier is None else found.rates.times(row.multiplier)
        return replace(
            found,
            rates=replace(rates, fees={**rates.fees, **row.fees}),
            version=f"{self._own.version}+{found.version}",
            source="negotiated",
            own_fees=frozenset(row.fees),
        )


_DAY_NS: Final = 86_400_000_000_000
_DAY_MINUTES: Final = 24 * 60


def is_open_weight(price_model: str) -> bool:
    """Whether anybody may run this model of OpenAI's."""
    return price_model.rpartition("/")[2].startswith("gpt-oss")


def billed_tier(asked: str | None, answered: str | None) -> str | Unpriced:
    """The tier that is billed: the one that answered; without a word of that, the standard one if none was asked."""
    if answered is not None:
        if answered == "auto":
            return Unpriced(reason="service_tier_not_reported")
        return STANDARD if answered in _STANDARD_TIERS else answered
    if asked in (None, "auto", *_STANDARD_TIERS):
        return STANDARD
    return Unpriced(reason="service_tier_not_reported")


def _usable(reply: Reply) -> Usage | Unpriced:
    usage = reply.usage
    if reply.usage_malformed:
        return Unpriced(reason="usage_malformed")
    if usage is None:
        return Unpriced(reason="usage_not_reported")
    is_counted = usage.input is not None or usage.audio_seconds is not None or usage.characters is not None
    return usage if is_counted else Unpriced(reason="usage_incomplete")


def _model_asked(call: Call) -> str | None:
    # On Azure the request names a deployment, which may be called after another model than it runs; a host nobody
    # knows may run anything under any name.
    return call.model if call.server.is_known and call.server.price_provider != "azure" else None


def _as_billed(usage: Usage, provider: str | None) -> Usage | Unpriced:
    """``usage`` with all that is billed: some providers leave thoughts out of the output, not of the total."""
    least = _LEAST_SECONDS.get(provider or "", 0.0)
    if usage.audio_seconds and usage.audio_seconds < least:
        usage = replace(usage, audio_seconds=least)
    if usage.total is None or usage.input is None or usage.output is None:
        return usage
    hidden = usage.total - usage.input - usage.output
    if hidden <= 0:
        return usage
    if hidden == usage.reasoning or provider in _HIDES_THOUGHTS:
        return replace(usage, output=usage.output + hidden)
    return Unpriced(reason="usage_inconsistent")


def _price(usage: Usage, found: _Found, tier: str, *, is_embedding: bool) -> Cost | Unpriced:
    rates = found.rates
    if reason := _refusal(usage, rates, is_embedding=is_embedding):
        return Unpriced(reason=reason)
    priced = rates.price(usage)
    if isinstance(priced, str):
        return Unpriced(reason=priced)
    return Cost(
        usd=total(priced.parts),
        source=found.source,
        tier=tier,
        price_model=found.name,
        version=found.version,
        parts=priced.parts,
        unit_prices=priced.unit_prices,
    )


def _refusal(usage: Usage, rates: Rates, *, is_embedding: bool) -> str | None:
    given, made = usage.input or 0, usage.output or 0
    within_input = ((usage.cache_read or 0) + (usage.cache_write or 0), usage.audio_input or 0)
    if max(within_input) > given or (usage.audio_output or 0) > made:
        return "usage_inconsistent"
    if usage.cache_write_12h:
        return "cache_price_unknown"
    for kind, reason in _NEEDED.items():
        if getattr(usage, kind) and kind not in rates.kinds:
            return reason
    is_input_missing = "input" in rates.kinds and usage.input is None
    is_output_missing = "output" in rates.kinds and usage.output is None and not is_embedding
    is_incomplete = is_input_missing or is_output_missing or _hides_images(usage, rates)
    return "usage_incomplete" if is_incomplete else None


# Kinds that cost what they cost and nothing else: without a price of its own, audio would pass for text.
_NEEDED: Final = {
    "audio_input": "audio_price_unknown",
    "audio_output": "audio_price_unknown",
    "audio_seconds": "audio_price_unknown",
    "cache_write_1h": "cache_price_unknown",
    "input": "input_price_unknown",
    "characters": "input_price_unknown",
    "output": "output_price_unknown",
}


def _hides_images(usage: Usage, rates: Rates) -> bool:
    """Whether there may be tokens of images, which have a price of their own, and it is not told how many."""
    if usage.output and usage.image_output is None and "image_output" in rates.kinds:
        return True
    is_all_told = usage.text_input is not None and usage.text_input + (usage.audio_input or 0) == usage.input
    return bool(usage.input) and usage.image_input is None and "image_input" in rates.kinds and not is_all_told


def _tools(call: Call, reply: Reply) -> tuple[ToolCalls, ...]:
    model = reply.model or call.model or ""
    searches_anyway = call.operation.wire == "chat" and (call.parameters.web_search or "-search-" in model)
    return (*reply.tools, ToolCalls(tool="web_search", count=0)) if searches_anyway else reply.tools


def _billed_calls(ran: ToolCalls, found: _Found) -> int | None:
    """How many calls of a tool are billed at the fee that is known; None: no fee is, or not how many calls."""
    if ran.tool in found.own_fees:
        return ran.billed if ran.billed is not None else ran.count or None
    if ran.tool not in found.rates.fees or (ran.tool == "web_search" and not found.is_search_fee_known):
        return None
    return ran.billed
