"""Alerts that say why: from spans in ClickHouse to what receivers, tables and channels have."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from explain.calls import Call, generate, reprice
from llmtrace_collector.channels import notice
from llmtrace_collector.errors import StoreDownError
from llmtrace_collector.explain import Explanation, Question
from llmtrace_collector.watch.counters import Counters
from llmtrace_collector.watch.explainer import MOST, Explainer
from llmtrace_collector.watch.questions import question
from watch.helpers import NOON, Clock, Engine, Receiver, rule, run

HOUR = timedelta(hours=1)
START = NOON.replace(second=0) - HOUR


@pytest.fixture
def spans(engine: Engine) -> Iterator[Engine]:
    """The engine with an empty table of spans, and with rollups that are what the test says."""
    engine.client.command("TRUNCATE TABLE spans")
    yield engine
    engine.client.command("TRUNCATE TABLE spans")


def longer_prompt(rng: Random, call: Call, now: bool) -> None:
    call["user_id"] = "alice"
    if now and call["feature"] == "chat":
        call |= {"prompt_version": "12", "input_tokens": call["input_tokens"] * 5}
        reprice(call)


def put(engine: Engine, plant: Any = longer_prompt) -> list[Call]:
    """Calls of the hour before the rule's window and of that window; the money is in the rollup by another way."""
    calls = generate(1, count=800, plant=plant)
    late = START - calls[0]["timestamp"].replace(minute=0, second=0, microsecond=0)
    for call in calls:
        call["timestamp"] += late - HOUR
    engine.client.insert("spans", [list(call.values()) for call in calls], column_names=list(calls[0]))
    engine.spend(NOON, "6", user="alice")
    return calls


def firing(make_watch: Any, receiver: Receiver, **options: Any) -> dict[str, Any]:
    run(make_watch(rule(receiver.url(), window=HOUR), **options))
    [request] = receiver.requests
    return request.json["data"]


def test_a_firing_notice_says_why_with_figures_examples_and_a_link_to_those_calls(
    spans: Engine, make_watch: Any, receiver: Receiver
) -> None:
    """The prompt's version that made calls longer, of this group's calls alone."""
    calls = put(spans)
    data = firing(make_watch, receiver)
    assert "is prompt version 12:" in data["explanation"]
    assert data["explanation"].startswith("Spend rose from $")
    assert (data["attributes"][0]["attribute"], data["attributes"][0]["value"]) == ("prompt_version", "12")
    longer = {(call["trace_id"], call["span_id"]) for call in calls if call["prompt_version"] == "12"}
    assert len(data["examples"]) == 5
    assert {(one["trace_id"], one["span_id"]) for one in data["examples"]} <= longer
    link = urlsplit(data["explained_link"])
    asked = parse_qs(link.query)
    assert link._replace(query="").geturl() == "http://localhost:8501/traces"
    assert (asked["has"], asked["user"]) == (["prompt_version:12"], ["alice"])
    assert asked["from"] == [str(int(START.timestamp() * 1000))]


def test_the_row_in_clickhouse_has_the_explanation_and_the_resolved_one_has_none(
    spans: Engine, make_watch: Any, receiver: Receiver, clock: Clock
) -> None:
    """As the notice told it; what is over needs no reason."""
    put(spans)
    watch = make_watch(rule(receiver.url(), window=HOUR))
    run(watch)
    clock.advance(hours=2)
    run(watch)
    told = receiver.requests[0].json["data"]
    rows = spans.rows("SELECT * FROM alert_events ORDER BY timestamp")
    assert [row["state"] for row in rows] == ["firing", "resolved"]
    assert rows[0]["explanation"] == told["explanation"]
    assert json.loads(rows[0]["attributes"]) == told["attributes"]
    assert [list(pair.values()) if isinstance(pair, dict) else list(pair) for pair in rows[0]["examples"]] == [
        [one["trace_id"], one["span_id"]] for one in told["examples"]
    ]
    assert rows[0]["explained_link"] == told["explained_link"]
    assert (rows[1]["explanation"], rows[1]["examples"], rows[1]["attributes"]) == ("", [], "")
    assert "explanation" not in receiver.requests[1].json["data"]


def test_channels_show_the_sentence(spans: Engine, make_watch: Any, receiver: Receiver) -> None:
    """As a fact beside value and limit, whatever the channel."""
    put(spans)
    run(make_watch(rule(receiver.url(), window=HOUR)))
    [request] = receiver.requests
    facts = dict(notice.read(request.id, request.body).facts)
    assert facts["Why"] == request.json["data"]["explanation"]


def test_calls_that_are_nowhere_are_explained_by_nothing(spans: Engine, make_watch: Any, receiver: Receiver) -> None:
    """A rollup whose spans are gone still fires, without a word of why."""
    spans.spend(NOON, "6", user="alice")
    assert "explanation" not in firing(make_watch, receiver)


def test_a_fault_of_the_explanation_costs_the_notice_nothing_but_the_explanation(
    spans: Engine, make_watch: Any, receiver: Receiver
) -> None:
    """Spans that cannot be read: the alert fires as if nobody had asked, and the watch counts it."""
    spans.spend(NOON, "6", user="alice")
    spans.client.command("RENAME TABLE spans TO spans_away")
    try:
        watch = make_watch(rule(receiver.url(), window=HOUR))
        run(watch)
    finally:
        spans.client.command("RENAME TABLE spans_away TO spans")
    assert receiver.kinds() == ["alert.firing"]
    assert "explanation" not in receiver.requests[0].json["data"]
    assert watch.health()["counters"]["unexplained"] == 1
    assert watch.health()["error"] is None


