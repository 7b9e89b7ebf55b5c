"""What was saved: each dollar once, against a call that is said; and `llmtrace savings`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace.cli import main
from llmtrace_collector.schema.migrate import migrate
from llmtrace_dashboards import database
from llmtrace_dashboards.queries.savings import savings
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View
from support.app import Seeded, owner
from support.seed import make, millis
from support.services import stack_at

PROMPT = {"llmtrace.cost.unit_price.input": "2.5", "llmtrace.cost.cache_read_usd": "0.001"}
"""Of 1,000 cached tokens at 1.25 a million instead of 2.5: 0.0015 saved."""


def put(store: Seeded, project: str, at: datetime, *calls: Mapping[str, Any]) -> Window:
    """Calls of a project of its own, and the window they are in."""
    names = ["project", "timestamp", "trace_id", "span_id", "is_call", "model", "cost_usd", "cached_input_tokens"]
    names += ["cache_write_input_tokens", "sampling_weight", "attributes"]
    rows = [
        [
            project, at, f"{place:032x}", f"{place + 1:016x}", True, call.get("model", "m"), call.get("cost"),
            call.get("cached"), call.get("written"), call.get("weight", 1.0), call.get("attributes", {}),
        ]
        for place, call in enumerate(calls)
    ]  # fmt: skip
    owner(store.stack).insert("llmtrace.spans", rows, names)
    return Window(start_ms=millis(at) - 1, end_ms=millis(at) + 1)


def ledger(project: str, window: Window, group: str = "all") -> list[dict[str, Any]]:
    return database.rows(savings(View(project=project), window, group))


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    """A store without calls: those of the others are counted there."""
    now = datetime.now(UTC)
    with stack_at(tmp_path_factory.mktemp("savings")) as stack:
        stack.store()
        migrate(owner(stack))
        yield Seeded(stack=stack, seed=make(now), now_ms=millis(now.replace(second=0, microsecond=0)))


@pytest.fixture
def store(apart: Seeded) -> Seeded:
    database.use(database.Address(port=apart.stack.store_port))
    return apart


@pytest.fixture
def at(store: Seeded) -> datetime:
    found = store.seed.spans[0]["timestamp"]
    assert isinstance(found, datetime)
    return found


def test_each_kind_of_saving_is_what_the_call_would_have_cost_otherwise(store: Seeded, at: datetime) -> None:
    router = {"llmtrace.router.counterfactual_usd": "0.05", "llmtrace.router.discarded_usd": "0.004"}
    window = put(
        store, "kinds", at,
        {"cost": "0.01", "cached": 1000, "attributes": PROMPT},
        {"cost": "0", "attributes": {"llmtrace.reply.origin": "cache", "llmtrace.reply.saved_usd": "0.02"}},
        {"cost": "0.008", "attributes": router},
        {"cost": "0.007", "attributes": {"llmtrace.router.shadow_of": "gpt-5"}},
        {"cost": "0.003"},
    )  # fmt: skip
    (row,) = ledger("kinds", window)
    assert (row["prompt_cache_usd"], row["local_cache_usd"]) == (Decimal("0.0015"), Decimal("0.02"))
    assert row["routing_usd"] == Decimal("0.05") - Decimal("0.008") - Decimal("0.004") - Decimal("0.007")
    assert row["saved_usd"] == row["prompt_cache_usd"] + row["local_cache_usd"] + row["routing_usd"]
    assert row["spent_usd"] == Decimal("0.028")
    counts = ("calls", "prompt_cache_calls", "local_cache_calls", "routing_calls", "unknown_calls")
    assert [row[name] for name in counts] == [5, 1, 1, 1, 0]


def test_a_hit_that_repeats_cached_input_is_saved_once_by_the_cache_alone(store: Seeded, at: datetime) -> None:
    hit = {**PROMPT, "llmtrace.reply.origin": "cache", "llmtrace.reply.saved_usd": "0.01"}
    window = put(store, "once", at, {"cost": "0", "cached": 1000, "attributes": hit})
    (row,) = ledger("once", window)
    assert (row["saved_usd"], row["prompt_cache_usd"], row["prompt_cache_calls"]) == (Decimal("0.01"), 0, 0)


def test_writing_to_the_providers_cache_costs_what_it_costs_more(store: Seeded, at: datetime) -> None:
    written = {"llmtrace.cost.unit_price.input": "4", "llmtrace.cost.cache_creation_usd": "0.005"}
    window = put(store, "written", at, {"cost": "0.01", "written": 1000, "attributes": written})
    (row,) = ledger("written", window)
    assert row["prompt_cache_usd"] == Decimal("-0.001")


def test_what_has_no_price_is_counted_and_saves_nothing(store: Seeded, at: datetime) -> None:
    window = put(
        store, "unpriced", at, {"cached": 1000}, {"attributes": {"llmtrace.reply.origin": "cache"}}, {"cached": 0}
    )
    (row,) = ledger("unpriced", window)
    assert (row["saved_usd"], row["unknown_calls"], row["calls"]) == (0, 2, 3)


MONEY = st.decimals(0, 10, places=6)
CALL = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["a", "b"]),
        "cost": st.none() | MONEY,
        "cached": st.none() | st.integers(0, 10**6),
        "weight": st.sampled_from([1.0, 2.0, 4.0]),
        "attributes": st.fixed_dictionaries(
            {},
            optional={
                "llmtrace.reply.origin": st.sampled_from(["cache", "guardrail"]),
                "llmtrace.reply.saved_usd": MONEY.map(str),
                "llmtrace.cost.unit_price.input": MONEY.map(str),
                "llmtrace.cost.cache_read_usd": MONEY.map(str),
                "llmtrace.router.counterfactual_usd": MONEY.map(str),
                "llmtrace.router.discarded_usd": MONEY.map(str),
            },
        ),
    }
)
ROUND = iter(range(10_000))


def test_the_ledger_is_the_sum_of_its_calls_each_in_one_place(store: Seeded, at: datetime) -> None:
    @settings(max_examples=25)
    @given(st.lists(CALL, min_size=1, max_size=12))
    def check(calls: list[dict[str, Any]]) -> None:
        project = f"property-{next(ROUND)}"
        window = put(store, project, at, *calls)
        by_model, (total,) = ledger(project, window, "model"), ledger(project, window)
        expected = sum((saved(call) * Decimal(call["weight"]) for call in calls), Decimal(0))
        assert abs(total["saved_usd"] - expected) < Decimal("1e-7")
        assert sum(row["saved_usd"] for row in by_model) == total["saved_usd"]
        assert sum(row["calls"] for row in by_model) == sum(call["weight"] for call in calls)

    check()


def saved(call: Mapping[str, Any]) -> Decimal:
    """By the definitions of the page, by hand."""
    told = call["attributes"]
    money = {name: Decimal(value) for name, value in told.items() if name != "llmtrace.reply.origin"}
    if origin := told.get("llmtrace.reply.origin"):
        return money.get("llmtrace.reply.saved_usd", Decimal(0)) if origin == "cache" else Decimal(0)
    found = -money.get("llmtrace.router.discarded_usd", Decimal(0))
    if "llmtrace.router.counterfactual_usd" in money and call["cost"] is not None:
        found += money["llmtrace.router.counterfactual_usd"] - call["cost"]
    price, paid = money.get("llmtrace.cost.unit_price.input"), money.get("llmtrace.cost.cache_read_usd")
    if price is not None and paid is not None and call["cached"] is not None:
        found += call["cached"] * price / 1_000_000 - paid
    return found


def test_the_command_prints_a_table_and_json_of_the_same(
    store: Seeded, at: datetime, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: store.now_ms)
    window = put(store, "told", at, {"cost": "0.01", "cached": 1000, "attributes": PROMPT, "model": "gpt\x1b[31m"})
    times = ["--from", at.isoformat(), "--to", (at + timedelta(milliseconds=1)).isoformat()]
    words = ["savings", "project:told", "--by", "model", *times, "--clickhouse", store.stack.store_url]
    assert main(words) == 0
    table = capsys.readouterr().out
    assert "gpt?[31m" in table
    assert "0.001500" in table
    assert "without cached input" in table
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"][0]["model"] == "gpt\x1b[31m"
    assert Decimal(told["total"]["saved_usd"]) == ledger("told", window)[0]["saved_usd"]
    assert main(["savings", "project:nobody", "--clickhouse", store.stack.store_url]) == 0
    assert "0.000000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--from", "soon"], 2, "is not a time"),
        (["--to", "2026-11-01"], 2, "write --from"),
        (["--from", "2026-11-02", "--to", "2026-11-01"], 2, "must lie after"),
        (["colour:red"], 2, "colour"),
        (["--clickhouse", "http://127.0.0.1:9"], 1, "127.0.0.1"),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], code: int, sentence: str, capsys: Any) -> None:
    assert main(["savings", *words]) == code
    told = capsys.readouterr().err
    assert sentence in told
    assert told.startswith("llmtrace savings: ")
    assert told.count("\n") == 1
