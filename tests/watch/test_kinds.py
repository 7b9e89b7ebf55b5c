"""The kinds of rules through the public door: calls in ClickHouse and a rule file come in, signed notices go out."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from llmtrace.sketches import Sketcher
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.watch import load
from llmtrace_collector.watch.measures import MEASURES, TABLES, Source
from watch.helpers import NOON, SECRET, Clock, Engine, Receiver, run

Watching = Callable[[str], Any]


@pytest.fixture
def watching(make_watch: Any, receiver: Receiver, tmp_path: Path) -> Watching:
    """A watch over one rule, given as the lines of a file; its notices go to the receiver."""

    def make(lines: str) -> Any:
        hook = f"webhooks: [{{url: '{receiver.url()}', secret: {SECRET}}}]"
        text = "".join(f"    {line.strip()}\n" for line in lines.strip().splitlines())
        file = tmp_path / "rules.yaml"
        file.write_text(f"rules:\n  - name: r\n{text}    {hook}\n", encoding="utf-8")
        return make_watch(*load(file))

    return make


def told(receiver: Receiver) -> list[tuple[str, str, Any]]:
    """Of each notice: its type, its severity, its group."""
    return [
        (r.kind.removeprefix("alert."), r.json["data"]["severity"], r.json["data"]["group"]) for r in receiver.requests
    ]


def test_a_share_above_its_limits_warns_then_is_critical_and_recovers_below_another_limit(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching("""
        kind: threshold
        measure: error_rate
        group_by: [model]
        window: 5m
        above: {warning: 5%, critical: 20%}
        recover: 2%
        min_calls: 10""")
    engine.calls(NOON - timedelta(minutes=1), 90)
    engine.calls(NOON - timedelta(minutes=1), 10, status_code="ERROR")
    engine.calls(NOON - timedelta(minutes=1), 9, model="rare", status_code="ERROR")
    run(watch)
    assert told(receiver) == [("firing", "warning", {"model": "gpt-5"})]
    data = receiver.requests[0].json["data"]
    assert (data["value"], data["limit"], data["measure"], data["unit"]) == (0.1, 0.05, "error_rate", "share")
    assert data["summary"] == "The error rate of 100 calls over 5m: 10 %, above the limit of 5 %."
    engine.calls(NOON - timedelta(minutes=1), 30, status_code="ERROR")
    run(watch)
    assert told(receiver)[1:] == [("firing", "critical", {"model": "gpt-5"})]
    clock.advance(minutes=10)
    engine.calls(clock.now - timedelta(minutes=1), 97)
    engine.calls(clock.now - timedelta(minutes=1), 3, status_code="ERROR")
    run(watch)
    assert told(receiver)[2:] == [("firing", "warning", {"model": "gpt-5"})], "eased, and held by 3 % above 2 %"
    clock.advance(minutes=10)
    engine.calls(clock.now - timedelta(minutes=1), 100)
    run(watch)
    assert told(receiver)[3:] == [("resolved", "warning", {"model": "gpt-5"})]


def test_a_silence_of_calls_is_below_a_limit_of_one(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching("""
        kind: threshold
        measure: calls
        window: 10m
        below: 1""")
    engine.calls(NOON - timedelta(minutes=1))
    run(watch)
    assert told(receiver) == []
    clock.advance(minutes=15)
    run(watch)
    assert told(receiver) == [("firing", "critical", {})]


def test_filters_narrow_rules_and_share_one_scan(engine: Engine, make_watch: Any, tmp_path: Path) -> None:
    engine.calls(NOON - timedelta(minutes=1), 20, model="a", duration_ns=(10**9, 3 * 10**9))
    engine.calls(NOON - timedelta(minutes=1), 20, model="b", duration_ns=9 * 10**9)
    file = tmp_path / "rules.yaml"
    file.write_text(
        "rules:\n"
        + "".join(
            f"  - {{name: {model} above {limit}, kind: threshold, measure: latency_p50, window: 5m, above: {limit},"
            f" where: {{model: {model}}}}}\n"
            for limit, model in ((1.5, "a"), (2.5, "a"), (8, "b"), (9, "b"))
        ),
        encoding="utf-8",
    )
    watch = make_watch(*load(file))
    asked: list[Any] = []
    query = engine.client.query
    engine.client.query = lambda *a, **k: asked.append(a) or query(*a, **k)
    try:
        watch.evaluate_once()
    finally:
        del engine.client.query
    scans = [sql for sql, *_ in asked if "AS of_calls" in sql]
    assert len(scans) == 1, "a filter by equality is a group"
    watch.mirror_once()
    assert {row["rule"] for row in engine.rows("SELECT rule FROM alert_events")} == {"a above 1.5", "b above 8"}


def test_a_budget_tells_each_threshold_once_a_period_and_starts_afresh_with_the_next(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching("""
        kind: spend
        period: day
        zone: America/New_York
        limit_usd: 10
        thresholds: [50%, 100%]
        group_by: [user]""")
    engine.spend(NOON, "6", user="ana")
    engine.spend(NOON - timedelta(hours=8), "9", user="ana")  # 04:00 UTC is yesterday there
    run(watch)
    assert told(receiver) == [("firing", "warning", {"threshold": "50%", "user": "ana"})]
    engine.spend(NOON, "-3", user="ana")
    run(watch)
    assert len(receiver.requests) == 1, "a correction takes nothing back that was told"
    engine.spend(NOON, "8", user="ana")
    run(watch)
    assert told(receiver)[1:] == [("firing", "critical", {"threshold": "100%", "user": "ana"})]
    clock.now = datetime.fromisoformat("2026-11-23T04:59:00+00:00")
    run(watch)
    assert len(receiver.requests) == 2, "midnight in New York is 05:00 UTC in November"
    clock.now = datetime.fromisoformat("2026-11-23T05:00:00+00:00")
    run(watch)
    assert sorted(told(receiver)[2:]) == [
        ("resolved", "critical", {"threshold": "100%", "user": "ana"}),
        ("resolved", "warning", {"threshold": "50%", "user": "ana"}),
    ]


def test_a_month_that_will_cost_too_much_is_told_of_before_it_has(
    engine: Engine, watching: Watching, receiver: Receiver
) -> None:
    for day in range(1, 30):
        for hour in (3, 15):
            engine.spend(NOON - timedelta(days=day, hours=hour - 12), "5")
    watch = watching("""
        kind: spend
        period: month
        limit_usd: 250
        forecast: [100%]
        thresholds: [100%]""")
    run(watch)
    assert told(receiver) == [("firing", "warning", {"threshold": "forecast 100%"})]
    data = receiver.requests[0].json["data"]
    assert 270 < data["value"] < 330
    assert data["expected"]["low"] <= data["value"] <= data["expected"]["high"]


def test_a_burn_rate_needs_both_of_its_windows(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching("""
        kind: spend
        period: day
        limit_usd: 24
        thresholds: []
        burn_rates: [{window: 1h, times: 5}]""")
    engine.spend(NOON - timedelta(minutes=30), "20")
    run(watch)
    assert told(receiver) == [], "it is over"
    engine.spend(NOON, "2")
    run(watch)
    assert told(receiver) == [("firing", "critical", {"threshold": "5x over 1h"})]
    clock.advance(minutes=10)
    run(watch)
    assert told(receiver)[1:] == [("resolved", "critical", {"threshold": "5x over 1h"})]


def test_an_objective_pages_when_its_budget_burns_fast_and_warns_when_it_burns_for_days(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching("""
        kind: objective
        measure: latency
        within: 2s
        target: 99%
        group_by: [model]""")
    for hours in range(72):
        slow = (10**9,) * 19 + (3 * 10**9,)  # 5 % of calls: five times what the objective allows
        engine.calls(NOON - timedelta(hours=hours, minutes=1), 20, duration_ns=slow)
    run(watch)
    assert told(receiver) == [("firing", "warning", {"model": "gpt-5"})]
    engine.calls(NOON - timedelta(minutes=2), 30, duration_ns=5 * 10**9)
    run(watch)
    assert told(receiver)[1:] == [("firing", "critical", {"model": "gpt-5"})]
    assert "times what an objective of 0.99 allows" in receiver.requests[1].json["data"]["summary"]


def test_an_hour_unlike_its_past_is_an_anomaly_in_the_direction_that_is_asked_for(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    dice = Random(3)
    rows = []
    for hour in range(24 * 14):
        at = NOON.replace(minute=0, second=0) - timedelta(hours=hour + 1)
        base = 200 if 8 <= at.hour < 20 else 60
        for model, factor in (("calm", 1.0), ("wild", 4.0 if hour == 0 else 1.0), ("quiet", 0.1 if hour == 0 else 1.0)):
            rows.append(["shop", at, model, "", round(base * factor * dice.gauss(1, 0.06)), 0])
    names = ["project", "minute", "model", "user_id", "calls", "cost_usd"]
    engine.client.insert("spend_1m", rows, column_names=names)
    hours = [[r[0], r[1], True, r[2], r[4]] for r in rows]
    engine.client.insert("span_1h", hours, column_names=["project", "hour", "is_call", "model", "spans"])
    watch = watching("""
        kind: anomaly
        measure: calls
        direction: up
        group_by: [model]""")
    run(watch)
    assert told(receiver) == [("firing", "critical", {"model": "wild"})]
    data = receiver.requests[0].json["data"]
    assert data["expected"]["low"] < 200 < data["expected"]["high"] < data["value"]
    clock.advance(hours=1)
    later = clock.now.replace(minute=0, second=0) - timedelta(hours=1)
    engine.client.insert(
        "span_1h", [["shop", later, True, "wild", 200]], column_names=["project", "hour", "is_call", "model", "spans"]
    )
    run(watch)
    assert told(receiver)[1:] == [("resolved", "critical", {"model": "wild"})]


LENGTHS = ("output_tokens_per_call", {"output_tokens": (*range(100, 200),)}, {"output_tokens": (*range(150, 250),)})
REFUSALS = (
    "refusal_rate",
    {"output_refused": (True,) + (False,) * 99},
    {"output_refused": (True,) * 8 + (False,) * 92},
)


@pytest.mark.parametrize("case", [LENGTHS, REFUSALS], ids=["numbers", "a rate"])
def test_a_window_unlike_its_reference_has_drifted_and_one_like_it_has_not(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock, case: tuple[str, Any, Any]
) -> None:
    measure, before, after = case
    watch = watching(f"""
        kind: drift
        measure: {measure}
        window: 1h
        reference: 1d""")
    start = NOON.replace(minute=0, second=0)
    for hour in range(2, 25):
        engine.calls(start - timedelta(hours=hour), 200, **before)
    engine.calls(start - timedelta(hours=1), 400, **before)
    run(watch)
    assert told(receiver) == []
    engine.calls(start + timedelta(minutes=20), 400, **after)
    clock.advance(minutes=30)
    run(watch)
    assert told(receiver) == [], "the window is not closed"
    clock.advance(minutes=30)
    run(watch)
    assert told(receiver) == [("firing", "critical", {})]
    assert "in the reference" in receiver.requests[0].json["data"]["summary"]


SKETCHER = Sketcher("a key of sixteen characters")
PROMPTS = tuple(
    f"please summarise invoice {n} of {m} for {c}" for n in range(9) for m in ("may", "june") for c in "abc"
)
SONGS = tuple(f"write sonnet {n} about {w} rivers under silver moonlight" for n in range(9) for w in ("wild", "calm"))
AT_ONCE: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "numbers": (
        "measure: output_tokens_per_call",
        {"output_tokens": tuple(Random(7).sample(range(100, 200), 100))},
        {"output_tokens": tuple(Random(8).sample(range(150, 250), 100))},
    ),
    "categories": (
        "category: operation",
        {"operation": ("chat",) * 9 + ("embeddings",)},
        {"operation": ("chat",) * 5 + ("embeddings",) * 5},
    ),
    "sketches": (
        "text: prompt_sketches",
        {"attributes": tuple({"llmtrace.input.sketch": SKETCHER.sketch(text)} for text in PROMPTS)},
        {"attributes": tuple({"llmtrace.input.sketch": SKETCHER.sketch(text)} for text in SONGS)},
    ),
    "texts": ("text: prompts", {"input_preview": PROMPTS}, {"input_preview": SONGS}),
}


@pytest.mark.parametrize("case", AT_ONCE.values(), ids=AT_ONCE)
def test_drift_is_told_with_the_call_that_makes_it_sure_and_ends_with_its_window(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock, case: tuple[str, Any, Any]
) -> None:
    """While the window is open; calls like those of the reference are no alarm, however often they are looked at."""
    what, before, after = case
    watch = watching(f"""
        kind: drift
        method: sequential
        {what}
        window: 1h
        reference: 10h
        arl0: 100000""")
    start = NOON.replace(minute=0, second=0)

    def called(at: datetime, count: int, columns: Any) -> None:
        every = tuple(at + timedelta(seconds=n) for n in range(count))
        engine.calls(at, count, **{"timestamp": every} | columns)

    for hour in range(1, 11):
        called(start - timedelta(hours=hour) + timedelta(minutes=7), 100, before)
    clock.advance(minutes=10)
    called(start, 100, before)
    for _ in range(3):
        run(watch)
    assert told(receiver) == []
    clock.advance(minutes=10)
    called(start + timedelta(minutes=10), 400, after)
    run(watch)
    run(watch)
    assert told(receiver) == [("firing", "critical", {})]
    data = receiver.requests[0].json["data"]
    assert "is not what it was in the 10h before" in data["summary"]
    assert data["value"] >= data["limit"] == 1
    clock.advance(minutes=60)
    called(clock.now - timedelta(seconds=5), 5, before)
    run(watch)
    assert told(receiver)[1:] == [("resolved", "critical", {})]


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ("method: sequential", "rules[0].measure: write one of measure, category and text"),
        ("method: sequential\nmeasure: calls", "rules[0].measure"),
        ("method: sequential\nmeasure: latency\ntext: prompts", "rules[0].measure: write one of"),
        ("method: sequential\ncategory: mood", "rules[0].category"),
        ("method: sequential\ntext: thoughts", "rules[0].text"),
        ("method: sequential\ntext: prompts\narl0: 5", "rules[0].arl0"),
        ("method: sequential\ntext: prompts\nreference: 1y", "rules[0].reference"),
        ("method: sequential\ncategory: model\ngroup_by: [model]", "rules[0].category: model is grouped"),
        ("method: guess\nmeasure: latency_p95", "rules[0].method"),
    ],
)
def test_a_mistake_in_sequential_drift_is_told_with_its_path(lines: str, path: str, watching: Watching) -> None:
    with pytest.raises(ConfigError, match=re.escape(path)):
        watching(f"kind: drift\n{lines}")


def test_another_model_behind_an_alias_is_told_at_its_first_span_and_two_side_by_side_are_not(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching("""
        kind: change
        field: response_model
        group_by: [model]
        severity: warning
        stays: 30m""")
    for day in range(1, 4):
        engine.calls(NOON - timedelta(days=day), 4, response_model=("gpt-5-a", "gpt-5-b"))
    engine.calls(NOON - timedelta(minutes=1), 4, response_model=("gpt-5-a", "gpt-5-b"))
    run(watch)
    engine.calls(NOON, 2, model="new", response_model="new-1")
    clock.advance(minutes=1)
    run(watch)
    assert told(receiver) == [], "neither an A/B test nor the first model of a group is a change"
    engine.calls(clock.now - timedelta(seconds=5), 1, response_model="gpt-5-c")
    for _ in range(3):
        run(watch)
    assert told(receiver) == [("firing", "warning", {"model": "gpt-5", "response_model": "gpt-5-c"})]
    said = receiver.requests[0].json["data"]["summary"]
    assert said == "The model that answers is now gpt-5-c, not seen in the 14d before; until now: gpt-5-a, gpt-5-b."
    clock.advance(minutes=31)
    engine.calls(clock.now - timedelta(seconds=5), 1, response_model="gpt-5-c")
    run(watch)
    run(watch)
    assert told(receiver)[1:] == [("resolved", "warning", {"model": "gpt-5", "response_model": "gpt-5-c"})]


def test_a_change_is_seen_by_a_rule_that_began_before_there_were_calls_and_first_looks_after_it(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching("""
        kind: change
        field: response_model
        group_by: [model]
        reference: 1h""")
    run(watch)
    engine.calls(NOON - timedelta(minutes=40), 4, response_model="gpt-5-a")
    engine.calls(NOON - timedelta(minutes=1), 4, response_model=("gpt-5-a", "gpt-5-b"))
    run(watch)
    run(watch)
    assert told(receiver) == [("firing", "critical", {"model": "gpt-5", "response_model": "gpt-5-b"})]


def quarantine(engine: Engine, reason: str, count: int = 1) -> None:
    row = ["shop", NOON - timedelta(minutes=1), reason]
    engine.client.insert("spans_quarantine", [row] * count, column_names=["project", "received_at", "reason"])


def test_the_collectors_own_health_is_a_measure(engine: Engine, watching: Watching, receiver: Receiver) -> None:
    """Spans that cannot be true, by why; and how late calls arrive."""
    watch = watching("""
        kind: threshold
        measure: quarantined
        group_by: [reason]
        window: 5m
        above: 1
        min_calls: 1""")
    quarantine(engine, "start_after_end", 2)
    quarantine(engine, "no_trace_id")
    run(watch)
    assert told(receiver) == [("firing", "critical", {"reason": "start_after_end"})]


def test_calls_that_arrive_late_are_over_a_limit_of_seconds(
    engine: Engine, watching: Watching, receiver: Receiver
) -> None:
    watch = watching("""
        kind: threshold
        measure: ingest_lag_p95
        group_by: [service]
        window: 10m
        above: 1m
        min_calls: 20""")
    late = {"received_at": NOON - timedelta(seconds=20), "duration_ns": 1_000_000_000}
    engine.calls(NOON - timedelta(minutes=1), 20, service_name="quick", **late)
    engine.calls(NOON - timedelta(minutes=5), 20, service_name="slow", **late)
    run(watch)
    assert told(receiver) == [("firing", "critical", {"service": "slow"})]
    assert receiver.requests[0].json["data"]["value"] == 279


def test_every_measure_is_read_by_every_dimension_it_has(engine: Engine, make_watch: Any, tmp_path: Path) -> None:
    """Whatever the catalogue offers is SQL that ClickHouse takes, on calls that have everything and on none."""
    told_by_client = {
        "llmtrace.retry.count": "2",
        "llmtrace.rate_limit.requests.remaining": "1",
        "llmtrace.rate_limit.requests.limit": "10",
    }
    engine.calls(
        NOON - timedelta(minutes=1), 2, output_refused=True, json_valid=False, schema_valid=True, mean_logprob=-0.5,
        tool_calls_json_valid=True, output_truncated=False, output_empty=False, input_tokens=5, output_tokens=2,
        cached_input_tokens=1, cost_usd="0.5", time_to_first_token_ns=5, unlikely_share=0.1, user_id="u",
        session_id="s", attributes=told_by_client,
    )  # fmt: skip
    row = [["shop", NOON - timedelta(minutes=1), "relevance", 0.5, "fail"]]
    engine.client.insert("scores", row, column_names=["project", "timestamp", "name", "value", "label"])
    quarantine(engine, "start_after_end")
    lines = [
        f"  - {{name: {name} of {source} over {window} by {len(by)}, kind: threshold, measure: {name},"
        f" window: {window}, below: 1000000, group_by: {by}}}\n"
        for name, measure in MEASURES.items()
        for source in measure.sources()
        for window in (("5m", "3d") if source is Source.SPAN_1H else ("5m",))
        for by in ([], [*TABLES[source].columns])
    ]
    file = tmp_path / "rules.yaml"
    file.write_text("rules:\n" + "".join(lines), encoding="utf-8")
    watch = make_watch(*load(file))
    watch.evaluate_once()
    assert watch.health()["error"] is None
    watch.mirror_once()
    rows = engine.rows("SELECT DISTINCT splitByChar(' ', rule)[1] AS measure FROM alert_events WHERE state = 'firing'")
    assert {row["measure"] for row in rows} == MEASURES.keys(), "each has a figure"


def test_calls_of_a_model_that_ends_warn_in_time_and_are_critical_near_the_day(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    """Until nobody asks for it any more; a model that nobody asks for is no alert."""
    watch = watching("""
        kind: retirement
        group_by: [model]
        models: {gpt-4o-old: 2026-12-12, gpt-3: 2026-12-01}""")
    engine.calls(NOON, 3, model="gpt-4o-old")
    engine.calls(NOON, 3, model="gpt-5")
    clock.advance(minutes=1)
    run(watch)
    assert told(receiver) == [("firing", "warning", {"model": "gpt-4o-old"})]
    assert receiver.requests[0].json["data"]["summary"] == (
        "gpt-4o-old ends in 19 days, on 2026-12-12, and 3 calls asked for it."
    )
    clock.advance(days=13)
    engine.calls(clock.now - timedelta(minutes=5), 2, model="gpt-4o-old")
    run(watch)
    assert told(receiver)[1:] == [("firing", "critical", {"model": "gpt-4o-old"})]
    clock.advance(days=2)
    for _ in range(4):
        run(watch)
    assert told(receiver)[2:] == [("resolved", "critical", {"model": "gpt-4o-old"})]


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ("group_by: [model]", "rules[0].models"),
        ("group_by: [model]\nmodels: {gpt-4: soon}", "rules[0].models.gpt-4"),
        ("models: {gpt-4: 2026-12-01}", "rules[0].group_by: a rule of models that end"),
        ("group_by: [model]\nmodels: {gpt-4: 2026-12-01}\nwarn_before: never", "rules[0].warn_before"),
    ],
)
def test_a_mistake_about_models_that_end_is_told_with_its_path(lines: str, path: str, watching: Watching) -> None:
    with pytest.raises(ConfigError, match=re.escape(path)):
        watching(f"kind: retirement\n{lines}")
