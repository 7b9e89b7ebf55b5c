"""The SQL, on the real engine through the real door, against the truth computed from the seeded rows."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmtrace.filters import FIELDS, FLAGS
from llmtrace_dashboards import database
from llmtrace_dashboards.queries import alerts, calls, search, sources, surroundings, traces
from llmtrace_dashboards.queries.query import Query
from llmtrace_dashboards.state.ranges import DAY_MS, HOUR_MS, MINUTE_MS, Window, ending_at
from llmtrace_dashboards.state.view import View, parse
from support.app import Seeded
from support.seed import USERS, millis

Calls = list[dict[str, Any]]
VIEWS = (
    View(),
    View(model=("gpt-5",)),
    View(user=(USERS[3],), model=("gpt-5", "gpt-5-mini")),
    View(status=("error",)),
    View(status=("ok",), env=("production",), svc=("assistant",)),
    View(user=(USERS[4],)),
    View(project="no such project"),
)


def of(view: View, found: Calls) -> Calls:
    """The calls a view's filters mean, by the documents rather than by SQL."""
    return [
        c
        for c in found
        if view.project in {"", c["project"]}
        and (not view.model or c["model"] in view.model)
        and (not view.user or c["user_id"] in view.user)
        and (not view.svc or c["service_name"] in view.svc)
        and (not view.env or c["environment"] in view.env)
        and (not view.status or ("error" if c["status_code"] == "ERROR" else "ok") in view.status)
    ]


HAVING = (
    ("error_type:RateLimitError", lambda c: c["error_type"] == "RateLimitError"),
    ("finish_reason:stop", lambda c: "stop" in c["finish_reasons"]),
    ("server:api.openai.com", lambda c: c["attributes"]["server.address"] == "api.openai.com"),
    ("stream:yes", lambda c: c["stream"]),
    ("session:s7", lambda c: c["session_id"] == "s7"),
    ("unpriced:yes", lambda c: c["status_code"] != "ERROR" and c["cost_usd"] is None),
    ("latency_above:1.5", lambda c: c["duration_ns"] > 1_500_000_000),
    ("input_tokens_per_call_above:5000", lambda c: (c["input_tokens"] or 0) > 5000),
    ("cost_per_call_above:0.01", lambda c: (c["cost_usd"] or 0) > Decimal("0.01")),
    ("time_to_first_token_above:0.5", lambda c: (c["time_to_first_token_ns"] or 0) > 500_000_000),
)


@pytest.mark.parametrize(("word", "holds"), HAVING, ids=[word for word, _ in HAVING])
def test_calls_that_have_what_the_address_says_are_those_that_match(
    store: Seeded, word: str, holds: Callable[[dict[str, Any]], bool]
) -> None:
    """What explanations link by: a value, a condition or a limit, of calls alone, whatever the number of spans."""
    window, view = ending_at(store.now_ms, "24h"), parse({"has": [word]})[0]
    found = [c for c in store.seed.calls(window.start_ms, window.end_ms) if holds(c)]
    row = database.rows(traces.matching(view, window, 10_000_000))[0]
    assert (row["calls"], row["spans"]) == (len(found), len(found))
    assert found
    totals = {r["period"]: r for r in database.rows(calls.totals(view, window, 10_000_000))}
    assert totals["now"]["calls"] == len(found)


NOBODY = [
    f"{word}:nobody" for word, known in FIELDS.items() if not known.kind.numeric and word not in {"status", "stream"}
]
SOME = [
    ("latency>1.5s", lambda c: c["duration_ns"] > 1_500_000_000),
    ("latency<=900ms", lambda c: c["duration_ns"] <= 900_000_000),
    ("-model:gpt-5", lambda c: c["model"] != "gpt-5"),
    ("model:gpt-5*", lambda c: c["model"].startswith("gpt-5")),
    ("model:gpt_5*", lambda _: False),
    (f'user:"{USERS[3]}",bo', lambda c: c["user_id"] in {USERS[3], "bo"}),
    ("is:error,stream", lambda c: c["status_code"] == "ERROR" or c["stream"]),
    ("-is:unpriced", lambda c: c["status_code"] == "ERROR" or c["cost_usd"] is not None),
    ("finish:st*", lambda c: any(f.startswith("st") for f in c["finish_reasons"])),
    ("-has:cost", lambda c: c["cost_usd"] is None),
    (
        "tokens>=9k",
        lambda c: (c["input_tokens"] or 0) + (c["output_tokens"] or 0) >= 9000 and c["input_tokens"] is not None,
    ),
    ("-cost>0.01", lambda c: not (c["cost_usd"] or 0) > Decimal("0.01")),
    ("attr.server.address:api.openai.com", lambda c: c["attributes"].get("server.address") == "api.openai.com"),
    ("attr.server.address>3", lambda _: False),
    ("resource.service.name:index*", lambda c: c["service_name"] == "indexer"),
    (r'user:"%"', lambda _: False),
]


