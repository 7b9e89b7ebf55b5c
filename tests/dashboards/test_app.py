"""The script without a browser: every page, any URL, a store that is away."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.server import SCRIPT
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import ending_at
from support.app import Seeded
from support.services import free_ports

PAGES = ("", "spend", "latency", "quality", "traces", "trace", "alerts", "health")


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch, seeded: Seeded) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: seeded.now_ms)


def run(path: str = "", **params: Any) -> AppTest:
    """The page at `path` with these query parameters, after one run."""
    app = AppTest.from_file(str(SCRIPT), default_timeout=30)
    if path:
        app._page_hash = calc_hash(path)  # AppTest's own way there takes file names, and our pages are functions
    for name, value in params.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def said(app: AppTest) -> str:
    """All text of a page."""
    pieces = [e.value for kind in ("markdown", "caption", "text", "warning") for e in app.get(kind)]
    return "\n".join(str(piece) for piece in pieces)


def test_the_overview_shows_the_figures_of_the_seeded_day(store: Seeded) -> None:
    app = run()
    window = ending_at(store.now_ms, "24h")
    calls = store.seed.calls(window.start_ms, window.end_ms)
    shown = metrics(app)
    assert shown["Calls"] == figures.count(len(calls))
    assert shown["Spend, US$"] == figures.money(sum(c["cost_usd"] for c in calls if c["cost_usd"] is not None))
    assert shown["Error rate"] == figures.percent(sum(c["status_code"] == "ERROR" for c in calls) / len(calls))
    unpriced = sum(c["cost_usd"] is None and c["status_code"] != "ERROR" for c in calls)
    assert f"{unpriced} calls without a known price" in said(app)
    assert "1 alert firing" in said(app)


def test_filters_of_the_url_narrow_the_figures(store: Seeded) -> None:
    window = ending_at(store.now_ms, "7d")
    calls = store.seed.calls(window.start_ms, window.end_ms, user_id="ana", model="gpt-5")
    assert metrics(run(r="7d", user="ana", model="gpt-5"))["Calls"] == figures.count(len(calls))


def test_only_unpriced_calls_have_no_known_price_rather_than_zero_dollars(store: Seeded) -> None:
    assert metrics(run(model="local-llama"))["Spend, US$"] == figures.NO_PRICE


def test_a_range_is_picked_and_stands_in_the_url(store: Seeded) -> None:
    app = run(model="gpt-5")
    app.segmented_control[0].select("7d").run()
    assert app.query_params["r"] == "7d"
    assert app.query_params["model"] == "gpt-5"
    assert not app.exception


def test_a_custom_range_is_applied_in_the_chosen_zone(store: Seeded) -> None:
    app = run("traces", tz="Asia/Kolkata", model="gpt-5")
    for field, day in zip(app.date_input, (date(2026, 3, 1), date(2026, 3, 2)), strict=True):
        field.set_value(day)
    for field in app.time_input:
        field.set_value(time(5, 30))
    next(b for b in app.button if b.label == "Apply").click().run()
    assert not app.exception
    ends = [datetime(2026, 3, day, tzinfo=UTC).timestamp() * 1000 for day in (1, 2)]
    assert [float(app.query_params[name]) for name in ("from", "to")] == ends
    assert app.query_params["model"] == "gpt-5"


def test_a_chip_takes_its_filter_away(store: Seeded) -> None:
    app = run(user="ana", model="gpt-5")
    app.button(key="chip_user_ana").click().run()
    assert "user" not in app.query_params
    assert app.query_params["model"] == "gpt-5"


def test_an_empty_range_says_when_the_last_span_was_and_shows_more(store: Seeded) -> None:
    app = run("traces", **{"from": "1600000000000", "to": "1600003600000"})
    assert "Nothing in this range" in said(app)
    assert "The last span was" in said(app)
    app.button(key="show_wider").click().run()
    assert "240 traces" in said(app) or "trace" in said(app)
    assert "from" not in app.query_params


def test_a_bad_link_falls_back_with_a_notice(store: Seeded) -> None:
    app = run(r="bogus", **{"from": "later"})
    assert "was not understood" in said(app)
    assert int(metrics(app)["Calls"]) > 0


@pytest.mark.parametrize("path", PAGES)
def test_a_store_that_is_away_is_a_sentence_in_each_panel(path: str) -> None:
    database.use(database.Address(port=free_ports(1)[0]))
    app = run(path, trace_id="ab" * 16)
    assert "does not answer" in said(app)
    assert any(button.label == "Retry" for button in app.button)
    assert not app.error


def test_an_unknown_trace_says_so(store: Seeded) -> None:
    assert "No span of this trace is kept" in said(run("trace", trace_id="ab" * 16))


def test_a_trace_shows_its_facts(store: Seeded) -> None:
    trace_id = store.seed.span_content[0]["trace_id"]
    spans = [s for s in store.seed.spans if s["trace_id"] == trace_id]
    shown = metrics(run("trace", trace_id=trace_id))
    assert shown["Calls / spans"] == f"{sum(s['is_call'] for s in spans)} / {len(spans)}"
    assert shown["Errors"] == str(sum(s["status_code"] == "ERROR" for s in spans))


hostile = st.text(max_size=40) | st.sampled_from(
    ["'); DROP TABLE spans --", "<script>alert(1)</script>", "![x](http://evil.example)", "$\\frac{1}{0}$", "\\"]
)
words = st.sampled_from(
    [
        "p",
        "r",
        "from",
        "to",
        "tz",
        "env",
        "svc",
        "model",
        "user",
        "status",
        "sort",
        "before",
        "trace_id",
        "span",
        "live",
    ]
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(PAGES), params=st.dictionaries(words, hostile, max_size=4))
def test_no_url_breaks_a_page(store: Seeded, path: str, params: dict[str, str]) -> None:
    run(path, **params)
