"""Unit rates say what the price book says, for every model of the list and every count the store has."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

from genai_prices import types
from genai_prices.data import providers
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.calls import Usage
from llmtrace.prices import PriceBook, Unpriced
from llmtrace_collector.pricing.rates import Model, UnitRates, intervals, unit_rates

NAMES = [(provider.id, model.id) for provider in providers for model in provider.models]
BOOK = PriceBook()
COUNTS = st.integers(0, 400_000)


def cost(rates: UnitRates, usage: Usage) -> Decimal:
    """What _costed.sql does."""
    given, cached, written = usage.input or 0, usage.cache_read or 0, usage.cache_write or 0
    made, thought = usage.output or 0, usage.reasoning or 0
    step = sum(given > above for above in rates.above)
    return (
        (given - cached - written) * rates.input[step]
        + cached * rates.cache_read[step]
        + written * rates.cache_write[step]
        + (made - thought) * rates.output[step]
        + thought * rates.reasoning[step]
        + rates.request
    )


@given(st.sampled_from(NAMES), st.integers(1_704_067_200, 1_798_761_600), st.tuples(*[COUNTS] * 5))
def test_unit_rates_cost_what_the_book_says(
    name: tuple[str, str], at_s: int, counts: tuple[int, int, int, int, int]
) -> None:
    at_ns = at_s * 10**9
    found = BOOK.rates((name[0], name[0]), name[1], "standard", at_ns)
    if isinstance(found, Unpriced):
        return
    rates = unit_rates(*found)
    if rates.reason or not rates.input or not rates.output:
        return
    cached, written, plain, spoken, thought = counts
    usage = Usage(
        input=cached + written + plain,
        output=spoken + thought,
        cache_read=cached,
        cache_write=written,
        reasoning=thought,
    )
    priced = found[0].price(usage)
    assert not isinstance(priced, str)
    expected = sum(priced.parts.values(), Decimal(0))
    assert cost(rates, usage) == expected


def test_intervals_lie_end_to_end_and_each_day_has_the_rates_of_the_book() -> None:
    start, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    found = intervals(BOOK, Model(provider="openai", model="gpt-5", tier="flex"), start, end)
    assert (found[0].start, found[-1].end) == (start, end)
    assert all(one.end == other.start and one.rates != other.rates for one, other in pairwise(found))
    # Tier prices of the list begin on 12 October; before that there are none, which is not the standard price.
    assert [(each.start.day, each.rates.reason) for each in found] == [(1, "service_tier_unpriced"), (12, "")]


def test_prices_that_change_within_the_day_do_so_at_quarters_of_an_hour() -> None:
    at = [
        (one.constraint.start_time, one.constraint.end_time)
        for provider in providers
        for model in provider.models
        for one in [*(model.prices if isinstance(model.prices, list) else []), *(model.price_variants or ())]
        if isinstance(one.constraint, types.TimeOfDateConstraint)
    ]
    assert at
    assert {(each.minute % 15, each.second) for pair in at for each in pair} == {(0, 0)}
    day = datetime(2025, 6, 1, tzinfo=UTC)
    found = intervals(BOOK, Model(provider="deepseek", model="deepseek-chat", tier="standard"), day, day + timedelta(1))
    assert {each.start.time() for each in found} >= {time(0, 0), time(0, 30), time(16, 30)}