@pytest.mark.parametrize(("text", "holds"), SOME, ids=[text for text, _ in SOME])
def test_a_filter_means_the_calls_it_says(store: Seeded, text: str, holds: Callable[[dict[str, Any]], bool]) -> None:
    """Every figure of the app is of exactly those calls, whatever the number of spans."""
    window, view = ending_at(store.now_ms, "24h"), View().asking(f"{text} is:call")
    found = [c for c in store.seed.calls(window.start_ms, window.end_ms) if holds(c)]
    assert database.rows(traces.matching(view, window, 10_000_000))[0]["calls"] == len(found)
    totals = {r["period"]: r for r in database.rows(calls.totals(view, window, 10_000_000))}
    assert totals.get("now", {"calls": 0})["calls"] == len(found)
    assert database.rows(traces.matching(View().asking(text), window))[0]["calls"] == len(found)


def test_words_of_a_filter_are_looked_for_in_captured_text(store: Seeded) -> None:
    """Like the search, but as one condition among others."""
    window = ending_at(store.now_ms, "24h")
    hits = {(row["trace_id"], row["span_id"]) for row in database.rows(search.search(View(), window, "no play"))}
    assert hits
    for text in ('"no play"', "PLAY work", 'play is:call "all work"'):
        assert database.rows(traces.matching(View().asking(text), window))[0]["spans"] == len(hits)
    everything = database.rows(traces.matching(View(), window))[0]["spans"]
    assert database.rows(traces.matching(View().asking('-"no play"'), window))[0]["spans"] == everything - len(hits)


@pytest.mark.parametrize(
    "text",
    [
        *NOBODY,
        *(f"is:{flag}" for flag in FLAGS),
        *(f"has:{word}" for word in FIELDS),
        "score.good>0.5",
        "-score.good:bad",
    ]
    + [f"{word}>1" for word, known in FIELDS.items() if known.kind.numeric]
    + ["feedback.thumb:up,1", "score.a-b/c<=1 latency>1"],
)
def test_every_word_is_understood_by_the_engine(store: Seeded, text: str) -> None:
    """No word of the catalogue is an error of SQL, and none makes figures of what nobody has."""
    row = database.rows(traces.matching(View().asking(text), ending_at(store.now_ms, "24h")))[0]
    assert not (row["spans"] and text in NOBODY)


def total(found: Calls) -> dict[str, Any]:
    priced = [c["cost_usd"] for c in found if c["cost_usd"] is not None]
    return {
        "calls": len(found),
        "errors": sum(c["status_code"] == "ERROR" for c in found),
        "unpriced": sum(c["status_code"] != "ERROR" and c["cost_usd"] is None for c in found),
        "cost_usd": sum(priced, Decimal(0)),
    }


def exact_quantile(values: list[int], level: float) -> int:
    """ClickHouse's quantileExact: the element at floor(level * n)."""
    return sorted(values)[int(level * len(values))]


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_totals_of_a_day_are_those_of_its_calls(store: Seeded, view: View) -> None:
    window = ending_at(store.now_ms, "24h")
    rows = {row["period"]: row for row in database.rows(calls.totals(view, window))}
    for period, where in (("now", window), ("before", window.before)):
        truth = total(of(view, store.seed.calls(where.start_ms, where.end_ms)))
        row = rows.get(period, {"calls": 0, "errors": 0, "unpriced": 0, "cost_usd": None})
        assert {key: row[key] or 0 for key in truth} == truth


