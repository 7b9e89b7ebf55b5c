"""Whatever is sent under the names of the conventions: it stops no insert, and what is made of it are messages."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from llmtrace_collector.schema.dialects import names
from llmtrace_collector.signals import Signal
from support.conventions import found
from support.landing import land
from support.otlp import request, span
from support.services import Stack

ODD = ["", "[", "{", "[]", "{}", "null", '"', '"x"', "[1,2]", '["a"]', "[[]]", "NaN", "-1", "1e400", "\\", "\x00"]
ODD += ["18446744073709551616", "9999-99-99T99:99:99Z", "2262-04-12T00:00:00Z", "é" * 3, '[{"role":"user"}]']
ODD += ['{"messages":[1]}', '{"messages":[[{"kwargs":{"content":[1],"type":"ai"}}]]}', '[{"content":{"a":1}}]']
ODD += ['{"choices":[null]}', '[{"role":"tool","tool_call_id":"x","content":null}]', '{"role":"u","tool_calls":[{}]}']
odd = st.one_of(
    st.sampled_from(ODD),
    st.text(max_size=12),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.booleans(),
    st.lists(st.text(max_size=4), max_size=3),
)
PLACES = [
    "0.role",
    "1.content",
    "99999999999.x",
    "0.tool_calls.0.id",
    "0.tool_calls.3.function.name",
    "x",
    "",
    "-1.role",
]
PLACES += [
    "0.message.contents.1.message_content.text",
    "0.message.tool_calls.0.tool_call.function.arguments",
    "0..",
    "5",
]
PREFIXES = ["gen_ai.prompt", "gen_ai.completion", "llm.input_messages", "llm.output_messages"]
indexed = st.tuples(st.sampled_from(PREFIXES), st.sampled_from(PLACES)).map(".".join)
keys = st.one_of(st.sampled_from([name.attribute for name in names()]), indexed, st.text(max_size=5))
hostile = st.dictionaries(keys, odd, max_size=12)


NO_SHRINKING = (Phase.explicit, Phase.generate)
"""Each example is an insert of seconds: to make a failing one small would take an hour."""


FOUND = [
    # A text with the byte that marks what is deep is finished by the writer, not by the insert.
    {"langfuse.observation.prompt.version": "\x01", "\x07": "a\x01b"},
    # Parts that are no list, a role that is no text: both once stood in messages as they were.
    {"llm.output_messages.0.parts": "", "llm.output_messages.0.message.content": "[]"},
    {"output.value": '{"parts": -1, "tool_calls": 2.5}'},
    {"input.value": '[{"role": {"a": 1}, "parts": [{"type": "text", "content": "x"}]}, {"parts": []}]'},
]
"""What was found by many more examples than are tried each time."""


@settings(
    max_examples=5, deadline=None, phases=NO_SHRINKING, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(hostile, min_size=10, max_size=40))
@example(FOUND)
def test_nothing_that_can_be_sent_under_these_names_stops_an_insert(stack: Stack, many: list[dict[str, Any]]) -> None:
    spans = [span(attributes, name="hostile") for attributes in many]
    land(stack, Signal.TRACES, request(*spans))
    ids = [one.trace_id.hex() for one in spans]
    sql = (
        "SELECT (SELECT count() FROM spans WHERE trace_id IN {ids:Array(String)})"
        " + (SELECT count() FROM spans_quarantine WHERE trace_id IN {ids:Array(String)})"
    )
    assert stack.reader().query(sql, parameters={"ids": ids}).result_rows == [(len(spans),)]
    made = found(stack, "span_content", *(one.trace_id for one in spans))
    for row in made:
        for side in ("input", "output"):
            if row[f"{side}_format"] == "messages" and row["convention"] != "genai":
                verbatim = f"gen_ai.{side}.messages" in {key for sent in many for key in sent}
                assert verbatim or are_messages(row[f"{side}_messages"]), row[f"{side}_messages"]


def are_messages(text: str) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return all(isinstance(m["role"], str) and isinstance(m["parts"], list) for m in found)
