"""Whether a call gives the same answer again, and whether what answers is what answered before."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace import consistency
from llmtrace.embedding import LexicalEmbedder
from support.scripted import chat_body

ASK: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "capital of Norway?"}]}


class Said:
    """A call that gives one text after the other."""

    def __init__(self, *texts: str) -> None:
        self._texts = itertools.cycle(texts)
        self.seeds: list[Any] = []

    def __call__(self, seed: Any = None) -> str:
        self.seeds.append(seed)
        return next(self._texts)


def test_answers_of_one_meaning_are_one_cluster_and_the_largest_is_the_answer() -> None:
    found = consistency.check(Said("Oslo", " oslo. ", "Bergen", "Oslo!"), n=4)
    assert [len(cluster) for cluster in found.clusters] == [3, 1]
    assert (found.agreement, found.answer, found.identical) == (0.75, "Oslo", False)
    assert found.semantic_entropy == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


def test_an_embedder_or_a_judge_groups_what_is_said_in_other_words() -> None:
    texts = ("The capital of Norway is Oslo", "Oslo is the capital of Norway", "I am not sure about that at all")
    alone = consistency.check(Said(*texts), n=3)
    embedded = consistency.check(Said(*texts), n=3, embedder=LexicalEmbedder(), alike=0.6)
    judged = consistency.check(Said(*texts), n=3, same=lambda one, other: ("Oslo" in one) == ("Oslo" in other))
    assert [len(found.clusters) for found in (alone, embedded, judged)] == [3, 2, 2]


def test_real_answers_tell_their_model_and_fingerprint(scripted: Any) -> None:
    def call(seed: int) -> Any:
        fingerprint = "fp_a" if len(scripted.requests) % 2 else "fp_b"
        scripted.answers(chat_body({"role": "assistant", "content": "Oslo"}, system_fingerprint=fingerprint))
        return scripted.sync.chat.completions.create(**ASK, seed=seed)

    found = consistency.check(call, n=3, seed=7)
    assert [request["seed"] for request in scripted.requests[-3:]] == [7, 7, 7]
    assert (found.identical, found.seed, len(found.models), set(found.fingerprints)) == (True, 7, 1, {"fp_a", "fp_b"})
    assert found.as_json()["semantic_entropy"] == 0


def test_coroutines_are_run_several_at_once_and_failures_are_findings(run: Any) -> None:
    count = itertools.count()

    async def call() -> str:
        if next(count) == 1:
            raise TimeoutError
        return "yes"

    found = run(consistency.check_async(call, n=5))
    assert (found.answered, found.agreement) == (4, 1.0)
    assert found.as_json()["errors"] == ["TimeoutError"]


def test_where_every_run_fails_there_is_no_agreement() -> None:
    def call() -> str:
        raise ValueError

    found = consistency.check(call, n=2)
    assert (found.agreement, found.semantic_entropy, found.answer, found.identical) == (None, None, None, False)


@pytest.mark.parametrize("n", [0, 1, 101])
def test_a_count_that_says_nothing_or_costs_too_much_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="write 2 to 100"):
        consistency.check(Said("x"), n=n)


def test_a_coroutine_function_is_sent_to_the_other_check() -> None:
    async def call() -> str:
        return ""

    with pytest.raises(TypeError, match="check_async"):
        consistency.check(call)


@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=20))
def test_every_answer_is_in_one_cluster_and_entropy_has_its_bounds(texts: list[str]) -> None:
    found = consistency.check(Said(*texts), n=len(texts))
    assert sorted(place for cluster in found.clusters for place in cluster) == list(range(len(texts)))
    assert found.semantic_entropy is not None
    assert 0 <= found.semantic_entropy <= math.log(len(texts)) + 1e-9
    assert len(found.clusters) == len(set(texts))


def test_a_model_or_backend_that_was_not_seen_before_is_an_event_on_the_call_that_met_it(
    make_traces: Any, scripted: Any
) -> None:
    traces = make_traces()
    for model, fingerprint in (("m-1", "fp_a"), ("m-1", "fp_b"), ("m-1", "fp_a"), ("m-2", "fp_b")):
        answer = chat_body({"role": "assistant", "content": "hi"}, system_fingerprint=fingerprint)
        scripted.answers({**answer, "model": model})
        scripted.sync.chat.completions.create(**ASK)
    events = [[(event.name, dict(event.attributes or {})) for event in span.events] for span in traces.spans()]
    name, what = "llmtrace.backend.changed", "llmtrace.change."
    assert events == [
        [],
        [(name, {f"{what}what": "fingerprint", f"{what}before": "fp_a", f"{what}now": "fp_b"})],
        [],
        [(name, {f"{what}what": "model", f"{what}before": "m-1", f"{what}now": "m-2"})],
    ]
