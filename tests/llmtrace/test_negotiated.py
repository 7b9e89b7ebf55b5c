"""A user's own prices stand before the list's; a mistake is told with its place and what to write."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmtrace.testing
from llmtrace.calls import Call, Operation, Parameters, Reply, Server, ToolCalls, Usage
from llmtrace.cli import main
from llmtrace.prices import Cost, PriceBook, Unpriced
from llmtrace.prices.price_file import PriceFileError, load_prices
from llmtrace.testing import FakeReply
from support.spans import attributes

FILE = """
currency = "USD"

[[models]]  # a contract of this year
provider = "openai"
model = "gpt-4o"
from = 2026-01-01
to = 2026-12-31
input = "2.00"
output = "8.00"
cache_read = "0.50"

[[models]]
model = "our-*"
input = "1"
output = "2"
[[models.context]]
above = 1000
input = "10"

[[models]]
provider = "openai"
model_regex = "gpt-5(-mini)?"
multiplier = "0.8"
tools = { web_search = "0.02", code_interpreter = "0.03" }
"""
USAGE = Usage(input=1000, output=100, cache_read=400)
MESSAGES: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(FILE)
    return path


def _price(
    own: Any,
    model: str,
    *,
    usage: Usage = USAGE,
    provider: str = "openai",
    known: bool = True,
    tier: str = "default",
    year: int = 2026,
    tools: tuple[ToolCalls, ...] = (),
) -> Cost | Unpriced:
    call = Call(
        operation=Operation(name="chat", wire="chat"),
        server=Server(provider=provider, price_provider=provider, address="a.test", port=443, is_known=known),
        model=model,
        parameters=Parameters(),
    )
    reply = Reply(model=model, usage=usage, service_tier=tier, tools=tools)
    at = datetime(year, 11, 20, tzinfo=UTC)
    return PriceBook(load_prices(own)).price_call(call, reply, int(at.timestamp()) * 10**9)


def _priced(*args: Any, **kwargs: Any) -> Cost:
    cost = _price(*args, **kwargs)
    assert isinstance(cost, Cost), cost
    return cost


def test_own_prices_stand_before_the_list_s_and_the_cost_says_whose_they_are(file: Path) -> None:
    cost = _priced(file, "gpt-4o-2024-08-06")  # a snapshot of the model that the row names
    assert cost.usd == (600 * Decimal(2) + 400 * Decimal("0.5") + 100 * Decimal(8)) / 1_000_000
    assert (cost.source, cost.price_model) == ("negotiated", "models[0]")
    assert cost.version == load_prices(file).version
    assert (cost.version or "").startswith("prices.toml@")


@pytest.mark.parametrize("other", [{"year": 2027}, {"tier": "priority"}, {"provider": "azure"}])
def test_a_row_holds_for_its_days_its_tier_and_its_provider_alone(other: Any, file: Path) -> None:
    cost = _price(file, "gpt-4o", **other)
    assert isinstance(cost, Unpriced) or cost.source == "list"


def test_all_tokens_cost_what_the_context_length_says(file: Path) -> None:
    assert _priced(file, "our-llama", usage=Usage(input=1000, output=1)).parts["input"] == Decimal("0.001")
    longer = _priced(file, "our-llama", usage=Usage(input=1001, output=1))
    assert longer.parts == {"input": Decimal("0.01001"), "output": Decimal("0.000002")}


def test_a_model_the_list_does_not_know_is_priced_on_a_host_nobody_knows(file: Path) -> None:
    cost = _priced(file, "our-llama", known=False)
    assert cost.assumed_provider is None


def test_a_multiplier_is_a_discount_on_the_list_in_every_tier(file: Path) -> None:
    for tier in ("default", "flex"):
        own, listed = _priced(file, "gpt-5", tier=tier), PriceBook()
        call = Call(
            operation=Operation(name="chat", wire="chat"),
            server=Server(provider="openai", price_provider="openai", address="a", port=1),
        )
        at_ns = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) * 10**9
        full = listed.price_call(call, Reply(model="gpt-5", usage=USAGE, service_tier=tier), at_ns)
        assert isinstance(full, Cost)
        assert own.usd == full.usd * Decimal("0.8")
        assert "prices.toml@" in (own.version or "")
        assert (own.version or "").endswith(full.version or "?")


def test_own_fees_of_tools_stand_before_the_list_s_and_count_what_it_does_not_price(file: Path) -> None:
    tools = (
        ToolCalls(tool="web_search", count=3, billed=2),
        ToolCalls(tool="code_interpreter", count=1),
        ToolCalls(tool="image_generation", count=1),
        ToolCalls(tool="mcp", count=4, is_billed_apart=False),
    )
    own = _priced(file, "gpt-5", tools=tools)
    assert own.parts["tools"] == 2 * Decimal("0.02") + Decimal("0.03")
    assert own.excludes == ("image_generation",)
    listed = _priced(file, "gpt-5.1", tools=tools)
    assert listed.parts["tools"] == 2 * Decimal("0.01")
    assert listed.unit_prices["web_search"] == Decimal("0.01")
    assert listed.excludes == ("code_interpreter", "image_generation")


def test_json_says_the_same_as_toml(file: Path, tmp_path: Path) -> None:
    row = {"provider": "openai", "model": "gpt-4o", "from": "2026-01-01", "to": "2026-12-31"}
    said = {"models": [{**row, "input": "2.00", "output": "8.00", "cache_read": "0.50"}]}
    (tmp_path / "prices.json").write_text(json.dumps(said))
    assert load_prices(tmp_path / "prices.json").rows[0] == load_prices(file).rows[0] == load_prices(said).rows[0]


def test_the_version_changes_with_what_the_file_says(file: Path) -> None:
    before = load_prices(file).version
    file.write_text(FILE.replace('"2.00"', '"2.01"'))
    assert load_prices(file).version != before


ROW = {"model": "m", "input": "1", "output": "1"}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            {"models": [ROW, ROW, {**ROW, "input": "3,0"}]},
            'prices.models[2].input: "3,0" is not a decimal; write "3.0"',
        ),
        ({"models": [{**ROW, "input": 3.5}]}, "prices.models[0].input: 3.5 is not a decimal string"),
        ({"models": [{**ROW, "input": "-1"}]}, 'prices.models[0].input: "-1" is not a decimal; write US dollars'),
        ({"models": [{**ROW, "input": "NaN"}]}, 'prices.models[0].input: "NaN" is not a decimal'),
        ({"models": [{**ROW, "inptu": "1"}]}, "prices.models[0].inptu: is not known; write input"),
        ({"models": [{**ROW, "from": "soon"}]}, 'prices.models[0].from: "soon" is no day; write 2026-01-31'),
        ({"models": [{**ROW, "from": "2026-02-01", "to": "2026-01-01"}]}, "prices.models[0].to: 2026-01-01 is before"),
        ({"models": [{**ROW, "multiplier": "0.9"}]}, "prices.models[0]: has prices and a multiplier"),
        ({"models": [{"model": "m"}]}, "prices.models[0]: says no price"),
        ({"models": [{"input": "1"}]}, "prices.models[0]: names no one model"),
        ({"models": [{**ROW, "model": "a*b"}]}, 'prices.models[0].model: "a*b" has a * before its end'),
        (
            {"models": [{"model_regex": "(", "input": "1"}]},
            'prices.models[0].model_regex: "(" is no regular expression',
        ),
        ({"models": [{"model": "m", "cache_read": "1"}]}, "prices.models[0].input: is missing; write it beside"),
        ({"models": [{**ROW, "context": [{"input": "1"}]}]}, "prices.models[0].context[0].above: null is no number"),
        ({"models": [{**ROW, "tools": {"web_search": 1}}]}, "prices.models[0].tools.web_search: 1 is not a decimal"),
        ({"models": []}, "prices.models: there are no rows"),
        ({"models": [3]}, "prices.models[0]: 3 is no row"),
        ({"currency": "EUR", "models": [ROW]}, 'prices.currency: "EUR" is not known; all prices are in "USD"'),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_write(said: Any, sentence: str) -> None:
    with pytest.raises(PriceFileError) as caught:
        load_prices(said)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("prices.yaml", "models: []", 'is ".yaml", and prices are read from .toml or .json'),
        ("prices.toml", "models = [", "is no TOML"),
        ("prices.json", "{", "is no JSON"),
        ("prices.json", "[]", "prices: is no table"),
    ],
)
def test_a_file_that_says_no_prices_is_named(name: str, text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(PriceFileError) as caught:
        load_prices(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: {sentence}")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["1", "0.5"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["models", "model", "input", "output", "tools", "context", "above"]), inner)
    ),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_whatever_a_file_says_it_is_prices_or_a_sentence(row: Any, value: Any) -> None:
    rows = [row, {"model": "m", "input": value}]
    with suppress(PriceFileError):
        assert len(load_prices({"models": rows}).rows) == 2


def test_a_file_named_by_the_environment_prices_the_calls(
    file: Path, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTRACE_PRICES", str(file))
    found = _span_of_a_call(fake, client)
    assert found["llmtrace.cost.usd"] == "0.0028"
    assert found["llmtrace.cost.source"] == "negotiated"
    assert found["llmtrace.cost.price_version"].startswith("prices.toml@")


def test_a_wrong_file_of_the_environment_is_told_once_and_the_list_used(
    tmp_path: Path, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LLMTRACE_PRICES", str(tmp_path / "none.toml"))
    with caplog.at_level(logging.WARNING, logger="llmtrace"):
        found = _span_of_a_call(fake, client, calls=3)
    assert found["llmtrace.cost.source"] == "list"
    (record,) = [record for record in caplog.records if "none.toml" in record.getMessage()]
    assert record.getMessage().endswith(
        "none.toml: cannot be read: No such file or directory; calls are priced at the price list"
    )


def test_prices_given_to_instrument_win_over_the_environment(
    file: Path, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTRACE_PRICES", str(file))
    own = {"models": [{"model": "gpt-4o", "input": "1000", "output": "0"}]}
    assert _span_of_a_call(fake, client, prices=own)["llmtrace.cost.usd"] == "1"


def test_wrong_prices_given_to_instrument_raise() -> None:
    with pytest.raises(ValueError, match=r"prices.models\[0\].input: 3 is not a decimal string"):
        llmtrace.instrument(export="none", prices={"models": [{"model": "m", "input": 3}]})


def _span_of_a_call(fake: Any, client: Any, *, prices: Any = None, calls: int = 1) -> dict[str, Any]:
    with llmtrace.testing.capture(prices=prices) as captured:
        fake.plan = lambda _: FakeReply(input_tokens=1000, output_tokens=100)
        for _ in range(calls):
            client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        return attributes(captured.spans()[-1])


def test_the_command_checks_a_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prices", "check", str(file)]) == 0
    assert capsys.readouterr().out.startswith(f"{file}: 3 rows, all right; spans priced by it say prices.toml@")
    file.write_text(FILE.replace('"8.00"', '"8,00"'))
    assert main(["prices", "check", str(file)]) == 2
    expected = f'llmtrace prices: {file}: prices.models[0].output: "8,00" is not a decimal; write "8.00"\n'
    assert capsys.readouterr().err == expected


def test_the_command_shows_what_holds_for_a_model(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prices", "show", "gpt-4o", "--date", "2026-11-20"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("openai/gpt-4o, standard, from genai-prices/")
    assert "input_tokens                 2.5 per 1,000,000" in out
    assert "web_search call              0.01" in out
    assert main(["prices", "show", "gpt-4o", "--date", "2026-11-20", "--prices", str(file)]) == 0
    assert capsys.readouterr().out.startswith("models[0], standard, from prices.toml@")
    assert main(["prices", "show", "nobody-s", "--provider", "x_ai"]) == 1
    assert capsys.readouterr().err == "nobody-s: no price is known (model_unknown)\n"


def test_the_file_of_the_how_to_is_right_and_shows_as_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/how-to/use-negotiated-prices.md").read_text()
    path = tmp_path / "prices.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    own = load_prices(path)
    shown = page.partition("--prices prices.toml\n")[2].partition("```")[0]
    command = ["prices", "show", "gpt-4o", "--provider", "azure.ai.openai", "--date", "2026-06-30"]
    assert main([*command, "--prices", str(path)]) == 0
    assert capsys.readouterr().out == shown.replace("prices.toml@5f0c1d2e", own.version)
    assert f"{len(own.rows)} rows, all right" in page
