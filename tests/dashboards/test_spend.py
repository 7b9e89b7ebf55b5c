"""The Spend page: its figures against the seeded rows, its month against a calendar, and hostile words."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import pytest

from llmtrace_dashboards import database
from llmtrace_dashboards.charts import series as charts
from llmtrace_dashboards.measures.month import month_of
from llmtrace_dashboards.queries import spend, traces
from llmtrace_dashboards.queries.sources import RAW_UP_TO
from llmtrace_dashboards.state.ranges import ending_at
from llmtrace_dashboards.state.view import GROUPS, View, parse
from llmtrace_dashboards.theme import DARK, LIGHT
from support.app import Seeded
from support.seed import HOSTILE, millis

COLUMNS = {"user": "user_id", "service": "service_name"}


@pytest.mark.parametrize("by", GROUPS)
def test_what_money_is_spent_on_is_what_the_calls_say(store: Seeded, by: str) -> None:
    """For every way to split it, the sums by value are those of the calls, and a value leads to exactly its calls."""
    window = ending_at(store.now_ms, "24h")
    truth: dict[str, list[Any]] = defaultdict(lambda: [Decimal(0), 0, 0])
    for call in store.seed.calls(window.start_ms, window.end_ms):
        found = truth[call.get(COLUMNS.get(by, by), "") or ""]
        found[0] += call["cost_usd"] or 0
        found[1] += 1
        found[2] += call["status_code"] != "ERROR" and call["cost_usd"] is None
    rows = database.rows(spend.by_group(View(), window, by))
    assert {row["what"]: [row["cost_usd"] or 0, row["calls"], row["unpriced"]] for row in rows} == truth
    for row in rows:
        there = database.rows(traces.matching(View().only(by, row["what"]), window))[0]
        assert there["calls"] == row["calls"]


def test_over_time_the_dearest_stand_apart_and_the_rest_together(store: Seeded) -> None:
    window = ending_at(store.now_ms, "24h")
    rows = database.rows(spend.over_time(View(), window, "model", ["gpt-5"]))
    assert {row["what"] for row in rows} == {"gpt-5", spend.REST}
    whole = database.rows(spend.by_group(View(), window, "model"))
    assert sum(row["cost_usd"] or 0 for row in rows) == sum(row["cost_usd"] or 0 for row in whole)
    for palette in (LIGHT, DARK):
        alt.LayerChart.from_dict(charts.stacked(rows, ["gpt-5", spend.REST], window, UTC, palette))


@pytest.mark.parametrize("by", ["model", "provider", "project", "service", "environment"])
def test_many_calls_are_split_by_the_rollup_and_it_says_the_same(store: Seeded, by: str) -> None:
    window = ending_at(store.now_ms, "24h").outward(3_600_000)
    many = RAW_UP_TO + 1
    found = {}
    for spans in (None, many):
        rows = database.rows(spend.by_group(View(), window, by, spans))
        found[spans] = {row["what"]: (row["cost_usd"] or 0, row["calls"], row["unpriced"]) for row in rows}
    assert found[many] == found[None]
    assert spend.by_group(View(), window, by, many).name == "spend_by_hours"
    assert spend.by_group(View(), window, "user", many).name == "spend_by"
    top = sorted(found[many])[:1]
    rows = database.rows(spend.over_time(View(), window, by, top, many))
    assert sum(row["cost_usd"] or 0 for row in rows) == sum(usd for usd, _, _ in found[many].values())


def test_what_a_trace_costs_is_what_its_calls_cost(store: Seeded) -> None:
    window = ending_at(store.now_ms, "24h")
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for call in store.seed.calls(window.start_ms, window.end_ms):
        costs[call["trace_id"]] += call["cost_usd"] or 0
    paid = sorted(float(usd) for usd in costs.values() if usd)
    found = database.rows(spend.a_trace(View(), window))[0]
    assert found["traces"] == len(paid)
    assert found["median_usd"] == pytest.approx(paid[len(paid) // 2])


def test_the_hours_of_the_month_are_those_of_the_rollup(store: Seeded) -> None:
    """By project and model; the forecast learns from the same."""
    rows = database.rows(spend.hours(View(model=("gpt-5",)), store.now_ms, UTC))
    calls = store.seed.calls(0, store.now_ms, model="gpt-5")
    assert sum(row["cost_usd"] for row in rows) == sum(call["cost_usd"] or 0 for call in calls)


def test_a_month_is_one_of_the_readers_zone() -> None:
    """An hour before midnight in Berlin is another day in Tokyo, and another month at its end."""
    berlin, tokyo = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo")
    now = datetime(2026, 10, 31, 22, 30, tzinfo=UTC)
    rows = [
        {"hour_s": int((now - timedelta(hours=n)).replace(minute=0).timestamp()), "cost_usd": Decimal(1)}
        for n in range(24 * 40)
    ]
    found = month_of(rows, millis(now), berlin)
    assert (len(found.days), found.today) == (31, 30)
    assert found.spent[24] == 25, "the day with the hour that is there twice"
    assert sum(found.spent) == 31 * 24 + 1
    assert len(found.ahead) == 1
    other = month_of(rows, millis(now), tokyo)
    assert (len(other.days), other.today, other.spent) == (30, 0, (8.0,))
    expected, low, high = other.ahead[-1]
    assert low <= expected <= high
    assert expected == pytest.approx(30 * 24, rel=0.05)


def test_a_forecast_needs_a_week_of_history() -> None:
    now = datetime(2026, 11, 5, 12, tzinfo=UTC)
    hour_s = int((now - timedelta(days=3)).timestamp())
    assert month_of([{"hour_s": hour_s, "cost_usd": 1}], millis(now), UTC).ahead == ()
    assert month_of([], millis(now), UTC).spent == (0.0,) * 5


@pytest.mark.parametrize("value", [*HOSTILE, "", 'a "quoted" value, with a comma', "x*"])
def test_any_value_leads_to_its_traces(value: str) -> None:
    """Whatever it is called: the link means it, to the letter."""
    view = View().only("feature", value)
    assert parse(view.params()) == (view, ())
    [term] = view.terms
    assert (term.word, term.texts, term.plain) == ("feature", (value,), True)


def test_a_value_that_no_filter_can_say_leads_nowhere_and_harms_nothing() -> None:
    assert View().only("user", "ana \u202eexe") is None