@pytest.mark.parametrize("view", [View(), View(model=("gpt-5",)), View(user=(USERS[0],))], ids=str)
def test_a_month_from_the_rollup_equals_the_month_from_spans(store: Seeded, view: View) -> None:
    window = ending_at(store.now_ms, "30d")
    query = calls.totals(view, window)
    assert query.name == "totals_rollup"
    row = {r["period"]: r for r in database.rows(query)}["now"]
    whole = window.outward(MINUTE_MS)
    truth = total(of(view, store.seed.calls(whole.start_ms, whole.end_ms)))
    assert {key: row[key] for key in truth} == truth


def test_filters_the_rollup_does_not_know_go_to_spans(store: Seeded) -> None:
    view, window = View(env=("staging",)), ending_at(store.now_ms, "30d")
    assert calls.totals(view, window).name == "totals_raw"
    row = {r["period"]: r for r in database.rows(calls.totals(view, window))}["now"]
    assert row["calls"] == len(of(view, store.seed.calls(window.start_ms, window.end_ms)))


@pytest.mark.parametrize("relative", ["24h", "30d"])
def test_the_buckets_of_a_series_add_up_to_the_total(store: Seeded, relative: str) -> None:
    window = ending_at(store.now_ms, relative)
    query = calls.series(View(), window)
    assert query.params["bucket_ms"] == window.bucket_ms
    rows = database.rows(query)
    truth = total(store.seed.calls(window.start_ms, window.end_ms))
    assert {key: sum(row[key] for row in rows) for key in truth} == truth
    assert all(row["bucket_ms"] % window.bucket_ms == 0 for row in rows)


def test_percentiles_are_exact(store: Seeded) -> None:
    window = ending_at(store.now_ms, "24h")
    found = store.seed.calls(window.start_ms, window.end_ms)
    row = {r["period"]: r for r in database.rows(calls.latency_totals(View(), window))}["now"]
    waits = [c["time_to_first_token_ns"] for c in found if c["time_to_first_token_ns"] is not None]
    assert row["p95_ns"] == exact_quantile([c["duration_ns"] for c in found], 0.95)
    assert row["ttft_p95_ns"] == exact_quantile(waits, 0.95)


def test_models_and_what_is_not_reported(store: Seeded) -> None:
    window = ending_at(store.now_ms, "24h")
    rows = database.rows(calls.by_model(View(), window))
    assert [r["model"] for r in rows][-1] == "local-llama"
    for row in rows:
        found = store.seed.calls(window.start_ms, window.end_ms, model=row["model"])
        assert {k: row[k] or 0 for k in ("calls", "errors", "unpriced", "cost_usd")} == total(found)
    assert rows[-1]["cost_usd"] is None  # no price is known: not zero dollars


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_the_list_of_traces_pages_through_every_matching_trace_once(store: Seeded, view: View) -> None:
    window = ending_at(store.now_ms, "7d")
    spans = [s for s in of(view, store.seed.spans) if window.start_ms <= millis(s["timestamp"]) < window.end_ms]
    newest = {s["trace_id"]: max(x["timestamp"] for x in spans if x["trace_id"] == s["trace_id"]) for s in spans}
    wanted = sorted(newest, key=lambda t: (newest[t], t), reverse=True)
    seen: list[str] = []
    for _ in range(20):
        rows = database.rows(traces.page(view, window))
        seen += [r["trace_id"] for r in rows[: traces.PAGE]]
        if len(rows) <= traces.PAGE:
            break
        last = rows[traces.PAGE - 1]
        view = View(**{**vars(view), "before": f"{last['newest_ns']}-{last['trace_id']}"})
    assert seen == wanted
    found = database.rows(traces.matching(View(**{**vars(view), "before": ""}), window))[0]
    truth = total([s for s in spans if s["is_call"]])
    assert found["traces"] == len(wanted)
    assert {key: found[key] or 0 for key in truth} == truth


def test_a_trace_in_the_list_is_told_as_a_whole(store: Seeded) -> None:
    window = ending_at(store.now_ms, "24h")
    for row in database.rows(traces.page(View(sort="dearest", model=("gpt-5",)), window))[:10]:
        spans = [s for s in store.seed.spans if s["trace_id"] == row["trace_id"]]
        inner = [s for s in spans if s["is_call"]]
        root = next(s for s in spans if not s["parent_span_id"])
        assert row["root"] == root["name"]
        assert row["spans"] == len(spans)
        assert row["errors"] == sum(s["status_code"] == "ERROR" for s in spans)
        assert row["user"] == root["user_id"]
        assert row["cost_usd"] == total(inner)["cost_usd"]
        assert row["models"] == sorted({s["model"] for s in inner})


