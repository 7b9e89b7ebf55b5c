"""The pure halves of the components: trees, conversations, labels."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmtrace_dashboards.components.critical_path import critical_path
from llmtrace_dashboards.components.plain import code
from llmtrace_dashboards.components.transcript import messages
from llmtrace_dashboards.components.waterfall import lay_out, marks
from support.seed import HOSTILE

ids = st.sampled_from("abcdefgh")


def span(span_id: str, parent: str, start: int = 0, length: int = 10) -> dict[str, Any]:
    return {"span_id": span_id, "parent_span_id": parent, "start_ns": start, "duration_ns": length}


def test_children_stand_under_their_parent_earliest_first() -> None:
    spans = [span("c", "a", 60, 40), span("a", "", 0, 100), span("b", "a", 10, 40), span("d", "b", 20, 5)]
    placed = lay_out(spans)
    assert [(p.span["span_id"], p.depth) for p in placed] == [("a", 0), ("b", 1), ("d", 2), ("c", 1)]
    assert (placed[1].left, placed[1].width) == (10.0, 40.0)


@given(st.dictionaries(ids, ids | st.just(""), max_size=8))
def test_every_span_is_placed_once_whatever_its_parents_are(parents: dict[str, str]) -> None:
    spans = [span(name, parent, ord(name)) for name, parent in parents.items()]
    placed = lay_out(spans)
    assert sorted(p.span["span_id"] for p in placed) == sorted(parents)
    assert all(0 <= p.left <= 100 and 0 <= p.width <= 100 for p in placed)


def test_the_critical_path_is_what_the_end_waited_for() -> None:
    """Of two children at once the later to end counts; what no child covers is the parent's own."""
    spans = [span("a", "", 0, 100), span("b", "a", 10, 40), span("c", "a", 10, 30), span("d", "a", 60, 30)]
    assert critical_path(spans) == {"a": 30, "b": 40, "d": 30}


@given(
    st.dictionaries(ids, st.tuples(ids | st.just(""), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8)
)
def test_the_critical_path_adds_up_to_the_length_of_its_root(made: dict[str, tuple[str, int, int]]) -> None:
    """Whatever the parents and times are; and no span adds more than its own length."""
    spans = {name: span(name, parent, start, length) for name, (parent, start, length) in made.items()}
    path = critical_path(list(spans.values()))
    roots = [s for s in spans.values() if s["parent_span_id"] not in spans or s["parent_span_id"] == s["span_id"]]
    assert bool(path) == bool(roots)
    assert all(0 <= own <= spans[name]["duration_ns"] for name, own in path.items())
    if roots:
        last = max(roots, key=lambda s: (s["start_ns"] + s["duration_ns"], s["span_id"]))
        assert sum(path.values()) == last["duration_ns"]


def test_marks_say_what_happened_to_a_call() -> None:
    """Retries, the provider's cache and guardrails; of a plain call nothing."""
    plain = {"retries": "", "verdict": "", "origin": "", "cached_input_tokens": None, "input_tokens": 100}
    assert marks(plain) == []
    told = {"retries": "2", "verdict": "block", "origin": "guardrail"}
    assert marks(plain | told | {"cached_input_tokens": 50}) == [
        "↻ 2 retried",
        "◔ 50.0% cached",
        "⛨ block",
        "⇄ by guardrail",
    ]


def content(**columns: str) -> dict[str, str]:
    return {"system_instructions": "", "input_messages": "", "output_messages": "", "tool_definitions": ""} | columns


def test_a_conversation_reads_in_order() -> None:
    sent = [
        {"role": "user", "parts": [{"type": "text", "content": HOSTILE[0]}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "name": "look", "arguments": {"q": 1}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "response": "found"}]},
    ]
    said = [{"role": "assistant", "parts": [{"type": "text", "content": "Hello."}], "finish_reason": "stop"}]
    system = [{"type": "text", "content": "Be kind."}]
    row = content(
        system_instructions=json.dumps(system), input_messages=json.dumps(sent), output_messages=json.dumps(said)
    )
    assert [(m.title, m.text) for m in messages(row)] == [
        ("System", "Be kind."),
        ("User", HOSTILE[0]),
        ("Assistant calls look", '{\n  "q": 1\n}'),
        ("Tool answers", "found"),
        ("Assistant", "Hello."),
    ]


@given(
    st.text()
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["role", "parts", "type", "content", "x"]), inner)
        ),
    ).map(json.dumps)
)
def test_any_content_is_shown_rather_than_raised(text: str) -> None:
    for message in messages(content(input_messages=text)):
        assert isinstance(message.text, str)


def test_what_is_not_json_is_shown_as_it_came() -> None:
    assert [m.text for m in messages(content(input_messages="{cut off"))] == ["{cut off"]


@given(st.text())
def test_a_label_is_one_code_span(text: str) -> None:
    label = code(text)
    fence = label[: len(label) - len(label.lstrip("`"))]
    inner = label[len(fence) : -len(fence)]
    assert label.endswith(fence)
    assert fence not in inner.strip("`").split() or not inner.strip("`")
    assert "\n" not in label
