"""The learned policy: `llmtrace router bench` and `fit`, and a fitted policy in front of the real client."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmtrace.cli import main
from llmtrace.router import Learned, PolicyFileError, Router, Target
from llmtrace.router.measuring import Scored, apgr, at_floor, cpt, curve

EASY = ("what is the capital of", "say hello to", "name the colour of")
HARD = ("prove by induction that the sum", "derive the integral of", "find every flaw in the proof of")


def graded_lines(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Hard prompts, which the weak model fails, and easy ones."""
    rng = random.Random(seed)
    lines = []
    for number in range(count):
        hard = rng.random() < 0.4
        prompt = f"{rng.choice(HARD if hard else EASY)} {rng.choice('abcdefgh')} number {number}"
        weak = float(rng.random() < (0.25 if hard else 0.95))
        strong = float(rng.random() < 0.95)
        lines.append({"prompt": prompt, "weak": weak, "strong": strong, "weak_cost": 0.001, "strong_cost": 0.02})
    return lines


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    path = tmp_path / "graded.jsonl"
    path.write_text("\n".join(map(json.dumps, graded_lines(300))))
    return path


def test_bench_prints_one_object_with_the_figures_and_the_baselines(graded: Path, capsys: Any) -> None:
    assert main(["router", "bench", str(graded), "--folds", "5"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["calls"] == 300
    assert report["apgr"] > 0.7
    assert report["apgr_low"] < report["apgr"] < report["apgr_high"]
    assert report["cpt50"] < report["cpt80"] < 0.6
    cut = report["at_95_percent_quality"]
    assert 0 < cut["cost_cut_low"] < cut["cost_cut"] < 1
    assert cut["quality_kept_low"] < cut["quality_kept"]
    assert set(report["baselines"]) == {"prompt_length", "random", "always_weak", "always_strong"}
    assert report["baselines"]["random"]["apgr"] == 0.5
    assert cut["cost_cut"] > report["baselines"]["random"]["at_95_percent_quality"]["cost_cut"]


def test_the_same_seed_gives_the_same_figures(graded: Path, capsys: Any) -> None:
    found = []
    for _ in range(2):
        main(["router", "bench", str(graded), "--folds", "3"])
        report = json.loads(capsys.readouterr().out)
        found.append({name: report[name] for name in report if name not in ("fit_s", "choose_ms")})
    assert found[0] == found[1]


def test_a_fitted_policy_sends_hard_prompts_to_the_strong_model(
    graded: Path, capsys: Any, make_traces: Any, fake_and_client: Any
) -> None:
    fake, client = fake_and_client
    out = graded.parent / "policy.json"
    assert main(["router", "fit", str(graded), "--out", str(out), "--folds", "5"]) == 0
    assert "capital" not in out.read_text()  # words are hashed
    capsys.readouterr()
    policy = Learned(weak=Target(model="gpt-4o-mini"), strong=Target(model="gpt-4o"), file=str(out), quality=0.9)
    make_traces(router=Router(policy))
    for text in ("what is the capital of a", "prove by induction that the sum b"):
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}])
    assert [request.body["model"] for request in fake.requests] == ["gpt-4o-mini", "gpt-4o"]


def test_a_fitted_policy_that_is_none_is_told_at_the_start_not_with_a_call(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    policy = Learned(weak=Target(model="a"), strong=Target(model="b"), file=str(path))
    with pytest.raises(PolicyFileError, match="router fit"):
        Router(policy).prepare(None)
    path.write_text('{"format": "llmtrace-router-1", "form": {}}')
    with pytest.raises(PolicyFileError, match="is no fitted policy"):
        Router(policy).prepare(None)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("[]", ":2: is no JSON object"),
        ('{"prompt": 3}', ":2: prompt is no text"),
        ('{"prompt": "a", "weak": 1, "strong": "x", "weak_cost": 1, "strong_cost": 1}', ':2: strong is "x"'),
        ('{"prompt": "a", "weak": 1, "strong": NaN, "weak_cost": 1, "strong_cost": 1}', ":2: strong is NaN"),
        ('{"prompt": "a", "weak": 1, "strong": 1, "weak_cost": -1, "strong_cost": 1}', ":2: weak_cost is -1"),
        ("", "1 calls are too few"),
    ],
    ids=["list", "prompt", "text", "nan", "negative", "few"],
)
def test_a_file_that_is_wrong_is_told_in_a_sentence(line: str, sentence: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "graded.jsonl"
    path.write_text(json.dumps(graded_lines(1)[0]) + "\n" + line)
    assert main(["router", "bench", str(path)]) == 2
    assert sentence in capsys.readouterr().err


def test_a_file_that_is_not_there_and_folds_that_are_none(graded: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(["router", "bench", str(tmp_path / "none.jsonl")]) == 2
    assert main(["router", "bench", str(graded), "--folds", "1"]) == 2
    assert "No such file" in (said := capsys.readouterr().err)
    assert "from 2 to 100" in said


def test_models_that_are_equally_good_have_no_gap_to_recover(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "graded.jsonl"
    path.write_text("\n".join(json.dumps({**line, "weak": 1, "strong": 1}) for line in graded_lines(40)))
    assert main(["router", "bench", str(path)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["apgr"] is None
    assert report["at_95_percent_quality"]["cost_cut"] == 0.95


def scored(scores: list[float], weak: list[float], strong: list[float]) -> Scored:
    count = len(scores)
    return Scored(
        scores=np.array(scores),
        worths=np.array(scores),
        folds=np.arange(count) % 2,
        weak=np.array(weak),
        strong=np.array(strong),
        weak_cost=np.zeros(count),
        strong_cost=np.ones(count),
    )


def test_apgr_and_cpt_of_a_curve_drawn_by_hand() -> None:
    """Four calls, one gained by each of the first two: half the gap at a quarter of the calls."""
    ordered = scored([4, 3, 2, 1], [0, 0, 1, 1], [1, 1, 1, 1])
    assert curve(ordered) == pytest.approx([0, 0.5, 1, 1, 1])
    assert apgr(curve(ordered)) == pytest.approx(0.75)
    assert cpt(curve(ordered), 0.5) == 0.25
    equal = scored([1, 1, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1])
    assert apgr(curve(equal)) == pytest.approx(0.5)


def test_what_is_kept_at_a_floor_is_measured_on_calls_the_line_was_not_drawn_on() -> None:
    rng = np.random.default_rng(0)
    noise = scored(list(rng.random(400)), list((rng.random(400) < 0.5) * 1.0), [1.0] * 400)
    found = at_floor(noise, 0.9, 0)
    assert found["quality_kept_low"] < 0.9 < found["quality_kept"] + 0.05
    assert found["cost_cut"] == pytest.approx(1 - found["strong_share"], abs=1e-3)
