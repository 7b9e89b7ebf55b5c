"""Latency & reliability: the heatmap against the seeded calls, boxes as text, and what sets a box apart."""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import altair as alt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect

from llmtrace_dashboards import database
from llmtrace_dashboards.charts import series as charts
from llmtrace_dashboards.panels import explain
from llmtrace_dashboards.queries import latency, traces
from llmtrace_dashboards.queries.sources import RAW_UP_TO
from llmtrace_dashboards.state import box
from llmtrace_dashboards.state.box import Box
from llmtrace_dashboards.state.ranges import HOUR_MS, LATEST_MS, Window, ending_at
from llmtrace_dashboards.state.view import View
from llmtrace_dashboards.theme import DARK, LIGHT
from support.app import Seeded
from support.browser import page_on, settled
from support.seed import millis

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FIGURES = {"latency": ("duration_ns", 1e9), "ttft": ("time_to_first_token_ns", 1e9), "cost": ("cost_usd", 1)}


@given(
    st.sampled_from(box.FIGURES),
    st.floats(0, LATEST_MS - 2),
    st.floats(1, 1e9),
    st.floats(0, 1e5),
    st.floats(1e-6, 1e5),
)
def test_a_box_survives_its_text(figure: str, start: float, length: float, low: float, more: float) -> None:
    made = box.around(figure, start, min(start + length, LATEST_MS), low, low + more)
    if made is not None:
        assert box.parse(str(made)) == made


@given(st.text())
def test_any_text_is_a_box_or_none(text: str) -> None:
    assert box.parse(text) is None or str(box.parse(text)).startswith(box.FIGURES)


@given(st.integers(0, 4_000_000_000_000), st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]))
def test_a_place_on_the_axis_is_the_instant_it_stands_for(ms: int, zone: str) -> None:
    """But for the hour that a zone repeats, of which it is one of both."""
    place = charts.wall(ms, ZoneInfo(zone))
    assert charts.wall(charts.instant(place, ZoneInfo(zone)), ZoneInfo(zone)) == place


