"""What figures are compared with: one question for both periods, the picker, the dashed lines."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import Any

import altair as alt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from llmtrace_dashboards import database
from llmtrace_dashboards.charts import series as charts
from llmtrace_dashboards.panels import compared as panels
from llmtrace_dashboards.queries import compared
from llmtrace_dashboards.queries.sources import RAW_UP_TO, Source
from llmtrace_dashboards.server import SCRIPT
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import DAY_MS, HOUR_MS, RELATIVE, Window, ending_at
from llmtrace_dashboards.state.view import View
from llmtrace_dashboards.theme import DARK, LIGHT
from support.app import Seeded

MANY = RAW_UP_TO + 1


def truth(store: Seeded, window: Window) -> dict[str, Any] | None:
    """The figures of a window, from the rows that were seeded."""
    found = store.seed.calls(window.start_ms, window.end_ms)
    return found and {
        "calls": len(found),
        "errors": sum(c["status_code"] == "ERROR" for c in found),
        "unpriced": sum(c["status_code"] != "ERROR" and c["cost_usd"] is None for c in found),
        "cost_usd": sum((c["cost_usd"] or 0 for c in found), Decimal(0)),
    }


def asked(view: View, window: Window, spans: int | None) -> panels.Compared:
    rows = [row for query in compared.figures(view, window, spans) for row in database.rows(query)]
    return panels.of(rows, compared.moved_ms(view, window, Source.HOURS if spans == MANY else Source.RAW))


@pytest.mark.parametrize("spans", [None, MANY], ids=["spans", "hours"])
@pytest.mark.parametrize(("cmp", "later_ms"), [("prev", 0), ("week", 7 * DAY_MS), ("off", 0)])
def test_both_periods_have_the_figures_of_their_calls(
    store: Seeded, cmp: str, later_ms: int, spans: int | None
) -> None:
    """As a whole, and their buckets add up to it, from spans and from the rollup by hour."""
    window = ending_at(store.now_ms + later_ms, "24h").outward(HOUR_MS)
    view = View(cmp=cmp)
    found = asked(view, window, spans)
    against = view.compared(window)
    for period, where in ((found.now, window), (found.before, against)):
        expected = truth(store, where) if where else None
        assert bool(period.whole) == bool(expected)
        if expected and period.whole:
            assert {key: period.whole[key] for key in expected} == expected
            for key, value in expected.items():
                assert sum(row[key] or 0 for row in period.buckets) == value
            assert all(window.start_ms <= row["bucket_ms"] < window.end_ms for row in period.buckets)


def test_a_month_is_compared_with_a_week_earlier_though_they_overlap(store: Seeded) -> None:
    """A call that is in both counts in both."""
    window = ending_at(store.now_ms + 7 * DAY_MS, "30d")
    found = asked(View(cmp="week"), window, 1)
    every = truth(store, window)
    assert found.now.whole
    assert found.before.whole
    assert every
    assert found.now.whole["calls"] == found.before.whole["calls"] == every["calls"]


@pytest.mark.parametrize("spans", [None, MANY], ids=["spans", "hours"])
def test_percentiles_of_both_periods_are_near_those_of_their_calls(store: Seeded, spans: int | None) -> None:
    """Exactly those of spans, within 4.5 % of them from the rollup."""
    window = ending_at(store.now_ms, "24h").outward(HOUR_MS)
    rows = [row for query in compared.latencies(View(), window, spans) for row in database.rows(query)]
    found = panels.of(rows, window.length_ms)
    for period, where in ((found.now, window), (found.before, window.before)):
        times = sorted(c["duration_ns"] for c in store.seed.calls(where.start_ms, where.end_ms))
        assert period.whole
        assert period.whole["p95_ns"] == pytest.approx(times[int(0.95 * len(times))], rel=0.045 if spans else 0)
        assert all(row["p50_ns"] <= row["p95_ns"] <= row["p99_ns"] for row in period.buckets)


@given(
    relative=st.sampled_from(list(RELATIVE)), cmp=st.sampled_from(["prev", "week", "off"]), now_ms=st.integers(0, 2**41)
)
def test_one_query_asks_for_both_periods_where_they_touch(relative: str, cmp: str, now_ms: int) -> None:
    """What is asked for covers both periods and no instant more."""
    window = ending_at(now_ms, relative)
    view = View(cmp=cmp)
    queries = compared.figures(view, window, 1)
    assert len(queries) == (2 if cmp == "week" and relative != "7d" else 1)
    seconds = sum(query.params["end_ms"] - query.params["start_ms"] for query in queries)
    assert seconds == window.length_ms * (1 if cmp == "off" else 2)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_compared_with_is_a_dashed_line(store: Seeded, palette: Any) -> None:
    """On every chart that has bars or lines of now, and none where nothing is compared."""
    window = ending_at(store.now_ms, "24h")
    found = asked(View(), window, None)
    rows = [row for query in compared.latencies(View(), window) for row in database.rows(query)]
    quick = panels.of(rows, window.length_ms)
    for drawn in (charts.calls, charts.spend):
        spec = drawn(found.now.buckets, window, UTC, palette, before=found.before.buckets)
        alt.LayerChart.from_dict(spec)
        assert "strokeDash" in str(spec)
        assert "strokeDash" not in str(drawn(found.now.buckets, window, UTC, palette))
    with_before = charts.latency(quick.now.buckets, window, UTC, palette, before=quick.before.buckets)
    alt.LayerChart.from_dict(with_before)
    assert "strokeDash" in str(with_before)
    assert "'then'" not in str(with_before), "a word that Vega refuses as a field"


def test_the_picker_stands_in_the_address_and_the_page_says_against_what(
    store: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Default, another, none: each is told in words, and none has no changes."""
    monkeypatch.setattr(clock, "now_ms", lambda: store.now_ms)
    app = AppTest.from_file(str(SCRIPT), default_timeout=30).run()
    told = {
        "prev": "against the 24 h before",
        "week": "against the same time last week",
        "off": "compared with nothing",
    }
    for cmp, words in told.items():
        app.selectbox(key="cmp").select(cmp).run()
        assert not app.exception
        assert app.query_params.get("cmp", "prev") in (cmp, [cmp])
        assert any(words in caption.value for caption in app.caption)
        calls = next(metric for metric in app.metric if metric.label == "Calls")
        assert bool(calls.delta) == (cmp != "off")
    assert "no earlier figure" not in str([metric.delta for metric in app.metric])
