"""`llmtrace query`: what the app's Traces page shows, at the terminal."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from llmtrace.cli import main
from llmtrace_dashboards import database
from llmtrace_dashboards.queries import traces
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import ending_at
from llmtrace_dashboards.state.view import View, parse
from support.app import Seeded

FILTERS = ("", "latency>1s model:gpt-5* is:call", "status:error", "-has:cost is:call user:ana,bo", "is:error sort")


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch, seeded: Seeded) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: seeded.now_ms)


def query(store: Seeded, *words: str) -> int:
    return main(["query", *words, "--clickhouse", store.stack.store_url])


@pytest.mark.parametrize("text", FILTERS)
@pytest.mark.parametrize("sort", ["newest", "slowest", "dearest"])
@pytest.mark.parametrize("grain", ["trace", "span"])
def test_the_rows_are_those_of_the_app(store: Seeded, text: str, sort: str, grain: str, capsys: Any) -> None:
    """The same traces or spans, in the same order."""
    assert query(store, text, "--sort", sort, "--grain", grain, "--format", "json") == 0
    found = [json.loads(line)[f"{grain}_id"] for line in capsys.readouterr().out.splitlines()]
    view = View(sort=sort, grain=grain).asking(text)
    window = ending_at(store.now_ms, "24h")
    page: list[dict[str, Any]] = []
    for each in traces.pages(view, window):
        page = database.rows(each)
        if len(page) > traces.PAGE:
            break
    assert found == [row[f"{grain}_id"] for row in page[: traces.PAGE]]
    assert found or "sort" in text


def test_more_than_a_page_of_spans_is_all_of_them_from_the_newest_on(store: Seeded, capsys: Any) -> None:
    """Page after page each once, those of one instant too."""
    assert query(store, "model:gpt-5", "--grain", "span", "--limit", "1000", "--format", "json", "--last", "7d") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    expected = [s for s in store.seed.spans if s["model"] == "gpt-5"]
    assert len(expected) > 2 * traces.PAGE
    assert {row["span_id"] for row in rows} == {s["span_id"] for s in expected}
    assert [row["started"] for row in rows] == sorted((row["started"] for row in rows), reverse=True)


def test_more_than_a_page_has_each_trace_once(store: Seeded, capsys: Any) -> None:
    assert query(store, "--limit", "1000", "--format", "json", "--last", "7d") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len({row["trace_id"] for row in rows}) == len(rows) == 300
    assert [row["trace_id"] for row in rows] != sorted(row["trace_id"] for row in rows)


def test_tables_and_csv_are_fit_for_terminals_and_spreadsheets(store: Seeded, capsys: Any) -> None:
    assert query(store, "user:ana", "--limit", "3") == 0
    table = capsys.readouterr().out
    head = ["STARTED", "TRACE", "NAME", "SECONDS", "CALLS", "ERRORS", "US$", "USER", "MODELS"]
    assert table.splitlines()[0].split() == head
    assert len(table.splitlines()) == 4
    assert "\x1b" not in table
    assert query(store, "user:ana", "--limit", "3", "--format", "csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["user"] for row in rows] == ["ana"] * 3
    assert query(store, "user:nobody") == 0
    assert capsys.readouterr().out == "nothing matches\n"


def test_the_address_of_the_same_in_the_app(store: Seeded, capsys: Any) -> None:
    assert query(store, "latency>3s user:ana", "--last", "6h", "--url", "--app", "https://llm.example.com/") == 0
    address = urlsplit(capsys.readouterr().out.strip())
    assert (address.netloc, address.path) == ("llm.example.com", "/traces")
    view, notices = parse(parse_qs(address.query))
    assert not notices
    assert (view.q, view.user, view.window) == ("latency>3s", ("ana",), ending_at(store.now_ms, "6h"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["modle:x"], 'There is no word "modle"; did you mean "model"? (at character 1)\n  modle:x\n  ^'),
        (["is:call latency>fast"], "is:call latency>fast\n                  ^"),
        (["--from", "2026-01-01"], "write both --from and --to"),
        (["--from", "x", "--to", "y"], '--from: "x" is not a time'),
        (["--from", "2026-01-02", "--to", "2026-01-01"], "--to must lie after --from"),
        (["--limit", "0"], "--limit: 0 is not between 1 and 1000"),
        (["--clickhouse", "ftp://x"], "is not a ClickHouse URL"),
    ],
)
def test_a_mistake_is_one_sentence_and_code_2(store: Seeded, words: list[str], told: str, capsys: Any) -> None:
    options = words if "--clickhouse" in words else [*words, "--clickhouse", store.stack.store_url]
    assert main(["query", *options]) == 2
    assert told in capsys.readouterr().err


def test_a_store_that_does_not_answer_is_code_1(capsys: Any) -> None:
    assert main(["query", "--clickhouse", "http://127.0.0.1:9"]) == 1
    assert "does not answer" in capsys.readouterr().err