def test_sorting_by_cost_and_by_length(store: Seeded) -> None:
    window = ending_at(store.now_ms, "24h")
    dear = [r["cost_usd"] or -1 for r in database.rows(traces.page(View(sort="dearest"), window))]
    slow = [r["length_ns"] for r in database.rows(traces.page(View(sort="slowest"), window))]
    assert dear == sorted(dear, reverse=True)
    assert slow == sorted(slow, reverse=True)


def test_a_trace_is_found_by_its_id_alone(store: Seeded) -> None:
    trace_id = store.seed.spans[0]["trace_id"]
    when = database.rows(traces.when(trace_id, store.now_ms))[0]
    spans = database.rows(traces.outline(trace_id, Window(start_ms=when["first_ms"], end_ms=when["last_ms"] + 1)))
    assert len(spans) == when["spans"] == sum(s["trace_id"] == trace_id for s in store.seed.spans)
    assert {s["span_id"] for s in spans} == {s["span_id"] for s in store.seed.spans if s["trace_id"] == trace_id}


def test_the_content_of_a_span_comes_back_whole(store: Seeded) -> None:
    longest = max(store.seed.span_content, key=lambda c: len(c["input_messages"]))
    start_ns = next(millis(s["timestamp"]) * 10**6 for s in store.seed.spans if s["span_id"] == longest["span_id"])
    row = database.rows(traces.content(longest["trace_id"], longest["span_id"], start_ns))[0]
    assert row["input_messages"] == longest["input_messages"]
    assert len(row["input_messages"]) > 190_000


def test_the_newest_event_of_an_alert_is_its_state(store: Seeded) -> None:
    rows = database.rows(alerts.now(View(), store.now_ms))
    assert [(r["state"], r["rule"]) for r in rows] == [
        ("firing", "hourly spend per user"),
        ("pending", "daily spend"),
        ("resolved", "hourly spend per user"),
    ]
    assert rows[0]["group_values"] == {"user": "ana", "model": "gpt-5"}
    day = ending_at(store.now_ms, "24h")
    assert len(database.rows(alerts.history(View(), day))) == len(store.seed.alert_events)
    assert len(database.rows(alerts.deliveries(day))) == len(store.seed.alert_deliveries)


def test_what_the_frame_asks(store: Seeded) -> None:
    window = ending_at(store.now_ms, "24h")
    offered = database.rows(surroundings.choices(View(), window))
    first_ms = (window.end_ms // DAY_MS - 1) * DAY_MS  # whole days
    spans = Counter(s["user_id"] for s in store.seed.spans if millis(s["timestamp"]) >= first_ms)
    assert {r["value"]: r["spans"] for r in offered if r["field"] == "user"} == dict(spans)
    newest = database.rows(surroundings.last_span(store.now_ms))[0]
    assert newest["newest_ms"] == max(millis(s["timestamp"]) for s in store.seed.spans)
    assert database.rows(surroundings.watermark(View(), window, store.now_ms))[0]["spans"] == 0
    assert database.rows(surroundings.watermark(View(), window, store.now_ms - DAY_MS))[0]["spans"] > 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.text(max_size=30) | st.sampled_from(["'", "\\", "\\'", "') OR 1=1 --", "\t\n\\N", "{x:String}", "]", "\0"])
)
def test_a_value_is_a_value_whatever_is_in_it(store: Seeded, value: str) -> None:
    row = database.rows(traces.matching(View(user=(value, "ana")), ending_at(store.now_ms, "30d")))[0]
    assert row["spans"] == sum(s["user_id"] in {value, "ana"} for s in store.seed.spans)


def test_every_sql_file_reads_a_bounded_range_and_a_bounded_answer() -> None:
    folder = files("llmtrace_dashboards.queries") / "sql"
    names = [
        f.name.removesuffix(".sql") for f in folder.iterdir() if f.name.endswith(".sql") and not f.name.startswith("_")
    ]
    assert len(names) > 10
    for name in names:
        sql = Query(name=name).sql
        assert sql.startswith("-- "), name
        assert "{start_ms:Int64}" in sql, name
        assert "{end_ms:Int64}" in sql, name
        assert "LIMIT" in sql, name
        assert "%" not in sql, name


