"""Breakers, assignment, bounds and policy files: what must hold of each, whatever comes."""

from __future__ import annotations

import json
import random
import statistics
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmtrace
from llmtrace.router import BreakerSettings, Cheapest, Learned, PolicyFileError, Split, load_routing
from llmtrace.router.assigning import assigned
from llmtrace.router.bounds import Paired
from llmtrace.router.breakers import Breaker
from llmtrace.router.files import routing_of


@given(
    gaps=st.lists(st.floats(min_value=0.0, max_value=40.0), min_size=1, max_size=80),
    settings=st.builds(
        BreakerSettings, failures=st.integers(1, 3), open_s=st.just(30.0), longest_s=st.sampled_from([60.0, 600.0])
    ),
)
def test_a_dead_deployment_is_tried_no_more_than_once_a_period(gaps: list[float], settings: BreakerSettings) -> None:
    breaker, now, tried = Breaker(settings), 0.0, []
    for gap in gaps:
        now += gap
        if (ticket := breaker.admit(now)) is not None:
            tried.append(now)
            breaker.failed(ticket, now)
    for start in tried:
        assert sum(start <= at < start + settings.open_s for at in tried) <= settings.failures
        assert sum(start <= at <= start + 2 * settings.open_s for at in tried) <= settings.failures + 2


@given(
    steps=st.lists(st.tuples(st.sampled_from(["ask", "good", "bad", "neither"]), st.floats(0.0, 100.0)), max_size=60)
)
def test_a_breaker_always_opens_again_and_lets_one_trial_through_at_a_time(steps: list[tuple[str, float]]) -> None:
    settings = BreakerSettings()
    breaker, now, waiting = Breaker(settings), 0.0, []
    for step, gap in steps:
        now += gap
        if step == "ask":
            if (ticket := breaker.admit(now)) is not None:
                waiting.append(ticket)
        elif waiting:
            ticket = waiting.pop(0)
            if step == "good":
                breaker.succeeded(ticket)
            elif step == "bad":
                breaker.failed(ticket, now)
            else:
                breaker.let_go(ticket)
    later = now + settings.longest_s + settings.trial_s
    ticket = breaker.admit(later)
    assert ticket is not None
    breaker.succeeded(ticket)
    assert breaker.admit(later) is not None
    assert not breaker.is_open(later)


def test_what_came_of_a_call_from_before_the_breaker_opened_does_not_close_it() -> None:
    breaker = Breaker(BreakerSettings(failures=1))
    slow, quick = breaker.admit(0.0), breaker.admit(0.0)
    assert slow is not None
    assert quick is not None
    breaker.failed(quick, 1.0)
    breaker.succeeded(slow)
    assert breaker.admit(2.0) is None


KEYS = st.text(max_size=20)
WEIGHTS = st.dictionaries(st.text(min_size=1, max_size=8), st.floats(0.1, 10.0), min_size=2, max_size=5)


@given(key=KEYS, weights=WEIGHTS, salt=st.text(max_size=4), data=st.data())
def test_a_key_keeps_its_arm_unless_that_arm_shrinks_or_another_grows(
    key: str, weights: dict[str, float], salt: str, data: st.DataObject
) -> None:
    before = assigned(key, list(weights.items()), salt=salt)
    assert before == assigned(key, list(reversed(weights.items())), salt=salt)
    changed = data.draw(st.sampled_from(sorted(weights)))
    grown = {**weights, changed: weights[changed] * 3}
    assert assigned(key, list(grown.items()), salt=salt) in (before, changed)


def test_arms_get_their_weights() -> None:
    counts = Counter(assigned(str(key), [("a", 3.0), ("b", 1.0), ("c", 0.0)]) for key in range(20_000))
    assert counts["c"] == 0
    assert counts["a"] / 20_000 == pytest.approx(0.75, abs=0.01)


def test_a_target_that_is_too_bad_is_proven_in_fewer_than_one_of_twenty_runs_at_whatever_time_one_looks() -> None:
    """200 runs of 1,000 pairs, the target exactly at the margin, looked at after every pair."""
    wrong = 0
    for seed in range(200):
        rng, paired = random.Random(seed), Paired()
        for _ in range(1000):
            # Grades of 0 and 1 that differ in a fifth of pairs: the target loses 12 % and wins 7 %, 0.05 worse.
            drawn = rng.random()
            paired = paired.with_pair(-1.0 if drawn < 0.12 else 1.0 if drawn < 0.19 else 0.0)
            bounds = paired.bounds(0.95)
            if bounds is not None and bounds[0] > -0.05:
                wrong += 1
                break
    assert wrong <= 10