def asked(user: str = "alice") -> Question:
    found = question(measure="cost_usd", group={"user": user}, window=HOUR, since=NOON, now=NOON, value=6.0, limit=5.0)
    assert found
    return found


TOLD = Explanation(sentence="because", calls=1)


def unconnected() -> Any:
    raise StoreDownError("nobody answers")


def test_an_answer_that_takes_too_long_is_not_waited_for_and_those_after_it_come_at_once() -> None:
    """A store that hangs delays an evaluation once by the budget, and the next ones not at all until it answers."""
    release, began = threading.Event(), threading.Event()

    def slow(_: Question) -> Explanation:
        began.set()
        assert release.wait(30)
        return TOLD

    counters = Counters()
    explainer = Explainer(unconnected, counters, budget_s=0.05, ask=slow)
    assert explainer.answers({0: asked()}) == {}
    assert began.is_set()
    threads = threading.active_count()
    assert explainer.answers({0: asked()}) == {}
    assert threading.active_count() == threads
    assert counters.unexplained == 2
    release.set()


def test_what_was_answered_in_time_is_kept_when_the_next_question_hangs() -> None:
    """Half of the answers are better than none."""
    release = threading.Event()

    def second_hangs(question: Question) -> Explanation:
        if question.filters["user"] == "bob":
            release.wait(30)
        return TOLD

    explainer = Explainer(unconnected, Counters(), budget_s=1.0, ask=second_hangs)
    assert explainer.answers({0: asked(), 1: asked("bob"), 2: asked("carol")}) == {0: TOLD}
    release.set()


def test_a_store_that_is_down_and_a_defect_are_an_alert_without_explanation() -> None:
    """Whatever goes wrong in there, the caller has an empty answer, and later answers come again."""
    faults: list[Exception] = [StoreDownError("nobody answers"), ZeroDivisionError()]

    def faulty(_: Question) -> Explanation:
        if faults:
            raise faults.pop()
        return TOLD

    explainer = Explainer(unconnected, Counters(), ask=faulty)
    assert explainer.answers({0: asked(), 1: asked()}) == {}
    assert explainer.answers({0: asked()}) == {0: TOLD}


def test_of_many_alerts_at_once_the_first_are_explained() -> None:
    """So the time of an evaluation is bounded, whatever fires."""
    counters = Counters()
    explainer = Explainer(unconnected, counters, ask=lambda _: TOLD)
    found = explainer.answers({number: asked() for number in range(MOST + 5)})
    assert list(found) == list(range(MOST))
    assert counters.unexplained == 5


@pytest.mark.parametrize(
    ("measure", "value", "limit", "expected"),
    [
        ("cost_usd", 6, 5, ("cost", False)),
        ("calls", 2, 5, ("calls", True)),
        ("error_rate", 0.2, 0.1, ("errors", False)),
        ("latency_p95", 3.0, 2.0, ("latency", False)),
        ("ttft_p50", 3.0, 2.0, ("time_to_first_token", False)),
        ("refusal_rate", 0.2, 0.1, ("refusals", False)),
        ("cache_hit_share", 0.1, 0.5, ("cache_misses", False)),
        ("input_tokens_per_call", 900, 500, ("input_tokens_per_call", False)),
        ("error_rate", 0.01, 0.1, None),
        ("cache_hit_share", 0.9, 0.5, None),
        ("score", 0.1, 0.5, None),
        ("rate_limit_headroom", 0.1, 0.2, None),
    ],
)
def test_each_measure_has_its_question(
    measure: str, value: float, limit: float, expected: tuple[str, bool] | None
) -> None:
    """By the name the explanation has for it and the direction of the excess; none where calls explain nothing."""
    found = question(measure=measure, group={"model": "m"}, window=HOUR, since=NOON, now=NOON, value=value, limit=limit)
    assert (found and (found.measure, found.fall)) == expected
    if found and measure == "latency_p95":
        assert found.fallback == limit


@pytest.mark.parametrize("group", [{"user": "(other)"}, {"score": "relevance"}, {"rule": "x"}])
def test_groups_that_are_no_calls_have_no_question(group: dict[str, str]) -> None:
    """The overflow of a rollup, scores, and what the watch tells of itself."""
    assert not question(measure="cost_usd", group=group, window=HOUR, since=NOON, now=NOON, value=6.0, limit=5.0)


def test_a_new_value_is_asked_for_by_itself_and_a_budget_s_mark_is_no_filter() -> None:
    """Labels say which alert of a group it is: the model that is new, the share of a budget that is spent."""
    common: dict[str, Any] = {"window": HOUR, "since": NOON, "now": NOON, "value": 1.0, "limit": 0.0}
    new = question(measure="", group={"model": "m", "response_model": "r"}, labels=("response_model",), **common)
    assert new
    assert (new.measure, new.value, new.filters) == ("response_model", "r", {"model": "m"})
    spent = question(measure="cost_usd", group={"team": "t", "threshold": "80%"}, labels=("threshold",), **common)
    assert spent
    assert (spent.measure, spent.filters) == ("cost", {"team": "t"})
