"""The Traces page: the filter as text, counts by value, the range dragged on the strip, what is downloaded."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from llmtrace_dashboards import database
from llmtrace_dashboards.charts import series as charts
from llmtrace_dashboards.exports import as_csv, exported
from llmtrace_dashboards.panels import narrow
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.queries import traces
from llmtrace_dashboards.server import SCRIPT
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import Window, ending_at
from llmtrace_dashboards.state.view import View
from llmtrace_dashboards.theme import LIGHT
from support.app import Seeded
from support.browser import page_on, settled
from support.seed import HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def opened(**params: str) -> AppTest:
    app = AppTest.from_file(str(SCRIPT), default_timeout=30)
    app._page_hash = calc_hash("traces")
    for name, value in params.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def at(start_ms: int, end_ms: int, zone: str = "UTC") -> Current:
    window = Window(start_ms=start_ms, end_ms=end_ms)
    return Current(view=View(), window=window, now_ms=end_ms, zone=ZoneInfo(zone), zone_name=zone, palette=LIGHT)


def test_a_filter_that_is_typed_becomes_the_address(store: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the view has a field for goes there, the rest into q; the box shows all of it."""
    monkeypatch.setattr(clock, "now_ms", lambda: store.now_ms)
    app = opened(user="ana")
    assert app.text_input(key="filter_text").value == "user:ana"
    app.text_input(key="filter_text").set_value("model:gpt-5 latency>1ms").run()
    assert not app.exception
    assert "user" not in app.query_params
    assert (app.query_params["model"], app.query_params["q"]) == ("gpt-5", "latency>0.001s")
    assert app.text_input(key="filter_text").value == "model:gpt-5 latency>0.001s"


def test_what_is_no_filter_gets_a_sentence_and_changes_nothing(store: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    """The typed text stays to be mended, and is drawn as text however hostile it is."""
    monkeypatch.setattr(clock, "now_ms", lambda: store.now_ms)
    app = opened(user="ana")
    wrong = f"latency>soon {HOSTILE[0]}"
    app.text_input(key="filter_text").set_value(wrong).run()
    assert not app.exception
    assert app.query_params["user"] == "ana"
    assert "q" not in app.query_params
    assert app.text_input(key="filter_text").value == wrong
    assert any("at character" in text.value for text in app.text)
    app.text_input(key="filter_text").set_value("").run()
    assert "user" not in app.query_params
    assert not any("at character" in text.value for text in app.text)


def test_counts_by_value_are_those_of_the_matching_spans(store: Seeded) -> None:
    """By the documents rather than by SQL; every value leads to as many spans as it counts."""
    window = ending_at(store.now_ms, "7d")
    rows = database.rows(traces.facets(View(model=("gpt-5",)), window))
    calls = store.seed.calls(window.start_ms, window.end_ms, model="gpt-5")
    for word, column in (("user", "user_id"), ("error", "error_type")):
        counted = Counter(call.get(column, "") for call in calls)
        found = {row["value"]: int(row["spans"]) for row in rows if row["word"] == word}
        assert found
        assert all(counted[value] == spans for value, spans in found.items())
    for row in rows:
        narrowed = View(model=("gpt-5",)).only(row["word"], row["value"])
        assert narrowed is not None
        again = database.rows(traces.facets(narrowed, window))
        assert {r["value"]: r["spans"] for r in again if r["word"] == row["word"]} == {row["value"]: row["spans"]}


@given(
    st.sampled_from(["model", "user", "error", "feature"]), st.text(min_size=1, max_size=40) | st.sampled_from(HOSTILE)
)
def test_any_value_can_be_narrowed_to(word: str, value: str) -> None:
    """It comes back as exactly that value, unless it has characters that no filter can have."""
    view = View().only(word, value)
    if view is None:
        assert not value.isprintable()
        return
    own = {"model": view.model, "user": view.user}.get(word, ())
    assert own == (value,) or [term.texts for term in view.terms] == [(value,)]


@given(st.integers(0, 4_000_000_000_000), st.integers(2_000, 10**9), st.floats(-0.5, 1.5), st.floats(-0.5, 1.5))
def test_a_range_that_is_dragged_lies_within_that_of_the_page(start: int, length: int, one: float, two: float) -> None:
    """Or is none, when it is too narrow."""
    current = at(start, start + length)
    ends = [charts.wall(start, current.zone) + length * share for share in (one, two)]
    new = narrow.dragged(ends, current)
    if new is not None:
        assert start <= new.start_ms < new.end_ms <= start + length
    else:
        low, high = (min(max(share, 0.0), 1.0) * length for share in sorted((one, two)))
        assert high - low < 1_002


def test_a_download_has_a_line_for_each_row_and_no_formulas(store: Seeded) -> None:
    """A spreadsheet must not run what a user is called."""
    window = ending_at(store.now_ms, "24h")
    rows = database.rows(traces.page(View(), window))[: traces.PAGE]
    rows[0] = rows[0] | {"root": "=HYPERLINK(1)", "user": "@SUM(A1)"}
    read = list(csv.DictReader(io.StringIO(as_csv([exported(row) for row in rows]))))
    assert [line["trace_id"] for line in read] == [row["trace_id"] for row in rows]
    assert (read[0]["root"], read[0]["user"]) == ("'=HYPERLINK(1)", "'@SUM(A1)")


@pytest.mark.browser
@pytest.mark.processes
def test_the_page_is_narrowed_by_text_by_value_and_by_dragging(browser: Browser, app: str, store: Seeded) -> None:
    """One journey: a filter by Enter, a value of the counts, a range on the strip."""
    with page_on(browser, app) as page:
        page.set_viewport_size({"width": 1440, "height": 1000})
        page.goto(f"{app}/traces")
        box = page.get_by_label("Filter", exact=True)
        box.fill("model:gpt-5")
        box.press("Enter")
        expect(page).to_have_url(re.compile(r"model=gpt-5"))
        settled(page)
        page.get_by_text("Counts by value").click()
        page.get_by_role("region", name="Spans by status").get_by_role("link", name="error").click()
        expect(page).to_have_url(re.compile(r"status=error"))
        expect(box).to_have_value(re.compile("status:error"))
        settled(page)
        place = page.locator(".st-key-chart_strip").locator("canvas.marks, svg.marks").first.bounding_box()
        assert place
        before = page.url
        page.mouse.move(place["x"] + place["width"] * 0.4, place["y"] + place["height"] * 0.6)
        page.mouse.down()
        page.mouse.move(place["x"] + place["width"] * 0.9, place["y"] + place["height"] * 0.6, steps=5)
        page.mouse.up()
        expect(page).not_to_have_url(before)
        was, now = (re.search(r"from=(\d+)&to=(\d+)", url) for url in (before, page.url))
        assert was
        assert now
        assert int(was[1]) < int(now[1]) < int(now[2]) < int(was[2])
