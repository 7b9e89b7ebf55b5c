"""What changed, what failed last, and where a firing alert leads."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from llmtrace_dashboards import database
from llmtrace_dashboards.panels.movers import told
from llmtrace_dashboards.queries import overview
from llmtrace_dashboards.queries.sources import RAW_UP_TO
from llmtrace_dashboards.server import SCRIPT
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import DAY_MS, HOUR_MS, Window, ending_at
from llmtrace_dashboards.state.view import View
from support.app import Seeded

MANY = RAW_UP_TO + 1
WORDS = ("model", "feature", "prompt_version")


def moved(
    store: Seeded, window: Window, before: Window, words: tuple[str, ...]
) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """By group: how many more calls, failures and dollars there are, from the rows that were seeded."""
    calls: Counter[tuple[str, ...]] = Counter()
    errors: Counter[tuple[str, ...]] = Counter()
    usd: Counter[tuple[str, ...]] = Counter()
    for period, sign in ((window, 1), (before, -1)):
        for call in store.seed.calls(period.start_ms, period.end_ms):
            group = tuple(call.get(word, "") for word in words)
            calls[group] += sign
            errors[group] += sign * (call["status_code"] == "ERROR")
            usd[group] += sign * (call["cost_usd"] or Decimal(0))
    return {group: (calls[group], errors[group], usd[group]) for group in calls}


@pytest.mark.parametrize("spans", [None, MANY], ids=["spans", "hours"])
@pytest.mark.parametrize(("cmp", "later_ms"), [("prev", 0), ("week", 7 * DAY_MS)])
def test_the_movers_are_the_differences_of_the_calls_themselves(
    store: Seeded, cmp: str, later_ms: int, spans: int | None
) -> None:
    window = ending_at(store.now_ms + later_ms, "24h").outward(HOUR_MS)
    view = View(cmp=cmp)
    before, query = view.compared(window), overview.movers(view, window, spans)
    assert before
    assert query
    words = WORDS if spans is None else ("model",)
    expected = moved(store, window, before, words)
    rows = database.rows(query)
    assert len(rows) == min(len(expected), overview.MOVERS)
    for row in rows:
        found = (row["more_calls"], row["more_errors"], row["more_usd"])
        assert found == expected[tuple(row[word] for word in words)]
        assert row["now_calls"] - row["before_calls"] == row["more_calls"]
        assert row["all_more_usd"] == sum(usd for _, _, usd in expected.values())
    parts = [max(row["of_calls"], row["of_errors"], row["of_usd"]) for row in rows]
    assert parts == sorted(parts, reverse=True)
    for of in ("of_calls", "of_errors", "of_usd"):
        assert sum(row[of] for row in rows) <= 1 + 1e-9


def test_nothing_is_a_mover_where_nothing_is_compared(store: Seeded) -> None:
    assert overview.movers(View(cmp="off"), ending_at(store.now_ms, "24h")) is None


def test_a_month_against_a_week_earlier_counts_a_call_of_both_twice(store: Seeded) -> None:
    query = overview.movers(View(cmp="week"), ending_at(store.now_ms + 7 * DAY_MS, "30d"), 1)
    assert query
    assert all(row["more_calls"] == 0 and row["now_calls"] > 0 for row in database.rows(query))


def test_what_failed_last_is_the_newest_failed_span_of_each_trace(store: Seeded) -> None:
    window = ending_at(store.now_ms, "24h")
    newest: dict[str, Any] = {}
    for span in sorted(store.seed.spans, key=lambda span: (span["timestamp"], span["span_id"])):
        if span["status_code"] == "ERROR":
            newest[span["trace_id"]] = span
    expected = sorted(newest.values(), key=lambda span: (span["timestamp"], span["span_id"]), reverse=True)
    for spans in (None, 1, len(store.seed.spans)):
        rows: list[dict[str, Any]] = []
        for query in overview.failing(View(), window, spans):
            rows = database.rows(query)
            if len(rows) >= overview.FAILED:
                break
        assert [row["span_id"] for row in rows] == [span["span_id"] for span in expected[: overview.FAILED]]


def shown(monkeypatch: pytest.MonkeyPatch, store: Seeded, **params: str) -> AppTest:
    monkeypatch.setattr(clock, "now_ms", lambda: store.now_ms)
    app = AppTest.from_file(str(SCRIPT), default_timeout=30)
    for name, value in params.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def words(app: AppTest) -> str:
    return "\n".join(str(e.value) for kind in ("markdown", "caption", "text") for e in app.get(kind))


def test_the_overview_says_what_changed_and_against_what(monkeypatch: pytest.MonkeyPatch, store: Seeded) -> None:
    said = words(shown(monkeypatch, store))
    assert "## What changed" in said
    assert "Most of the change in spend" in said
    assert "## What failed last" in said


def test_without_a_comparison_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, store: Seeded) -> None:
    assert "choose what to compare with" in words(shown(monkeypatch, store, cmp="off"))


def test_where_nothing_failed_it_says_so(monkeypatch: pytest.MonkeyPatch, store: Seeded) -> None:
    assert "No span failed in this range" in words(shown(monkeypatch, store, status="ok"))


MOVED = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["gpt-5", "*bold* [x](y) $1$", ""]),
        "more_usd": st.decimals(-100, 100, places=6),
        "more_calls": st.integers(-1000, 1000),
    }
)


@given(st.lists(MOVED, min_size=1, max_size=8))
def test_the_sentence_names_somebody_only_who_moved_the_way_the_whole_did(drawn: list[dict[str, Any]]) -> None:
    """And with a quarter at least of all that moved."""
    rows: list[dict[str, Any]] = [row | {"feature": "", "prompt_version": ""} for row in drawn]
    for what in ("usd", "calls"):
        every = sum(abs(row[f"more_{what}"]) for row in rows)
        for row in rows:
            row[f"all_more_{what}"] = sum(other[f"more_{what}"] for other in rows)
            row[f"of_{what}"] = float(abs(row[f"more_{what}"]) / every) if every else 0.0
    said = told(rows)
    if said:
        what = "usd" if "in spend" in said else "calls"
        first = max(rows, key=lambda row: abs(row[f"more_{what}"]))
        assert (first[f"more_{what}"] > 0) == (first[f"all_more_{what}"] > 0)
        assert first[f"of_{what}"] >= 0.25