@pytest.mark.parametrize("view", [View(), View(model=("gpt-5",)), View(env=("production",), status=("ok",))], ids=str)
def test_where_spans_are_too_many_hours_answer_with_the_same_sums_and_near_percentiles(
    store: Seeded, view: View
) -> None:
    window = ending_at(store.now_ms, "7d").outward(HOUR_MS)
    too_many = sources.RAW_UP_TO + 1
    for exact, rolled in (
        (calls.totals(view, window, 0), calls.totals(view, window, too_many)),
        (calls.by_model(view, window, 0), calls.by_model(view, window, too_many)),
        (calls.latency_totals(view, window, 0), calls.latency_totals(view, window, too_many)),
    ):
        assert rolled.name.endswith("_hours")
        pairs = list(zip(database.rows(exact), database.rows(rolled), strict=True))
        assert pairs
        for one, other in pairs:
            for key in one.keys() - {"p95_ns", "ttft_p95_ns"}:
                assert other[key] == one[key], key
            for key in one.keys() & {"p95_ns", "ttft_p95_ns"}:
                assert other[key] == pytest.approx(one[key], rel=0.045), key


def test_series_of_hours_have_the_sums_of_the_series_from_spans(store: Seeded) -> None:
    window = ending_at(store.now_ms, "24h").outward(HOUR_MS)
    query = calls.series(View(), window, sources.RAW_UP_TO + 1)
    assert query.params["bucket_ms"] == HOUR_MS == calls.charted(window, sources.Source.HOURS).bucket_ms
    truth = total(store.seed.calls(window.start_ms, window.end_ms))
    rows = database.rows(query)
    assert {key: sum(row[key] for row in rows) for key in truth} == truth
    latency = database.rows(calls.latency_series(View(), window, sources.RAW_UP_TO + 1))
    assert [row["bucket_ms"] for row in latency] == [row["bucket_ms"] for row in rows]
    assert all(row["p50_ns"] <= row["p95_ns"] <= row["p99_ns"] for row in latency)


def test_up_to_a_million_spans_are_read_one_by_one_whatever_the_range(store: Seeded) -> None:
    month = ending_at(store.now_ms, "30d")
    spans = int(database.rows(sources.size(View(), month))[0]["spans"])
    assert spans == len(store.seed.spans)
    assert calls.totals(View(), month, spans).name == "totals_raw"
    assert calls.totals(View(user=("ana",)), month, sources.RAW_UP_TO + 1).name == "totals_rollup"
    assert traces.matching(View(), month, sources.RAW_UP_TO + 1).name == "matching_hours"


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_the_newest_traces_are_the_same_from_the_last_hours_as_from_all(store: Seeded, view: View) -> None:
    window = ending_at(store.now_ms, "7d")
    whole = database.rows(traces.page(view, window))
    found: list[dict[str, Any]] = []
    for query in traces.pages(view, window):
        found = database.rows(query)
        if len(found) > traces.PAGE:
            break
    assert found == whole


SERVERS = (search.INDEXED_SINCE, (25, 8))


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_words_are_found_in_questions_and_answers_with_or_without_an_index(store: Seeded, server: tuple[int]) -> None:
    window = ending_at(store.now_ms, "30d")

    def found(words: str) -> list[str]:
        return [row["span_id"] for row in database.rows(search.search(View(), window, words, server=server))]

    stored = {row[0] for row in store.stack.reader().query("SELECT span_id FROM span_content").result_rows}
    content = [c for c in store.seed.span_content if c["span_id"] in stored]
    newest = sorted(content, key=lambda c: (-c["timestamp"].timestamp(), c["span_id"]))
    for one in newest[:5]:
        text = json.loads(one["input_messages"])[0]["parts"][0]["content"]
        words = re.findall("[a-zA-Z0-9]+", text)[:3]
        wanted = [
            c["span_id"] for c in newest if has_all(c["input_messages"], words) or has_all(c["output_messages"], words)
        ]
        assert one["span_id"] in wanted
        assert found(" ".join(reversed(words)).upper()) == wanted[: search.MOST]
    assert found("no such words whatever") == []


def has_all(messages: str, words: list[str]) -> bool:
    there = set(re.findall("[a-z0-9]+", re.sub(r"\\[bfnrt]", " ", messages).lower()))
    return {word.lower() for word in words} <= there
