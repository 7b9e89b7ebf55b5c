"""Which questions are taken for the same: guards, the curve, and the bound on wrong answers."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace.cache.bound import Bound
from llmtrace.cache.curve import curve_for
from llmtrace.cache.guards import conflict
from llmtrace.cli import main
from llmtrace.embedding import LexicalEmbedder

APART = [
    ("How do I turn the alarm on?", "How do I turn the alarm off?", "opposite"),
    ("How do I turn on bluetooth on my phone?", "How do I turn off bluetooth on my phone?", "opposite"),
    ("How do I convert USD to EUR?", "How do I convert EUR to USD?", "order"),
    ("flights from Paris to London", "flights from London to Paris", "order"),
    ("Can dogs eat grapes?", "Can't dogs eat grapes?", "negation"),
    ("What was revenue in Q1?", "What was revenue in Q2?", "digits"),
    ("How much is 5 kg in stones?", "How much is 5 lb in stones?", "opposite"),
    ("What is the capital of Peru?", "What is the capital of Chile?", "name"),
    ("How do I cook rice?", "How do I cook pasta?", "word"),
    ("Who bakes bread?", "Why bake bread?", "ask"),
    ("Is a > b true here?", "Is a < b true here?", "signs"),
    ("How can I become visible?", "How can I become invisible?", "opposite"),
]
TOGETHER = [
    ("How do I bake bread at home?", "How can I bake bread at home"),
    ("What is the best way to learn Python?", "What is the best way of learning Python?"),
    ("How do I reset my password", "how do i reset my password?"),
    ("What are good books on chess?", "What are the best books on chess?"),
    ("Cats and dogs: which are cleaner?", "Dogs and cats: which are cleaner?"),
]


@pytest.mark.parametrize(("one", "other", "guard"), APART)
def test_questions_that_look_alike_are_held_apart_both_ways(one: str, other: str, guard: str) -> None:
    assert conflict(one, other) == guard
    assert conflict(other, one)


@pytest.mark.parametrize(("one", "other"), TOGETHER)
def test_other_words_for_the_same_are_let_through(one: str, other: str) -> None:
    assert conflict(one, other) == ""


@given(one=st.text(max_size=80), other=st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_texts_have_a_probability(one: str, other: str) -> None:
    wrong, guard = curve_for(LexicalEmbedder()).wrong(one, other, 0.5)
    assert 0 < wrong <= 1
    assert not guard or wrong == 1
    assert conflict(one, one) == ""


def _served(seed: int) -> tuple[int, int]:
    """Wrong answers and all answers of 4,000 requests; the second half is twice as often wrong as the curve says."""
    draw = random.Random(seed)
    bound = Bound(0.02)
    wrong = hits = 0
    for number in range(4_000):
        told = draw.betavariate(0.6, 1.2)
        is_wrong = draw.random() < min(1.0, told * (2 if number > 2_000 else 1))
        bound.ask()
        if not bound.admits(told):
            continue
        if draw.random() < 0.2:
            bound.learn(told, is_wrong=is_wrong, share=0.2)
            if is_wrong:
                bound.give_back(told)
                continue
        hits += 1
        wrong += is_wrong
    return wrong, hits


def test_the_bound_holds_but_for_chance_when_a_judge_sees_the_traffic_drift() -> None:
    served = [_served(seed) for seed in range(20)]
    allowed = 0.02 * 4_000
    assert sum(wrong for wrong, _ in served) / 20 < allowed * 0.9
    assert sum(wrong > allowed for wrong, _ in served) <= 2
    assert all(wrong < allowed * 1.3 and hits > 400 for wrong, hits in served)


@given(told=st.lists(st.floats(0, 1), max_size=200), delta=st.floats(0, 0.2))
@settings(max_examples=50, deadline=None)
def test_no_more_is_paid_than_there_is(told: list[float], delta: float) -> None:
    bound = Bound(delta)
    for each in told:
        bound.ask()
        bound.admits(each)
        assert bound.standing.expected_wrong <= delta * bound.standing.requests + 1e-9


def _bench(capsys: Any, *arguments: str) -> tuple[int, Any]:
    code = main(["cache", "bench", *arguments])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out else captured.err


def test_the_bench_prints_one_object(tmp_path: Any, capsys: Any) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [{"a": a, "b": b, "same": False} for a, b, _ in APART] + [{"a": "hi you", "b": "hi you", "same": 1}] * 3
    path.write_text("\n".join(map(json.dumps, rows)))
    code, found = _bench(capsys, str(path), "--delta", "0.01", "--embedder", "lexical")
    assert code == 0
    assert (found["requests"], found["hits"], found["wrong"]) == (len(rows), 3, 0)
    assert (found["duplicates"], found["recall"], found["wrong_share"]) == (3, 1.0, 0.0)
    assert found["time_ms_median"] > 0
    path.write_text("")
    assert _bench(capsys, str(path), "--embedder", "lexical")[1]["recall"] is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "line 1 is not JSON"),
        ("[]", "is no object"),
        ('{"a": 1, "b": "x", "same": true}', '"a" is not a text'),
        ('{"a": "x", "b": "x", "same": "yes"}', '"same" is neither true nor false'),
    ],
)
def test_a_file_without_pairs_is_a_sentence_and_two(text: str, sentence: str, tmp_path: Any, capsys: Any) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(text)
    code, said = _bench(capsys, str(path), "--embedder", "lexical")
    assert code == 2
    assert sentence in said
    assert _bench(capsys, str(tmp_path / "none"), "--embedder", "lexical")[0] == 2
    assert _bench(capsys, str(path), "--delta", "2", "--embedder", "lexical")[0] == 2
