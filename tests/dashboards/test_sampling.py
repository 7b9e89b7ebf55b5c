"""Sampled calls: figures say what all calls were, and a caption says that they are an estimate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from llmtrace_collector.schema.migrate import migrate
from llmtrace_dashboards import database
from llmtrace_dashboards.queries import calls, traces
from llmtrace_dashboards.server import SCRIPT
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import ending_at
from llmtrace_dashboards.state.view import View
from support.app import owner
from support.seed import millis
from support.services import stack_at

QUARTER = "ot=th:c"
"""One of four is kept."""


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Port of a store with three calls kept of about twelve, and one of an app that keeps all; and the time."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    names = ["project", "timestamp", "trace_id", "model", "is_call", "status_code", "trace_state", "input_tokens",
             "output_tokens", "cost_usd", "duration_ns", "received_at"]  # fmt: skip
    at = now - timedelta(hours=1)
    rows: list[list[Any]] = [
        ["part", at, "1" * 32, "m", True, "UNSET", QUARTER, 100, 10, Decimal("0.000123"), 10**9, at],
        ["part", at, "2" * 32, "m", True, "UNSET", QUARTER, None, None, None, 10**9, at],
        ["part", at, "3" * 32, "m", True, "ERROR", QUARTER, None, None, None, 10**9, at],
        ["whole", at, "4" * 32, "m", True, "UNSET", "", 100, 10, Decimal("0.000123"), 10**9, at],
    ]
    with stack_at(tmp_path_factory.mktemp("sampled")) as stack:
        stack.store()
        client = owner(stack)
        migrate(client)
        client.insert("spans", rows, column_names=names)
        yield stack.store_port, millis(now)


@pytest.fixture
def now_ms(sampled: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> int:
    database.use(database.Address(port=sampled[0]))
    monkeypatch.setattr(clock, "now_ms", lambda: sampled[1])
    return sampled[1]


CORRECTED = {"stored": 3, "calls": 12, "errors": 4, "unpriced": 4, "cost_usd": Decimal("0.000492")}


@pytest.mark.parametrize("relative", ["24h", "30d"])
def test_totals_and_series_are_corrected_from_spans_and_from_the_rollup(now_ms: int, relative: str) -> None:
    view, window = View(project="part"), ending_at(now_ms, relative)
    (total,) = database.rows(calls.totals(view, window))
    assert {key: total[key] for key in CORRECTED} == CORRECTED
    assert (total["input_tokens"], total["output_tokens"]) == (400, 40)
    (bucket,) = database.rows(calls.series(view, window))
    assert {key: bucket[key] for key in CORRECTED} == CORRECTED


def test_models_are_corrected(now_ms: int) -> None:
    (model,) = database.rows(calls.by_model(View(project="part"), ending_at(now_ms, "24h")))
    assert {key: model[key] for key in CORRECTED} == CORRECTED


def test_the_list_counts_what_is_there(now_ms: int) -> None:
    found = database.rows(traces.matching(View(project="part"), ending_at(now_ms, "24h")))[0]
    assert (found["calls"], found["calls_made"], found["cost_usd"]) == (3, 12, Decimal("0.000123"))


def _said(path: str, **params: str) -> str:
    app = AppTest.from_file(str(SCRIPT), default_timeout=30)
    if path:
        app._page_hash = calc_hash(path)
    for name, value in params.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return "\n".join(str(each.value) for kind in ("markdown", "caption") for each in app.get(kind))


@pytest.mark.parametrize("relative", ["24h", "30d"])
def test_the_overview_says_which_share_of_the_calls_is_stored(now_ms: int, relative: str) -> None:
    assert "sampled: 25.0% of calls stored; counts and sums are corrected" in _said("", p="part", r=relative)


def test_the_list_of_traces_says_it_too(now_ms: int) -> None:
    assert "sampled: 25.0% of about 12 calls stored" in _said("traces", p="part")


@pytest.mark.parametrize("path", ["", "traces"])
def test_nothing_is_said_where_every_call_is_stored(now_ms: int, path: str) -> None:
    assert "sampled" not in _said(path, p="whole")
