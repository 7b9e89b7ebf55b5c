"""Golden dollars from OpenAI's price page, the recorded calls, and what holds of every cost."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from genai_prices import Usage as ListedUsage
from genai_prices import calc_price
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace.accounts import Account
from llmtrace.calls import Call, Operation, Parameters, Reply, Server, Timing, ToolCalls, Usage
from llmtrace.costing import CostStage
from llmtrace.prices import Cost, PriceBook, Unpriced, free_of_charge
from llmtrace.prices.rates import total
from llmtrace.servers import server_at
from support.replay import Recording, call, missing_reason, recordings

ROOT: Final = Path(__file__).resolve().parents[2]
BOOK: Final = PriceBook()
AT_NS: Final = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()) * 10**9
OPENAI: Final = server_at("https", "api.openai.com", None)


def _cost(
    model: str,
    usage: Usage,
    *,
    server: Server = OPENAI,
    wire: str = "chat",
    tier: str = "default",
    tools: tuple[ToolCalls, ...] = (),
    web_search: bool = False,
) -> Cost | Unpriced:
    made = Call(
        operation=Operation(name="chat", wire=wire),
        server=server,
        model=model,
        parameters=Parameters(web_search=web_search),
    )
    return BOOK.price_call(made, Reply(model=model, usage=usage, service_tier=tier, tools=tools), AT_NS)


# Prices of https://developers.openai.com/api/docs/pricing, November 2026; the dollars are worked out by hand.
GOLDEN: dict[str, tuple[str, Usage, dict[str, Any], str]] = {
    "cached input": ("gpt-4o-mini", Usage(input=1_000_000, output=1_000_000, cache_read=400_000), {}, "0.72"),
    "reasoning": ("o3", Usage(input=1_000, output=10_000, reasoning=9_000), {}, "0.082"),
    "flex": ("gpt-5", Usage(input=200_000, output=10_000, cache_read=100_000), {"tier": "flex"}, "0.11875"),
    "priority": ("gpt-5", Usage(input=200_000, output=10_000, cache_read=100_000), {"tier": "priority"}, "0.475"),
    "long context": ("gpt-5.4", Usage(input=300_000, output=1_000), {}, "1.5225"),
    "written to cache": (
        "gpt-6-sol",
        Usage(input=100_000, output=0, cache_read=20_000, cache_write=40_000),
        {},
        "0.184",
    ),
    "embeddings": ("text-embedding-3-small", Usage(input=1_000), {"wire": "embeddings"}, "0.00002"),
    "realtime": (
        "gpt-realtime",
        Usage(
            input=1_000,
            output=500,
            cache_read=400,
            audio_input=600,
            text_input=400,
            image_input=0,
            audio_cache_read=300,
            text_cache_read=100,
            image_cache_read=0,
            audio_output=400,
            text_output=100,
        ),
        {"wire": "realtime"},
        # 300 text at 4, 100 cached text at 0.40, 300 audio at 32, 300 cached audio at 0.40, 100 text at 16, 400 at 64
        "0.03816",
    ),
    "an image": (
        "gpt-image-1",
        Usage(input=1_050, output=4_160, text_input=50, image_input=1_000),
        {"wire": "images"},
        "0.17665",
    ),
    "a transcription by tokens": ("gpt-4o-transcribe", Usage(input=100, output=50, audio_input=90), {}, "0.001065"),
    "a transcription by length": ("whisper-1", Usage(audio_seconds=90.0), {"wire": "transcriptions"}, "0.009"),
    "speech by length of text": ("tts-1", Usage(characters=2_000), {"wire": "speech"}, "0.03"),
    "web and file search": (
        "gpt-5",
        Usage(input=10_000, output=1_000),
        {
            "wire": "responses",
            "tools": (
                ToolCalls(tool="file_search", count=2, billed=2),
                ToolCalls(tool="web_search", count=3, billed=3),
            ),
        },
        "0.0575",
    ),
    "images made by a tool": (
        "gpt-5",
        Usage(input=10_000, output=1_000),
        {
            "wire": "responses",
            "tools": (
                ToolCalls(
                    tool="image_generation",
                    count=1,
                    model="gpt-image-1.5",
                    usage=Usage(
                        input=1_000,
                        output=4_100,
                        cache_read=0,
                        image_input=800,
                        text_input=200,
                        image_output=4_000,
                        text_output=100,
                    ),
                ),
            ),
        },
        # 0.0225 of the model; 200 at 5, 800 at 8, 100 at 10, 4,000 at 32
        "0.1589",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_cost_is_what_the_provider_s_page_says(name: str) -> None:
    model, usage, more, usd = GOLDEN[name]
    cost = _cost(model, usage, **more)
    assert isinstance(cost, Cost), cost
    assert cost.usd == Decimal(usd)
    assert cost.usd == total(cost.parts)
    assert cost.excludes == ()


@pytest.mark.parametrize(
    ("reason", "model", "usage"),
    [
        ("usage_incomplete", "gpt-realtime", Usage(input=10, output=1, cache_read=5, audio_input=6)),
        ("cache_price_unknown", "gpt-6.1-terra", Usage(input=10, output=1, cache_write=5, cache_write_12h=5)),
        ("usage_inconsistent", "gpt-5", Usage(input=10, output=5, total=99)),
        ("audio_price_unknown", "gpt-4o", Usage(audio_seconds=3.0)),
        ("input_price_unknown", "gpt-4o", Usage(characters=3)),
        ("usage_incomplete", "gpt-4o", Usage(total=12)),
        ("usage_incomplete", "gpt-image-1.5", Usage(input=10, output=4_000, image_input=0)),
        ("usage_incomplete", "gpt-image-1.5", Usage(input=10, output=4_000, image_output=4_000)),
    ],
)
def test_what_is_not_told_is_not_guessed(reason: str, model: str, usage: Usage) -> None:
    assert _cost(model, usage) == Unpriced(reason=reason)


@pytest.mark.parametrize(
    ("host", "model", "usage", "billed_output"),
    [
        ("api.x.ai", "grok-4", Usage(input=10, output=20, reasoning=300, total=330), 320),
        ("generativelanguage.googleapis.com", "gemini-2.5-flash", Usage(input=10, output=20, total=130), 120),
        ("api.openai.com", "gpt-5", Usage(input=10, output=320, reasoning=300, total=330), 320),
    ],
)
def test_thoughts_are_billed_as_output_once_wherever_they_are_told(
    host: str, model: str, usage: Usage, billed_output: int
) -> None:
    cost = _cost(model, usage, server=server_at("https", host, None))
    assert isinstance(cost, Cost), cost
    assert cost.parts["output"] == cost.unit_prices["output"] * billed_output / 1_000_000


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("gpt-4o-search-preview", {}),
        ("gpt-4o", {"web_search": True}),
        ("gpt-4o-mini", {"wire": "responses", "tools": (ToolCalls(tool="web_search", count=1, billed=1),)}),
        ("gpt-5", {"wire": "responses", "tools": (ToolCalls(tool="web_search", count=1),)}),
        (
            "gpt-5",
            {
                "wire": "responses",
                "server": server_at("https", "my.openai.azure.com", None),
                "tools": (ToolCalls(tool="web_search", count=1, billed=1),),
            },
        ),
    ],
)
def test_a_search_of_which_the_fee_is_not_told_is_named_and_not_added(model: str, more: dict[str, Any]) -> None:
    cost = _cost(model, Usage(input=1_000, output=10), **more)
    assert isinstance(cost, Cost), cost
    assert cost.excludes == ("web_search",)
    assert "tools" not in cost.parts


def test_groq_bills_ten_seconds_of_audio_at_least() -> None:
    groq = server_at("https", "api.groq.com", None)
    short, ten = (_cost("whisper-large-v3", Usage(audio_seconds=seconds), server=groq) for seconds in (2.0, 10.0))
    assert isinstance(short, Cost)
    assert isinstance(ten, Cost)
    assert short.usd == ten.usd > 0


def test_an_answer_from_a_local_cache_costs_nothing_and_says_so() -> None:
    """Beside it stands what the provider would have taken."""
    call = Call(operation=Operation(name="chat", wire="chat", is_billed=True), server=OPENAI, model="gpt-4o")
    reply = Reply(usage=Usage(input=1_000_000, output=0))
    account = Account(call=call, timing=Timing(start_ns=0, end_ns=1), reply=reply, answered_by="local_cache")
    nothing: Any = None
    CostStage()(nothing, account)
    assert account.cost == free_of_charge("local_cache") == Cost(usd=Decimal(0), source="local_cache")
    assert account.saved is not None
    assert account.saved.usd == Decimal("2.5")


COUNT: Final = st.one_of(st.none(), st.integers(0, 10), st.integers(0, 2**63 - 1))
USAGES: Final = st.builds(
    Usage,
    audio_seconds=st.one_of(st.none(), st.floats(0, 1e9, exclude_max=True)),
    **{field: COUNT for field in Usage.__slots__ if field != "audio_seconds"},
)
MODELS: Final = [
    "gpt-4o",
    "gpt-5.4",
    "gpt-6-sol",
    "gpt-realtime",
    "gpt-image-1",
    "whisper-1",
    "tts-1",
    "sonar",
    "grok-4",
    "x",
]
HOSTS: Final = ["api.openai.com", "a.openai.azure.com", "api.x.ai", "api.perplexity.ai", "localhost", "api.groq.com"]


SERVED: Final = st.fixed_dictionaries(
    {
        "server": st.sampled_from([server_at("https", host, None) for host in HOSTS]),
        "tier": st.sampled_from(["default", "flex", "priority", "auto", "scale", ""]),
        "wire": st.sampled_from(["chat", "responses", "embeddings", "images"]),
        "tools": st.builds(ToolCalls, tool=st.just("web_search"), count=st.integers(0, 3), billed=COUNT).map(
            lambda ran: (ran,)
        ),
    }
)


@settings(max_examples=500, deadline=None)
@given(usage=USAGES, model=st.sampled_from(MODELS) | st.text(max_size=20), served=SERVED)
def test_any_usage_has_a_cost_that_is_the_sum_of_its_parts_or_a_reason(
    usage: Usage, model: str, served: dict[str, Any]
) -> None:
    cost = _cost(model, usage, **served)
    if isinstance(cost, Unpriced):
        assert re.fullmatch("[a-z_]+", cost.reason)
        return
    assert cost.usd >= 0
    assert cost.usd == total(cost.parts)
    assert min(cost.parts.values(), default=Decimal(0)) >= 0


def test_the_page_explains_every_reason() -> None:
    sources = [*(ROOT / "llmtrace/prices").glob("*.py"), ROOT / "llmtrace/costing.py"]
    text = "".join(source.read_text() for source in sources)
    reasons = {*re.findall(r'reason="(\w+)"', text), *re.findall(r'"((?:usage|[a-z]+_price)_\w+)"', text)}
    page = (ROOT / "docs/reference/cost.md").read_text()
    assert len(reasons) > 10
    assert {reason for reason in reasons if f"`{reason}`" not in page} == set()


NO_COST: Final = {
    # reason -> how many of the recorded calls; streams without include_usage are most of them
    "usage_not_reported": 23,
    "model_unknown": 8,  # a fine-tuned davinci of 2023
    "service_tier_not_reported": 1,  # an answer that is still queued says "auto"
    None: 2,  # refused with 401: nothing was used
}


@pytest.mark.skipif(missing_reason() is not None, reason=missing_reason() or "")
def test_of_the_recorded_calls_those_have_no_cost_of_which_it_is_not_known(traces: Any) -> None:
    found: Counter[str | None] = Counter()
    for recording in recordings():
        if recording.endpoint == "/images/generations":
            continue  # an image of dall-e-2, billed by the piece, which no usage tells
        traces.captured.clear()
        call(recording)
        attributes = dict(traces.one().attributes)
        if "llmtrace.cost.usd" in attributes:
            found["priced"] += 1
            _check(recording, attributes)
        else:
            found[attributes.get("llmtrace.cost.unpriced_reason")] += 1
    assert found == {"priced": 84, **NO_COST}


def _check(recording: Recording, attributes: dict[str, Any]) -> None:
    """The dollars are what the price list's own code says of the recorded counts."""
    counts = recording.expected["usage"]
    provider, _, model = attributes["llmtrace.cost.price_model"].partition("/")
    usage = ListedUsage(
        input_tokens=counts["input"],
        output_tokens=counts["output"],
        cache_read_tokens=counts.get("cached"),
        cache_write_tokens=counts.get("cache_write"),
    )
    tier = attributes["llmtrace.cost.tier"]
    context = None if tier == "standard" else {"service_tier": tier}
    expected = calc_price(usage, model, provider_id=provider, price_context=context).total_price
    fees = Decimal(attributes.get("llmtrace.cost.tools_usd", 0))
    assert fees == Decimal("0.0025") * attributes.get("llmtrace.tools.file_search.calls", 0)
    assert Decimal(attributes["llmtrace.cost.usd"]) == expected + fees
    assert attributes["llmtrace.cost.source"] == "list"