@pytest.mark.parametrize("figure", box.FIGURES)
def test_a_heatmap_has_every_call_in_its_place(store: Seeded, figure: str) -> None:
    column, unit = FIGURES[figure]
    window = ending_at(store.now_ms, "24h")
    query, drawn = latency.heatmap(View(), window, figure, None)
    rows = database.rows(query)
    truth: Counter[tuple[int, int]] = Counter()
    for call in store.seed.calls(window.start_ms, window.end_ms):
        if call[column]:
            step = math.floor(math.log2(float(call[column]) / unit) * latency.STEPS)
            truth[millis(call["timestamp"]) // drawn.bucket_ms * drawn.bucket_ms, step] += 1
    found = Counter({(int(row["bucket_ms"]), int(row["step"])): int(row["calls"]) for row in rows})
    # A value at the very edge of a step may fall to either side.
    assert sum((truth - found).values()) <= 2
    for palette in (LIGHT, DARK):
        alt.LayerChart.from_dict(
            charts.heatmap(rows, figure, drawn, UTC, palette, steps=latency.STEPS, box=_slow(store))
        )


def test_the_heatmap_of_many_calls_is_that_of_the_rollup(store: Seeded) -> None:
    """Whole hours; as many calls, and steps that are off by one at most."""
    window = ending_at(store.now_ms, "24h").outward(HOUR_MS)
    many, _ = latency.heatmap(View(), window, "latency", RAW_UP_TO + 1)
    few, _ = latency.heatmap(View(), window, "latency", None)
    assert many.name == "heatmap_hours"

    def steps(query: Any) -> Counter[int]:
        found: Counter[int] = Counter()
        for row in database.rows(query):
            found[int(row["step"])] += int(row["calls"])
        return found

    rollup, raw = steps(many), steps(few)
    assert sum(rollup.values()) == sum(raw.values()) > 0
    total = sum(rollup.values())
    for step in range(min(raw), max(raw) + 1):
        below = [sum(n for s, n in counts.items() if s <= step) for counts in (rollup, raw)]
        assert abs(below[0] - below[1]) <= 0.12 * total


def _slow(store: Seeded) -> Box:
    return Box(figure="latency", window=ending_at(store.now_ms, "24h"), low=1.5, high=1e5)


def test_what_sets_a_box_apart_is_found_and_leads_to_exactly_its_calls(store: Seeded) -> None:
    """Calls with an error are told from the others by their error; the link has as many as the box."""
    window = ending_at(store.now_ms, "24h")
    calls = store.seed.calls(window.start_ms, window.end_ms)
    drawn = _slow(store)
    counts = database.rows(latency.in_the_box(View(), window, drawn, None))[0]
    slow = [c for c in calls if c["duration_ns"] >= 1.5e9]
    assert (counts["calls"], counts["every"]) == (len(slow), len(calls))
    there = explain._inside(View(), drawn)
    assert database.rows(traces.matching(there, window))[0]["calls"] == len(slow)
    rows = database.rows(latency.standing_out(View(), window, drawn, None))
    for row in rows:
        assert int(row["met_now"]) + int(row["rest_now"]) <= len(calls)
    assert "Nothing stands out" in explain.sentence(explain.findings(counts, rows), len(slow), len(calls) - len(slow))


def test_a_planted_difference_is_told_in_a_sentence() -> None:
    counts = {"met_now": 1_000, "rest_now": 9_000}
    rows = [
        {"attribute": "prompt_version", "value": "v6 `x`", "met_now": 610, "rest_now": 360, "candidates": 4},
        {"attribute": "model", "value": "gpt-5", "met_now": 500, "rest_now": 4_510, "candidates": 3},
    ]
    found = explain.findings(counts, rows)
    assert [(one.attribute, one.value) for one in found] == [("prompt_version", "v6 `x`")]
    said = explain.sentence(found, 1_000, 9_000)
    assert re.match(r"\*\*61.0%\*\* of these 1,000 calls have prompt version .*, and 4.00% of the other 9,000\.", said)
    assert "too few" in explain.sentence([], 7, 100)


def test_failed_calls_are_counted_by_type(store: Seeded) -> None:
    window = ending_at(store.now_ms, "24h")
    rows = database.rows(latency.errors(View(), window, ()))
    failed = [c for c in store.seed.calls(window.start_ms, window.end_ms) if c["status_code"] == "ERROR"]
    assert sum(row["calls"] for row in rows) == len(failed)
    alt.LayerChart.from_dict(charts.failures(rows, sorted({row["what"] for row in rows}), window, UTC, DARK))


@pytest.mark.browser
@pytest.mark.processes
def test_a_box_that_is_dragged_is_explained_kept_and_left_by_back(browser: Browser, app: str, seeded: Seeded) -> None:
    """The address has the box: reload and Back know it."""
    now = datetime.fromtimestamp(seeded.now_ms / 1000, UTC)
    ends = (millis(now - timedelta(hours=24)), millis(now))
    with page_on(browser, app) as page:
        page.goto(f"{app}/latency?from={ends[0]}&to={ends[1]}")
        chart = page.locator(".st-key-chart_heatmap_latency").locator("canvas.marks, svg.marks").first
        expect(page.get_by_role("region", name="Calls by model").locator("tbody tr").first).to_be_visible()
        settled(page)
        place = chart.bounding_box()
        assert place is not None
        page.mouse.move(place["x"] + place["width"] * 0.2, place["y"] + place["height"] * 0.2)
        page.mouse.down()
        page.mouse.move(place["x"] + place["width"] * 0.9, place["y"] + place["height"] * 0.6, steps=5)
        page.mouse.up()
        expect(page).to_have_url(re.compile("sel=latency"))
        expect(page.get_by_role("heading", name="What sets these calls apart")).to_be_visible()
        expect(page.get_by_role("link", name="These calls")).to_be_visible()
        page.reload()
        expect(page.get_by_role("link", name="These calls")).to_be_visible()
        drawn = box.parse(re.sub(".*sel=([^&]*).*", r"\1", page.url).replace("%3A", ":"))
        assert drawn is not None
        page.get_by_role("link", name="These calls").click()
        expect(page).to_have_url(re.compile("/traces.*q="))
        store_says = [
            c
            for c in seeded.seed.calls(drawn.window.start_ms, drawn.window.end_ms)
            if drawn.low <= c["duration_ns"] / 1e9 < drawn.high
        ]
        expect(page.get_by_text(re.compile(rf"^{len(store_says):,} calls?$"))).to_be_visible()
        page.go_back()
        expect(page).to_have_url(re.compile("/latency.*sel=latency"))
        page.get_by_role("button", name="Clear the box").click()
        expect(page).not_to_have_url(re.compile("sel="))
        expect(page.get_by_role("heading", name="What sets these calls apart")).to_be_hidden()


def test_a_window_may_be_any(store: Seeded) -> None:
    """An empty one has no heatmap and no findings, and is no error."""
    window = Window(start_ms=1_000, end_ms=2_000)
    query, _ = latency.heatmap(View(), window, "cost", None)
    assert database.rows(query) == []
    assert database.rows(latency.in_the_box(View(), window, _slow(store), 5))[0]["calls"] == 0