def test_sums_of_pairs_are_those_of_statistics() -> None:
    rng, paired = random.Random(5), Paired()
    values = [rng.uniform(-1, 1) for _ in range(100)]
    for value in values:
        paired = paired.with_pair(value)
    assert paired.mean == pytest.approx(statistics.fmean(values))
    assert paired.squares / 100 == pytest.approx(statistics.pvariance(values))


FILE = """
routes:
  - name: chat
    models: [gpt-4o]
    allow: [tools]
    policy:
      kind: split
      by: session
      arms:
        - {name: cheap, weight: 1, policy: {kind: cheapest, floor: 0.8, targets: [{model: gpt-4o-mini, quality: 0.9}]}}
        - {name: learned, policy: {kind: learned, weak: a, strong: b, file: fitted.json}}
    shadow: {target: gpt-4.1, share: 0.05}
"""


def test_a_yaml_file_and_its_json_say_the_same(tmp_path: Path) -> None:
    import yaml

    (tmp_path / "p.yaml").write_text(FILE)
    (tmp_path / "p.json").write_text(json.dumps(yaml.safe_load(FILE)))
    routing = load_routing(tmp_path / "p.yaml")
    assert routing == load_routing(tmp_path / "p.json")
    (route,) = routing.routes
    assert isinstance(route.policy, Split)
    cheap, learned = (arm.policy for arm in route.policy.arms)
    assert isinstance(cheap, Cheapest)
    assert isinstance(learned, Learned)
    assert learned.file == str(tmp_path / "fitted.json")
    assert route.shadow is not None
    assert (route.shadow.target.model, route.shadow.share) == ("gpt-4.1", 0.05)


def test_the_example_of_the_documentation_is_a_policy() -> None:
    names = [route.name for route in load_routing(Path(__file__).parents[2] / "docs/examples/router.yaml").routes]
    assert names == ["support", "drafts", "everything-else"]


WRONG: list[tuple[Any, str]] = [
    ([], r"the file: '\[\]'"),
    ({"routes": []}, "routes: "),
    ({"routes": [{"policy": {"kind": "cheep"}}]}, r"routes\[0\].policy.kind: 'cheep'.*fallback, cheapest"),
    (
        {"routes": [{"policy": {"kind": "cheapest", "targets": ["a"], "floor": 95}}]},
        r"routes\[0\].policy.floor: '95.0'",
    ),
    ({"routes": [{"policy": {"kind": "fallback", "targets": [{"modl": "a"}]}}]}, r"policy.targets\[0\].modl"),
    ({"kind": "fallback", "targets": ["a", "a"]}, "targets: .*name each target once"),
    ({"kind": "cascade", "targets": ["a"], "escalate": ["rude"]}, r"escalate\[0\]: 'rude'"),
    ({"kind": "cascade", "targets": ["a"], "min_logprob": 1}, "min_logprob"),
    ({"kind": "split", "arms": [{"name": "a", "weight": 0, "policy": {"kind": "fallback", "targets": ["a"]}}]}, "arms"),
    ({"kind": "split", "arms": [{"policy": {"kind": "fallback", "targets": ["a"]}}]}, r"arms\[0\].name: is missing"),
    ({"kind": "budget", "usd": 0, "policy": {}, "over": {}}, "usd"),
    ({"kind": "bandit", "targets": ["a"], "confidence": 0.3}, "confidence"),
    ({"kind": "learned", "weak": "a", "strong": "b"}, "file: is missing"),
    ({"routes": [{"policy": {"kind": "fallback", "targets": ["a"]}, "allow": ["all"]}]}, r"allow\[0\]"),
]


@pytest.mark.parametrize(("data", "sentence"), WRONG, ids=range(len(WRONG)))
def test_a_mistake_in_a_policy_is_told_with_its_whole_path(data: Any, sentence: str) -> None:
    with pytest.raises(PolicyFileError, match=sentence):
        routing_of(data)
    with pytest.raises(ValueError, match=sentence):
        llmtrace.instrument(export="none", router=data)


@given(data=st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=8), lambda inner: st.lists(
    inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["routes", "policy", "kind", "targets", "arms", "name", "weight", "floor", "model", "over", "usd"]), inner,
        max_size=4), max_leaves=12))  # fmt: skip
def test_whatever_a_file_says_the_answer_is_a_policy_or_a_sentence(data: Any) -> None:
    found = None
    with suppress(PolicyFileError):
        found = routing_of(data)
    assert found is None or found.routes


def test_files_that_are_not_there_or_no_yaml_are_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("a: [")
    (tmp_path / "p.json").write_text("{")
    for name, sentence in (("p.yaml", "no YAML"), ("p.json", "no JSON"), ("none.json", "cannot be read")):
        with pytest.raises(PolicyFileError, match=rf"{name}.*{sentence}"):
            load_routing(tmp_path / name)
