"""Compiled rates say to the digit what the price list's own code says, for all of its rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Final

from genai_prices import Usage as ListedUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llmtrace.calls import Usage
from llmtrace.prices.compiling import units
from llmtrace.prices.cost import Unpriced
from llmtrace.prices.listed import ListedModel, find_model, find_rates, period
from llmtrace.prices.rates import UNITS, Priced, total

# Rows that are found by their own id: a few are patterns alone.
MODELS: Final = [
    (provider, model, found)
    for provider in get_snapshot().providers
    for model in provider.models
    if isinstance(found := find_model(provider.id, model.id), ListedModel) and found.info is model
]
TIERS: Final = ("standard", "standard", "flex", "priority", "fast", "batch")
TIMES: Final = st.integers(1_704_000_000, 1_803_000_000).map(lambda at_s: datetime.fromtimestamp(at_s, tz=UTC))

# Small numbers make cached tokens exceed input often; large ones cross every step by context length.
COUNTS: Final = st.one_of(st.integers(0, 40), st.integers(0, 2_000_000))
FIELDS: Final = [field for field in dict.fromkeys(UNITS.values()) if field not in ("audio_seconds", "input")]
USAGES: Final = st.builds(
    Usage,
    input=st.one_of(COUNTS, st.none()),
    audio_seconds=st.one_of(st.none(), st.floats(0, 10_000, allow_nan=False)),
    **{field: st.one_of(st.none(), COUNTS) for field in FIELDS},
)
# Most calls have only these, and few rows price more.
PLAIN: Final = st.builds(
    Usage,
    input=COUNTS,
    output=COUNTS,
    cache_read=st.one_of(st.none(), COUNTS),
    cache_write=st.one_of(st.none(), COUNTS),
)


def _listed(usage: Usage) -> ListedUsage:
    return ListedUsage(**{unit: getattr(usage, field) for unit, field in UNITS.items()})


@settings(max_examples=3000, deadline=None)
@given(at=st.integers(0, len(MODELS) - 1), usage=PLAIN | USAGES, tier=st.sampled_from(TIERS), when=TIMES)
def test_every_row_prices_every_usage_as_the_price_list_does(at: int, usage: Usage, tier: str, when: datetime) -> None:
    provider, listed, found = MODELS[at]
    assume(not (provider.id == "groq" and usage.audio_seconds))  # its least length is the book's business
    rates = find_rates(found, tier, period(found, int(when.timestamp()) * 10**9))
    if isinstance(rates, Unpriced):
        assert tier != "standard"
        return
    context = {} if tier == "standard" else {"processing" if tier == "batch" else "service_tier": tier}
    priced = rates.price(usage)
    try:
        with localcontext(prec=50):
            expected = calc_price(
                _listed(usage),
                listed.id,
                provider_id=provider.id,
                genai_request_timestamp=when,
                price_context=context,
            ).total_price
    except ValueError:
        assert priced in ("usage_inconsistent", "usage_incomplete"), (provider.id, listed.id)
        return
    if priced == "usage_incomplete":
        assert rates.is_untold
        return
    assert isinstance(priced, Priced), (provider.id, listed.id, priced)
    assert abs(total(priced.parts) - expected) <= (Decimal("1e-11") if usage.audio_seconds else 0)


@settings(max_examples=300, deadline=None)
@given(
    at=st.integers(0, len(MODELS) - 1),
    usage=PLAIN,
    more=st.sampled_from(["input", "output"]),
    by=st.integers(0, 100_000),
)
def test_no_part_is_below_zero_and_more_tokens_never_cost_less(at: int, usage: Usage, more: str, by: int) -> None:
    rates = find_rates(MODELS[at][2], "standard", 29_000_000)
    assert not isinstance(rates, Unpriced)
    longer = replace(usage, **{more: getattr(usage, more) + by})
    reached = {rate.price_at(usage.input or 0) == rate.price_at(longer.input or 0) for rate in rates.rates}
    assume(reached <= {True})  # a longer context may cost less, by the row's own steps
    before, after = rates.price(usage), rates.price(longer)
    if isinstance(before, Priced) and isinstance(after, Priced):
        assert min(before.parts.values(), default=Decimal(0)) >= 0
        assert total(after.parts) >= total(before.parts)
    else:
        assert "usage_inconsistent" in (before, after) or before == after


def test_nearly_all_rows_are_compared() -> None:
    assert len(MODELS) > 2000


def test_every_unit_that_a_usage_tells_is_one_of_the_price_list() -> None:
    assert set(UNITS) <= set(units())
    assert set(UNITS.values()) <= set(Usage.__slots__)


def test_all_tokens_are_priced_at_the_context_length_reached() -> None:
    found = find_model("openai", "gpt-5.4")
    assert isinstance(found, ListedModel)
    rates = find_rates(found, "standard", 29_800_000)
    assert not isinstance(rates, Unpriced)
    below, above = rates.price(Usage(input=272_000, output=10)), rates.price(Usage(input=272_001, output=10))
    assert isinstance(below, Priced)
    assert isinstance(above, Priced)
    assert (below.unit_prices["input"], below.unit_prices["output"]) == (Decimal("2.5"), Decimal(15))
    assert (above.unit_prices["input"], above.unit_prices["output"]) == (Decimal(5), Decimal("22.5"))
    assert total(above.parts) == (272_001 * Decimal(5) + 10 * Decimal("22.5")) / 1_000_000


def test_an_app_that_changed_the_decimal_context_changes_no_price() -> None:
    found = find_model("openai", "gpt-4o")
    assert isinstance(found, ListedModel)
    rates = find_rates(found, "standard", 29_000_000)
    assert not isinstance(rates, Unpriced)
    usage = Usage(input=123_457, output=98_765, cache_read=4_321)
    before = rates.price(usage)
    with localcontext(prec=2):
        assert rates.price(usage) == before
