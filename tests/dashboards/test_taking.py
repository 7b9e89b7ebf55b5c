"""What can be taken away of a panel: rows as CSV and Parquet, the SQL, a picture of its charts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from playwright.sync_api import expect

from llmtrace_dashboards import database
from llmtrace_dashboards.exports import as_csv, as_parquet
from llmtrace_dashboards.panels.taking import as_sql
from llmtrace_dashboards.queries import calls
from llmtrace_dashboards.queries.query import Query
from llmtrace_dashboards.state.ranges import ending_at
from llmtrace_dashboards.state.view import View
from support.app import Seeded
from support.browser import page_on, settled

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

VALUES = (
    st.none()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**20), max_value=10**20)
    | st.datetimes(timezones=st.just(UTC))
    | st.lists(st.text(max_size=5), max_size=3)
    | st.dictionaries(st.text(max_size=5), st.integers(), max_size=3)
)


@given(st.lists(st.fixed_dictionaries({"a": VALUES, "b": VALUES}), min_size=1, max_size=5))
def test_any_rows_can_be_written(rows: list[dict[str, Any]]) -> None:
    """Whatever is in them, mixed as it may be: as many come back."""
    assert pq.read_table(io.BytesIO(as_parquet(rows))).num_rows == len(rows)
    assert len(list(csv.reader(io.StringIO(as_csv(rows), newline="")))) == len(rows) + 1


def test_figures_keep_their_types_in_parquet() -> None:
    rows = [
        {"usd": Decimal("0.000000910000"), "at": datetime(2026, 3, 1, tzinfo=UTC), "n": 2**63 - 1, "tags": {"a": 1}},
        {"usd": Decimal("12.5"), "at": datetime(2026, 3, 2, tzinfo=UTC), "n": None, "tags": {}},
    ]
    read = pq.read_table(io.BytesIO(as_parquet(rows))).to_pylist()
    assert [row["usd"] for row in read] == [row["usd"] for row in rows]
    assert [row["at"] for row in read] == [row["at"] for row in rows]
    assert [row["n"] for row in read] == [2**63 - 1, None]
    assert json.loads(read[0]["tags"]) == {"a": 1}


def test_what_holds_more_than_one_value_is_one_field_of_csv() -> None:
    row = {"models": ["a", "b"], "tags": {"k": "=1"}, "usd": Decimal("0.50"), "name": "=1+1"}
    assert as_csv([row]).splitlines()[1] == '"a, b","{""k"": ""=1""}",0.5,\'=1+1'


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    from chdb import session

    with session.Session() as running:
        yield running


@given(
    text=st.text(st.characters(codec="utf-8"), max_size=20)
    | st.sampled_from(["\\", "'", "\\'", "a\nb\tc", "\\N", "\0"]),
    many=st.lists(st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(["'", "\\", "], ["]), max_size=4),
    number=st.integers(-(2**63), 2**63 - 1),
)
def test_the_sql_that_is_shown_asks_for_the_same_values(engine: Any, text: str, many: list[str], number: int) -> None:
    """Its parameters, set in ClickHouse itself, are what was bound."""
    query = Query(name="size", params={"text": text, "many": many, "number": number, "end_ms": 0})
    given, _, _ = as_sql(query).partition("\n-- ")
    names = "{text:String} AS text, {many:Array(String)} AS many, {number:Int64} AS number"
    form = "SETTINGS output_format_json_quote_64bit_integers = 0"
    found = json.loads(engine.query(f"{given}\nSELECT {names} {form}", "JSONCompactEachRow").bytes())
    assert found == [text, many, number]


def test_the_queries_of_a_panel_are_noted_though_another_has_asked_them(store: Seeded) -> None:
    """And of panels within panels each knows its own."""
    one, two = (calls.totals(View(), ending_at(store.now_ms, word)) for word in ("1h", "24h"))
    with database.noting() as outer:
        database.rows(one)
        with database.noting() as inner:
            database.rows(two)
        database.note(inner)
    assert inner == [two]
    assert outer == [one, two]


@pytest.mark.browser
@pytest.mark.processes
def test_a_panel_is_taken_away_as_picture_and_as_files(
    browser: Browser, app: str, store: Seeded, tmp_path: Path
) -> None:
    """The picture has colours of the chart, CSV and Parquet the same rows, and the SQL names its query's parameters."""
    with page_on(browser, app) as page:
        page.set_viewport_size({"width": 1440, "height": 1000})
        page.goto(app)
        settled(page)
        panel = page.locator(".st-key-panel_spend_chart")
        panel.get_by_test_id("stVegaLiteChart").hover()
        with page.expect_download() as told:
            panel.get_by_role("button", name="Download as PNG").click()
        told.value.save_as(tmp_path / "chart.png")
        with Image.open(tmp_path / "chart.png") as image:
            assert image.width > 400
            colours = image.convert("RGB").getcolors(2**24)
        assert colours
        assert (0x0B, 0x62, 0xC4) in {colour for _, colour in colours}
        panel.get_by_role("button", name="Export").click()
        files = {}
        for kind in ("CSV", "Parquet"):
            with page.expect_download() as told:
                page.get_by_role("button", name=kind, exact=True).click()
            told.value.save_as(tmp_path / kind)
            files[kind] = told.value.suggested_filename
        expect(page.get_by_text("param_start_ms")).to_be_visible()
    read = pq.read_table(tmp_path / "Parquet")
    lines = list(csv.DictReader(io.StringIO((tmp_path / "CSV").read_text(encoding="utf-8"))))
    assert read.num_rows == len(lines) > 1
    assert [line["calls"] for line in lines] == [str(row["calls"]) for row in read.to_pylist()]
    assert files["CSV"].startswith("figures_raw-")
