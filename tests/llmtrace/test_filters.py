"""The grammar of filters: what is written is read back, and what is no filter is told in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace import filters
from llmtrace.filters import FIELDS, FLAGS, FilterError, Op, Term, Value

texts = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=20).filter(str.isprintable)
numbers = st.decimals(min_value=0, max_value=10**9, places=3).map(lambda d: f"{d.normalize():f}")


@st.composite
def terms(draw: st.DrawFn) -> Term:
    word = draw(st.sampled_from([*FIELDS, "is", "has", "", "score.quality", "attr.http.route"]))
    negated = draw(st.booleans())
    if word in {"is", "has"}:
        values = draw(
            st.lists(st.sampled_from([*(FLAGS if word == "is" else FIELDS)]), min_size=1, max_size=3, unique=True)
        )
        return Term(word=word, values=tuple(Value(text=text) for text in values), negated=negated)
    if word in FIELDS and FIELDS[word].kind.numeric:
        return Term(word=word, op=draw(st.sampled_from(Op)), values=(Value(text=draw(numbers)),), negated=negated)
    if word in {"status", "stream"}:
        choice = draw(st.sampled_from(("ok", "error") if word == "status" else ("yes", "no")))
        return Term(word=word, values=(Value(text=choice),), negated=negated)
    many = draw(st.lists(texts, min_size=1, max_size=1 if not word else 4, unique=True))
    return Term(word=word, values=tuple(Value(text=text) for text in many), negated=negated)


@given(st.lists(terms(), max_size=8))
def test_a_filter_survives_being_written(found: list[Term]) -> None:
    text = filters.render(found)
    assert filters.parse(text) == tuple(found)
    assert filters.render(filters.parse(text)) == text


@given(st.text(max_size=60) | st.text('ab:><=-", *.%1s"\\', max_size=30))
def test_whatever_is_typed_is_a_filter_or_told_with_its_place(text: str) -> None:
    """Nothing but `FilterError`, and no value of a stranger in the SQL."""
    found = told = None
    try:
        found = filters.parse(text)
    except FilterError as error:
        told = error
    if told is not None:
        assert str(told).endswith(f"(at character {told.at + 1})")
        assert 0 <= told.at <= len(text)
    if found is None:
        return
    made = filters.condition(found)
    assert filters.parse(filters.render(found)) == found
    assert set(made.params) == {f"f{i}" for i in range(len(made.params))}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("svc:api", "service:api"),
        ("LATENCY>3000ms", "latency>3s"),
        ("latency>0.05m", "latency>3s"),
        ("cost>=$0.010", "cost>=0.01"),
        ("unlikely_share>5%", "unlikely_share>0.05"),
        ("tokens>1.5k", "tokens>1500"),
        ("model!=gpt-5", "-model:gpt-5"),
        ("model=gpt-5,gpt-5", "model:gpt-5"),
        ('"hello"', "hello"),
        ('user:"ana"', "user:ana"),
        ("  pv:v6   is:error ", "prompt_version:v6 is:error"),
        ("has:ttft", "has:ttft"),
        ('user:""', 'user:""'),
    ],
)
def test_there_is_one_way_to_write_a_filter(text: str, same: str) -> None:
    """Aliases, units and quotes come out alike, so that links and chips of the same filter are the same."""
    assert filters.render(filters.parse(text)) == same


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("modle:x", 'There is no word "modle"; did you mean "model"? (at character 1)'),
        ("is:error http://x", 'There is no word "http"; text to look for goes in quotes (at character 10)'),
        (
            "latency>fast",
            '"fast" is no number for "latency"; write it like 1us, 1ms, 1s, 1m, 1min, 1h (at character 9)',
        ),
        ("model>3", '"model" has no order: write model:VALUE (at character 7)'),
        ("is:eror", '"is:eror" is not known; did you mean "error"? (at character 4)'),
        ('user:"ana', "A quote is not closed (at character 6)"),
        ("user:a,", 'A value is missing after "user" (at character 8)'),
        ("user:", 'A value is missing after "user" (at character 6)'),
        ("score.>1", '"score." lacks a name: write it like score.quality (at character 1)'),
        ("latency>1,2", '"latency" is compared with one number (at character 9)'),
        ("-model!=x", 'Two negations: write "-model:..." or "model!=..." (at character 1)'),
        ("a" * 2_001, "The filter is longer than 2,000 characters (at character 2001)"),
        ("a\x1b[31m", "A control character is in the filter (at character 2)"),
        (" ".join("a" for _ in range(31)), "The filter has more than 30 terms (at character 62)"),
        ("cost>1e40", '"1e40" is too large (at character 6)'),
        ('""', "There is nothing between the quotes (at character 1)"),
    ],
)
def test_what_is_no_filter_is_told_in_one_sentence(text: str, told: str) -> None:
    with pytest.raises(FilterError) as caught:
        filters.parse(text)
    assert str(caught.value) == told


def test_the_reference_page_has_every_word() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "filters.md").read_text(encoding="utf-8")
    for known in FIELDS.values():
        names = ", ".join(f"`{word}`" for word in (known.word, *known.also))
        assert f"| {names} | {known.kind} | {known.about} |" in page
    for word, (_, about) in FLAGS.items():
        assert f"| `{word}` | {about} |" in page
