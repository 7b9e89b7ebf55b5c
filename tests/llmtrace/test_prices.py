"""Cost in dollars: right to the digit where it is known, absent with a reason where it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import openai
import pytest
from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.calls import Call, Operation, Parameters, Reply, Server, Usage
from llmtrace.prices import Cost, PriceBook, Unpriced
from llmtrace.testing import FakeReply
from support.releases import http as httpx2
from support.spans import attributes

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
BOOK = PriceBook()
TODAY = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _price(
    usage: Usage | None,
    *,
    asked: str = "gpt-4o",
    answered: str | None = "gpt-4o-2024-08-06",
    provider: str | None = "openai",
    known: bool = True,
    tier_asked: str | None = None,
    tier: str | None = "default",
    at: datetime = TODAY,
) -> Cost | Unpriced:
    call = Call(
        operation=Operation(name="chat", wire="chat"),
        server=Server(provider="openai", price_provider=provider, address="api.openai.com", port=443, is_known=known),
        model=asked,
        parameters=Parameters(service_tier=tier_asked),
    )
    return BOOK.price_call(call, Reply(model=answered, usage=usage, service_tier=tier), int(at.timestamp() * 1e9))


SOME = Usage(input=1000, output=100, cache_read=400, reasoning=60)


def test_cached_tokens_are_priced_once_and_reasoning_is_not_added_on_top() -> None:
    cost = _price(SOME)
    assert isinstance(cost, Cost)
    assert cost.usd == (600 * Decimal("2.5") + 400 * Decimal("1.25") + 100 * Decimal(10)) / 1_000_000
    assert (cost.tier, cost.price_model) == ("standard", "openai/gpt-4o")
    assert cost.unit_prices == {"input": Decimal("2.5"), "output": Decimal(10), "cache_read": Decimal("1.25")}
    assert cost.parts == {"input": Decimal("0.0015"), "cache_read": Decimal("0.0005"), "output": Decimal("0.001")}


def test_the_tier_that_answered_is_the_tier_that_is_billed() -> None:
    cost = _price(SOME, tier="priority", tier_asked="priority")
    assert isinstance(cost, Cost)
    assert cost.tier == "priority"
    assert cost.usd == (600 * Decimal("4.25") + 400 * Decimal("2.125") + 100 * Decimal(17)) / 1_000_000
    downgraded = _price(SOME, tier="default", tier_asked="priority")
    assert isinstance(downgraded, Cost)
    assert downgraded.tier == "standard"


@pytest.mark.parametrize(
    ("reason", "case"),
    [
        ("usage_not_reported", {"usage": None}),
        ("model_unknown", {"asked": "my-own-model", "answered": "my-own-model"}),
        ("model_unknown", {"provider": "azure", "asked": "gpt-4o", "answered": "our-deployment"}),
        ("provider_unknown", {"provider": None}),
        ("service_tier_unpriced", {"tier": "scale"}),
        ("service_tier_unpriced", {"tier": "flex", "at": datetime(2026, 6, 1, tzinfo=UTC)}),
        ("service_tier_unpriced", {"tier": "priority", "provider": "azure"}),
        ("service_tier_not_reported", {"tier": None, "tier_asked": "flex"}),
        ("service_tier_not_reported", {"tier": "auto"}),
        ("usage_inconsistent", {"usage": Usage(input=10, output=1, cache_read=11)}),
        ("usage_incomplete", {"usage": Usage(output=5)}),
        ("usage_incomplete", {"usage": Usage(input=50)}),
        ("model_unknown", {"known": False, "answered": "mistral-7b-instruct"}),
        ("provider_unknown", {"known": False, "answered": "gpt-oss-120b"}),
        ("provider_unknown", {"known": False, "answered": None}),
        (
            "audio_price_unknown",
            {
                "usage": Usage(input=10, output=5, audio_input=4),
                "asked": "gpt-4o-audio-preview",
                "answered": "gpt-4o-audio-preview",
            },
        ),
    ],
)
def test_what_is_not_known_is_absent_and_says_why(reason: str, case: dict[str, Any]) -> None:
    assert _price(**{"usage": SOME, **case}) == Unpriced(reason=reason)


def test_only_the_model_that_answered_is_priced_and_the_asked_one_when_none_is_told() -> None:
    assert _price(SOME, answered="mistral-7b-instruct") == Unpriced(reason="model_unknown")
    assert isinstance(_price(SOME, answered=None), Cost)


@given(
    input_tokens=st.integers(0, 2_000_000),
    output_tokens=st.integers(0, 200_000),
    cached=st.integers(0, 2_000_000),
    model=st.sampled_from(["gpt-4o", "gpt-4o-mini", "gpt-5", "gpt-5-mini", "gpt-4.1", "o3", "text-embedding-3-small"]),
)
def test_a_price_is_what_the_price_list_says_or_none(
    input_tokens: int, output_tokens: int, cached: int, model: str
) -> None:
    found = _price(Usage(input=input_tokens, output=output_tokens, cache_read=cached), asked=model, answered=model)
    if cached > input_tokens:
        assert found == Unpriced(reason="usage_inconsistent")
        return
    if isinstance(found, Unpriced):
        assert (model, found.reason) == ("text-embedding-3-small", "output_price_unknown")
        return
    usage = PricedUsage(input_tokens=input_tokens, output_tokens=output_tokens, cache_read_tokens=cached)
    listed = calc_price(usage, model, provider_id="openai", genai_request_timestamp=TODAY)
    assert found.usd == listed.total_price
    assert found.usd >= 0


def test_money_on_the_wire_has_no_exponent(traces: Any, fake: Any, client: Any) -> None:
    fake.plan = lambda _: FakeReply(input_tokens=1)
    client.embeddings.create(model="text-embedding-3-small", input="a")
    assert attributes(traces.one())["llmtrace.cost.usd"] == "0.00000002"


def test_price_version_tier_and_unit_prices_are_on_the_span(traces: Any, fake: Any, client: Any) -> None:
    fake.plan = lambda _: FakeReply(input_tokens=1_000_000, output_tokens=0, service_tier="flex")
    client.chat.completions.create(model="gpt-5", messages=CHAT["messages"])
    found = {key: value for key, value in attributes(traces.one()).items() if key.startswith("llmtrace.cost.")}
    version = found.pop("llmtrace.cost.price_version")
    assert version.startswith("genai-prices/")
    assert found == {
        "llmtrace.cost.usd": "0.625",
        "llmtrace.cost.input_usd": "0.625",
        "llmtrace.cost.source": "list",
        "llmtrace.cost.tier": "flex",
        "llmtrace.cost.price_model": "openai/gpt-5",
        "llmtrace.cost.assumed_provider": "openai",
        "llmtrace.cost.unit_price.input": "0.625",
        "llmtrace.cost.unit_price.output": "5",
        "llmtrace.cost.unit_price.cache_read": "0.0625",
    }


def test_an_unpriced_call_is_marked(traces: Any, fake: Any, client: Any) -> None:
    client.chat.completions.create(model="llama-local", messages=CHAT["messages"])
    found = attributes(traces.one())
    assert found["llmtrace.cost.unpriced_reason"] == "model_unknown"
    assert "llmtrace.cost.usd" not in found


def test_a_closed_model_of_openai_s_behind_a_gateway_is_priced_and_the_assumption_told() -> None:
    cost = _price(SOME, known=False)
    assert isinstance(cost, Cost)
    assert cost.assumed_provider == "openai"
    assert _price(SOME) == replace(cost, assumed_provider=None)


@pytest.mark.parametrize("usage", [{"prompt_tokens": "10", "completion_tokens": "5"}, {"prompt_tokens": 10.0}])
def test_counts_that_are_none_are_said_to_be_malformed(usage: Any, traces: Any) -> None:
    _answer(traces, {"usage": usage})
    assert attributes(traces.one())["llmtrace.cost.unpriced_reason"] == "usage_malformed"


def test_a_count_beyond_64_bits_is_no_count_and_costs_no_span(traces: Any) -> None:
    _answer(traces, {"usage": {"prompt_tokens": 10**20, "completion_tokens": 5}})
    found = attributes(traces.one())
    assert "gen_ai.usage.input_tokens" not in found
    assert "llmtrace.cost.usd" not in found


def _answer(traces: Any, fields: Any) -> None:
    body = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [], **fields}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=body))
    with openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client:
        client.chat.completions.create(**CHAT, seed=2**70, temperature=10**400)
