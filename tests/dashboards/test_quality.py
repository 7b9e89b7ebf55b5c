"""Quality & drift: figures as counted by hand, limits that do not cry wolf, shifts as their definitions say."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_dashboards import database
from llmtrace_dashboards.measures import shift
from llmtrace_dashboards.measures.control import band, baseline
from llmtrace_dashboards.panels import drift, quality
from llmtrace_dashboards.queries import quality as queries
from llmtrace_dashboards.queries import traces
from llmtrace_dashboards.state.ranges import Window, ending_at
from llmtrace_dashboards.state.view import View
from support.app import Seeded, owner
from support.seed import HOSTILE, millis

COUNTS = st.dictionaries(st.integers(-5, 5), st.integers(1, 30), min_size=1)


def test_signs_of_quality_are_what_the_calls_say(store: Seeded) -> None:
    """Of how many answers each was told, and of how many it was so, bucket by bucket."""
    window = ending_at(store.now_ms, "24h")
    rows = database.rows(queries.series(View(), window))
    calls = [c for c in store.seed.calls(window.start_ms, window.end_ms) if c["status_code"] != "ERROR"]
    for key, column, bad in (
        ("refused", "output_refused", True),
        ("truncated", "output_truncated", True),
        ("invalid_json", "json_valid", False),
    ):
        met, told = Counter[int](), Counter[int]()
        for call in calls:
            bucket = millis(call["timestamp"]) // window.bucket_ms * window.bucket_ms
            told[bucket] += call[column] is not None
            met[bucket] += call[column] is bad
        found = {row["bucket_ms"]: (row[f"{key}_met"], row[f"{key}_told"]) for row in rows}
        assert found == {bucket: (met[bucket], told[bucket]) for bucket in told}
        assert sum(met.values())
    unlikely = sum(c["unlikely_share"] or 0 for c in calls)
    assert sum(r["unlikely_met"] for r in rows) == pytest.approx(unlikely)


@pytest.mark.parametrize(
    "sign", [sign for sign in quality.SIGNS if sign.key in {"refused", "truncated", "invalid_json"}]
)
def test_a_sign_leads_to_exactly_its_answers(store: Seeded, sign: quality.Sign) -> None:
    window = ending_at(store.now_ms, "24h")
    met = sum(int(row[f"{sign.key}_met"]) for row in database.rows(queries.series(View(), window)))
    view = replace(View(), grain="span").asking(f"{sign.terms} is:call")
    assert len(database.rows(traces.page(view, window))) == met


def test_what_is_new_is_named_with_its_first_call(store: Seeded) -> None:
    """The second version of the prompt, and nothing that was there before."""
    window = ending_at(store.now_ms, "24h")
    found = database.rows(queries.firsts(View(), window, window.before))
    versions = [row for row in found if row["what"] == "prompt_version"]
    first = min(millis(c["timestamp"]) for c in store.seed.spans if c["is_call"] and c["prompt_version"] == "v2")
    assert [(row["value"], row["first_ms"]) for row in versions] == [("refunds v2", first)]


def test_what_evaluators_and_people_gave_is_averaged_by_name(store: Seeded) -> None:
    """Numbers as they are, words as 1 and 0, other words not at all; a filter keeps those of matching calls."""
    client = owner(store.stack)
    call = next(s for s in store.seed.spans if s["is_call"] and s["model"] == "gpt-5")
    at = call["timestamp"]
    names = ["project", "timestamp", "trace_id", "name", "value", "label"]
    given_ = [(0.5, ""), (1.0, ""), (None, "pass"), (None, "fail"), (None, "perhaps")]
    client.insert("llmtrace.scores", [["judged", at, call["trace_id"], HOSTILE[0], v, w] for v, w in given_], names)
    client.insert("llmtrace.feedback", [["judged", at, "ef" * 16, "thumb", None, w] for w in ("up", "down")], names)
    window = Window(start_ms=millis(at) - 1, end_ms=millis(at) + 1)
    rows = database.rows(queries.judged(View(project="judged"), window))
    assert {(r["source"], r["what"], r["given"], r["mean"]) for r in rows} == {
        ("evaluation", HOSTILE[0], 4, 0.625),
        ("feedback", "thumb", 2, 0.5),
    }
    assert (
        database.rows(queries.judged(View(project="judged", model=("gpt-5",)), window)) == []
    )  # calls of another project


def test_the_latest_of_what_one_user_said_of_an_answer_counts(store: Seeded) -> None:
    """Said again, it takes the place of what was; withdrawn, nothing is left; twice under one id is once."""
    client = owner(store.stack)
    at = next(s for s in store.seed.spans if s["is_call"])["timestamp"]
    later = at + timedelta(milliseconds=1)
    names = ["project", "timestamp", "response_id", "user_id", "name", "value", "label", "attributes"]
    said = [
        (at, "ada", 0.0, "", ""), (later, "ada", 1.0, "", ""),
        (at, "bob", 1.0, "", ""), (later, "bob", None, "withdrawn", ""),
        (at, "", 0.5, "", "f-1"), (at, "", 0.5, "", "f-1"), (at, "", 0.5, "", "f-2"),
    ]  # fmt: skip
    rows = [["again", t, "r-1", u, "rating", v, w, {"llmtrace.feedback.id": i} if i else {}] for t, u, v, w, i in said]
    client.insert("llmtrace.feedback", rows, names)
    window = Window(start_ms=millis(at) - 1, end_ms=millis(at) + 10)
    (found,) = database.rows(queries.judged(View(project="again"), window))
    assert (found["what"], found["given"], round(found["mean"], 4)) == ("rating", 3, 0.6667)


def test_guardrails_are_counted_by_verdict(store: Seeded) -> None:
    window = ending_at(store.now_ms, "7d")
    rows = database.rows(queries.verdicts(View(), window))
    calls = store.seed.calls(window.start_ms, window.end_ms)
    blocked = sum("llmtrace.guardrail.verdict" in call["attributes"] for call in calls)
    assert sum(int(row["calls"]) for row in rows) == blocked > 0
    assert {row["what"] for row in rows} == {"block"}


def test_features_are_counted_in_both_periods_and_lead_to_exactly_their_calls(store: Seeded) -> None:
    """The sums over bins are the calls; what grew most is found again by its filter, now and before."""
    window = ending_at(store.now_ms, "24h")
    found = drift.features(database.rows(queries.shifted(View(), window, window.before, None)))
    assert {"latency", "cost", "output_tokens", "prompt_version"} <= {feature.word for feature in found}
    calls = [c for c in store.seed.calls(window.start_ms, window.end_ms) if c["status_code"] != "ERROR"]
    for feature in found:
        if feature.word == "latency":
            assert feature.shift.now == len(calls)
        for period, counts in ((window, feature.now), (window.before, feature.before)):
            view = drift.narrowed(replace(View(), grain="span"), feature, feature.grown)
            assert view is not None
            rows = database.rows(traces.page(view, period))
            assert min(len(rows), traces.PAGE) == min(counts.get(feature.grown, 0), traces.PAGE), feature.word
    version = next(feature for feature in found if feature.word == "prompt_version")
    assert version.shift.told
    assert version.grown == "v2"
    assert [f.word for f in found if f.shift.told] == ["prompt_version"]  # the seed's periods differ in nothing else


def test_a_share_that_did_not_change_is_within_its_limits() -> None:
    """200 series of 100 buckets: of coins at most 1 bucket in 200 lies outside, of eight alike at a time 1 in 40."""
    rng = random.Random(11)
    for spread, most in ((1, 1 / 200), (8, 1 / 40)):
        outside = buckets = 0
        for _ in range(200):
            share = rng.choice((0.003, 0.02, 0.2, 0.6))
            series = []
            for _ in range(200):
                sessions = rng.randint(2, 40)
                series.append((sum(rng.random() < share for _ in range(sessions)) * spread, sessions * spread))
            known = baseline([m for m, _ in series[:100]], [n for _, n in series[:100]])
            assert known is not None
            for met, told in series[100:]:
                low, high = band(known, told)
                outside += not low <= met / told <= high
                buckets += 1
        assert outside / buckets < most, (spread, outside / buckets)


def test_a_wave_of_refusals_lies_outside() -> None:
    """2 % before, 20 % in the last buckets: those are marked and no other."""
    rng = random.Random(3)

    def rows(shares: list[float]) -> list[dict[str, Any]]:
        return [
            {"bucket_ms": at, "refused_met": sum(rng.random() < share for _ in range(200)), "refused_told": 200}
            for at, share in enumerate(shares)
        ]

    points = quality.points("refused", rows([0.02] * 40 + [0.2] * 5), rows([0.02] * 45))
    assert [point["bucket_ms"] for point in points if point["outside"]] == [40, 41, 42, 43, 44]
    assert quality.points("refused", [{"bucket_ms": 1, "refused_met": 0, "refused_told": 0}], []) == []


@given(met=st.lists(st.integers(0, 50), max_size=20), more=st.integers(0, 50), told=st.integers(0, 1_000))
def test_limits_lie_around_the_share(met: list[int], more: int, told: int) -> None:
    known = baseline(met, [m + more for m in met])
    if known is None:
        assert not any(m + more for m in met)
        return
    low, high = band(known, told)
    assert 0 <= low <= known.share <= high <= 1
    assert known.spread >= 1


@given(now=COUNTS, before=COUNTS)
def test_a_shift_of_numbers_is_cliffs_delta(now: dict[int, int], before: dict[int, int]) -> None:
    """As counted pair by pair."""
    n, m = sum(now.values()), sum(before.values())
    found = shift.numbers(now, before)
    if min(n, m) < shift.FEWEST:
        assert found is None
        return
    assert found is not None
    pairs = sum(((a > b) - (a < b)) * now[a] * before[b] for a, b in product(now, before))
    assert found.direction * found.size == pytest.approx(pairs / (n * m))
    assert found.low <= found.size <= found.high
    other = shift.numbers(before, now)
    assert other is not None
    assert (other.size, other.direction) == (pytest.approx(found.size), -found.direction)


@given(now=COUNTS, before=COUNTS)
def test_a_shift_of_values_is_the_share_that_would_have_to_change(now: dict[int, int], before: dict[int, int]) -> None:
    of_now, of_before = ({str(k): v for k, v in counts.items()} for counts in (now, before))
    n, m = sum(now.values()), sum(before.values())
    found = shift.values(of_now, of_before)
    if found is None:
        assert min(n, m) < shift.FEWEST
        return
    gained = sum(max(of_now.get(k, 0) / n - of_before.get(k, 0) / m, 0) for k in of_now)
    assert found.size == pytest.approx(gained, abs=1e-9)
    assert 0 <= found.low <= found.size + 1e-9
    assert found.size <= found.high + 1e-9


def test_periods_that_do_not_differ_have_no_shift_and_those_that_do_have() -> None:
    """1,000 pairs of samples of one distribution: at most 5 are told; half as much again is, from 500 calls on."""
    rng = random.Random(5)

    def steps(count: int, factor: float) -> Counter[int]:
        return Counter(round(2 * (rng.gauss(8, 1) + factor)) for _ in range(count))

    def words(count: int, share: float) -> Counter[str]:
        return Counter("new" if rng.random() < share else rng.choice("abcdefghij") for _ in range(count))

    for count in (60, 500):
        alike = [shift.numbers(steps(count, 0), steps(count, 0)) for _ in range(250)]
        alike += [shift.values(words(count, 0.1), words(count, 0.1)) for _ in range(250)]
        assert sum(found is not None and found.told for found in alike) <= 5
    apart = [shift.numbers(steps(500, 0.585), steps(500, 0)) for _ in range(50)]
    apart += [shift.values(words(500, 0.35), words(500, 0.1)) for _ in range(50)]
    assert all(found is not None and found.told for found in apart)


def test_without_a_comparison_the_range_is_halved(store: Seeded) -> None:
    current = _current(store, cmp="off")
    now, before, named = drift.earlier(current)
    ends = (current.window.start_ms, now.start_ms, current.window.end_ms)
    assert (before.start_ms, before.end_ms, now.end_ms) == ends
    assert named == "the first half of the range"
    week_ms = timedelta(days=7) // timedelta(milliseconds=1)
    assert drift.earlier(_current(store, cmp="week"))[1].end_ms == current.window.end_ms - week_ms


def _current(store: Seeded, **words: Any) -> Any:
    from llmtrace_dashboards.panels.current import Current
    from llmtrace_dashboards.theme import LIGHT

    view = View(**words)
    window = view.window_at(store.now_ms)
    return Current(view=view, window=window, now_ms=store.now_ms, zone=UTC, zone_name="UTC", palette=LIGHT)
