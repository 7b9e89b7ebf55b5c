"""How sure an answer is: fields by their tokens, calibration by labels it has not seen, advice that is proven."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.confidence import Calibration, Thresholds, advise, of_fields, reliability
from support.scripted import chat_body

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def reported(written: str, cuts: list[int], logprobs: list[float]) -> list[dict[str, Any]]:
    """The tokens of a text, cut at these bytes."""
    data = written.encode()
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(edges)]
    values = (logprobs * len(pieces))[: len(pieces)]
    return [
        {"token": piece.decode(errors="replace"), "bytes": list(piece), "logprob": value}
        for piece, value in zip(pieces, values, strict=True)
    ]


def body(tokens: list[dict[str, Any]]) -> dict[str, Any]:
    return chat_body({"role": "assistant", "content": "x"}, logprobs=[{"content": tokens}])


def test_a_field_has_the_probability_of_the_tokens_it_is_written_in(scripted: Any) -> None:
    tokens = [('{"city": "', 0.0), ("Os", -0.1), ("lo", -0.2), ('", "days": ', 0.0), ("3", math.log(0.4)), ("}", -5.0)]
    told = [{"token": text, "bytes": list(text.encode()), "logprob": p, "top_logprobs": []} for text, p in tokens]
    scripted.answers(body(told))
    answer = scripted.sync.chat.completions.create(model="gpt-4o", messages=[], logprobs=True)
    city, days = of_fields(answer)
    assert (city.name, city.value, city.tokens) == ("city", "Oslo", 4)
    assert city.probability == pytest.approx(math.exp(-0.3))
    assert (days.name, days.value, days.tokens) == ("days", 3, 1)
    assert days.probability == days.least == pytest.approx(0.4)


def test_the_fields_of_a_response_are_found_as_those_of_a_chat() -> None:
    tokens = [{"token": '{"ok": ', "logprob": 0.0}, {"token": "true", "logprob": -0.5}, {"token": "}", "logprob": 0.0}]
    answer = {"output": [{"type": "reasoning"}, {"content": [{"type": "output_text", "logprobs": tokens}]}]}
    (field,) = of_fields(answer)
    assert (field.name, field.value, round(field.probability, 4)) == ("ok", True, round(math.exp(-0.5), 4))


@given(VALUES, st.lists(st.integers(1, 200)), st.lists(st.floats(-20, 0), min_size=1), st.sampled_from([None, 2]))
def test_every_scalar_is_found_once_with_its_value_however_tokens_are_cut(
    value: Any, cuts: list[int], logprobs: list[float], indent: int | None
) -> None:
    written = json.dumps(value, indent=indent, ensure_ascii=False)
    found = of_fields(body(reported(written, cuts, logprobs)))
    assert [(field.path, field.value) for field in found] == list(scalars(value, ()))
    assert all(0 <= field.probability <= field.least <= 1 and field.tokens >= 1 for field in found)


def scalars(value: Any, path: tuple[Any, ...]) -> Any:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from scalars(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from scalars(inner, (*path, place))
    else:
        yield path, value


@given(st.binary(max_size=40))
def test_what_is_no_json_has_no_fields_and_fails_nowhere(data: bytes) -> None:
    found = of_fields(body([{"token": "", "bytes": list(data), "logprob": -1.0}]))
    assert all(field.tokens == 1 for field in found)


@pytest.mark.parametrize(
    "answer", [None, {}, chat_body({"role": "assistant", "content": "{}"}), "text", {"choices": 3}]
)
def test_an_answer_without_log_probabilities_has_no_fields(answer: Any) -> None:
    assert of_fields(answer) == []


def simulated(count: int, seed: int, power: float = 3.0) -> tuple[list[float], list[bool]]:
    """Figures of an overconfident model: right with probability figure ** power."""
    random = np.random.default_rng(seed)
    figures = random.beta(4, 1, count)
    return figures.tolist(), (random.random(count) < figures**power).tolist()


@pytest.mark.parametrize("labels", [0, 29, 200])
def test_few_or_one_sided_labels_leave_it_uncalibrated_and_it_says_why(labels: int) -> None:
    calibration = Calibration.fit([0.9] * labels, [True] * labels)
    assert not calibration.is_calibrated
    assert calibration.probability(0.9) is None
    assert f"{labels} labels" in calibration.reason
    assert advise(0.9, calibration, Thresholds()).action == "hedge"
    assert "uncalibrated" in advise(0.9, calibration, Thresholds()).reason


@pytest.mark.parametrize(("method", "count"), [("platt", 150), ("isotonic", 2000)])
def test_calibration_brings_what_is_said_to_what_is(method: str, count: int) -> None:
    figures, right = simulated(count, 1)
    raw = reliability(figures, right)
    calibration = Calibration.fit(figures, right)
    assert (calibration.method, calibration.labels) == (method, count)
    assert calibration.held_out is not None
    assert raw.ece > 0.1
    assert calibration.held_out.ece < raw.ece / 2
    more, truth = simulated(20_000, 2)
    said = [calibration.probability(figure) or 0.0 for figure in more]
    assert reliability(said, truth).ece < 0.06


@given(st.integers(0, 2**32 - 1), st.sampled_from(["isotonic", "platt"]))
def test_a_calibrated_probability_never_falls_as_the_figure_rises(seed: int, method: Any) -> None:
    figures, right = simulated(120, seed)
    calibration = Calibration.fit(figures, right, method=method)
    if not calibration.is_calibrated:
        return
    said = [calibration.probability(figure) for figure in np.linspace(0, 1, 50)]
    assert all(one is not None and 0 <= one <= 1 for one in said)
    if method == "isotonic":
        assert said == sorted(said, key=float)  # type: ignore[arg-type]
    again = Calibration.from_json(calibration.to_json())
    assert [again.probability(figure) for figure in np.linspace(0, 1, 50)] == said


@pytest.mark.parametrize("written", ["", "[]", "{}", '{"method": "magic", "knots": [], "labels": 1, "reason": ""}'])
def test_what_is_no_calibration_is_said_in_a_sentence(written: str) -> None:
    with pytest.raises(ValueError, match="this is no calibration"):
        Calibration.from_json(written)


@pytest.mark.parametrize(
    ("figures", "right", "sentence"),
    [([0.1], [], "one label for each"), ([float("nan")], [True], "finite"), ([-2.0], [True], "exp\\(mean_logprob\\)")],
)
def test_labels_that_cannot_be_are_said_in_a_sentence(figures: Any, right: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Calibration.fit(figures, right)


def test_what_is_shown_is_right_as_often_as_was_asked_in_nine_of_ten_draws() -> None:
    """Of 200 draws of 1,000 labels; the share of right ones above the threshold is known exactly."""
    kept = shown = 0
    for seed in range(200):
        thresholds = Thresholds.from_labels(*simulated(1000, seed), share_right=0.9)
        if thresholds.show_from is not None:
            shown += 1
            figures, _ = simulated(40_000, 10_000)
            above = np.array([figure for figure in figures if figure >= thresholds.show_from])
            kept += bool((above**3).mean() >= 0.9)
    assert shown > 100
    assert kept >= 0.9 * shown


def test_an_answer_is_shown_hedged_or_a_persons_by_what_labels_have_proven() -> None:
    figures, right = simulated(4000, 3)
    calibration, thresholds = Calibration.fit(figures, right), Thresholds.from_labels(figures, right, share_right=0.9)
    assert thresholds.show_from is not None
    assert thresholds.ask_below is not None
    assert thresholds.ask_below <= thresholds.show_from
    actions = [advise(figure, calibration, thresholds).action for figure in (0.2, 0.9, 0.999)]
    assert actions == ["ask", "hedge", "show"]
    told = advise(0.999, calibration, thresholds).as_json()
    assert told["calibrated"] is True
    assert json.loads(json.dumps(told)) == told
    assert advise(None, calibration, thresholds).action == "hedge"


def test_where_nothing_is_good_enough_nothing_is_shown() -> None:
    figures, right = simulated(2000, 4, power=30)
    thresholds = Thresholds.from_labels(figures, right, share_right=0.99)
    assert thresholds.show_from is None
    assert Thresholds.from_labels([], []).show_from is None
