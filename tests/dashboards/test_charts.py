"""Chart specifications are complete, finite and say the same as the rows."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace_dashboards.charts import series
from llmtrace_dashboards.state.ranges import RELATIVE, ending_at
from llmtrace_dashboards.theme import DARK, LIGHT, Palette

BERLIN = ZoneInfo("Europe/Berlin")
NOW_MS = 1_795_355_000_000


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    window = ending_at(NOW_MS, draw(st.sampled_from(sorted(RELATIVE))))
    found = []
    for n in draw(st.lists(st.integers(0, 119), unique=True, max_size=5)):
        errors = draw(st.integers(0, 9))
        spent = draw(st.decimals(0, 10**6, places=12, allow_nan=False))
        times = sorted(draw(st.lists(st.integers(0, 10**12), min_size=3, max_size=3)))
        found.append(
            {
                "bucket_ms": window.start_ms // window.bucket_ms * window.bucket_ms + n * window.bucket_ms,
                "errors": errors,
                "calls": errors + draw(st.integers(0, 9)),
                "unpriced": 0,
                "cost_usd": Decimal(spent),
            }
            | dict(zip(("p50_ns", "p95_ns", "p99_ns"), times, strict=True))
        )
    return found


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("draw", [series.calls, series.spend, series.latency])
def test_a_spec_is_valid_and_finite(draw: Any, palette: Palette) -> None:
    @settings(max_examples=10, deadline=None)
    @given(rows(), st.sampled_from(sorted(RELATIVE)))
    def holds(found: list[dict[str, Any]], relative: str) -> None:
        spec = draw(found, ending_at(NOW_MS, relative), BERLIN, palette)
        json.dumps(spec, allow_nan=False)
        alt.LayerChart.from_dict(spec)

    holds()


def test_the_bars_of_a_bucket_stack_to_its_calls() -> None:
    window = ending_at(NOW_MS, "24h")
    row = {"bucket_ms": NOW_MS // window.bucket_ms * window.bucket_ms, "errors": 2, "calls": 7}
    spec = series.calls([row], window, BERLIN, LIGHT)
    ok, failed = spec["datasets"]["bars"]
    assert (failed["low"], failed["high"], ok["low"], ok["high"]) == (0, 2, 2, 7)


def test_no_rows_make_no_broken_axis() -> None:
    json.dumps(series.latency([], ending_at(NOW_MS, "1h"), BERLIN, LIGHT), allow_nan=False)
