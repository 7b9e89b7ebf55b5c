"""What leaves the process of a call: nothing of content unless asked, nothing that is to be redacted, within limits."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

import llmtrace
from llmtrace.testing import FakeReply
from support.spans import attributes

CARD = "4111 1111 1111 1111"
EMAIL = "ada@example.com"
KEY = "sk-proj-a1B2c3D4e5F6g7H8i9J0"
HIDDEN = (CARD, EMAIL, KEY)
ASK: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def _again(traces: Any, **arguments: Any) -> Any:
    llmtrace.uninstrument()
    llmtrace.instrument(traces.provider, export="none", **arguments)
    return traces


def _wire(traces: Any) -> str:
    return encode_spans(traces.spans()).SerializeToString().decode("utf-8", "replace")


def _places(hidden: str) -> dict[str, dict[str, Any]]:
    escaped = json.dumps({"to": hidden}).replace("@", "\\u0040").replace("4", "\\u0034").replace("k", "\\u006b")
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": escaped}}
    tool = {"type": "function", "function": {"name": "f", "description": f"like {hidden}", "parameters": {}}}
    return {
        "message": {**ASK, "messages": [{"role": "user", "content": f"it is {hidden}, thanks"}]},
        "system": {**ASK, "messages": [{"role": "system", "content": [{"type": "text", "text": hidden}]}]},
        "arguments": {**ASK, "messages": [{"role": "assistant", "tool_calls": [call]}]},
        "result": {**ASK, "messages": [{"role": "tool", "tool_call_id": "c1", "content": escaped}]},
        "definition": {**ASK, "tools": [tool]},
        "stop": {**ASK, "stop": [hidden]},
        "user": {**ASK, "user": hidden},
        "metadata": {**ASK, "extra_body": {"messages": [{"role": "user", "content": {hidden: hidden}}]}},
        "uri": {**ASK, "messages": [{"role": "user", "content": [_image(f"https://x.test/?q={hidden}")]}]},
    }


def _image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_hidden_in_any_place_of_a_call_is_in_no_exported_byte(
    hidden: str, stream: bool, traces: Any, fake: Any, client: Any
) -> None:
    _again(traces, capture_content=True, redact="all")
    fake.plan = lambda _: FakeReply(text=f"Sure: {hidden}.", tool=None)
    for arguments in _places(hidden).values():
        answer = client.chat.completions.create(**arguments, stream=stream)
        list(answer) if stream else None
    fake.plan = lambda _: FakeReply(tool=("send", {"to": hidden}))
    answer = client.chat.completions.create(**ASK, stream=stream)
    list(answer) if stream else None
    answer = client.responses.create(model="gpt-4o", input=hidden, instructions=hidden, stream=stream)
    list(answer) if stream else None
    wire = _wire(traces)
    assert hidden not in wire
    assert wire.count("[redacted: ") >= len(_places(hidden)) * 2


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(around=st.tuples(st.text(max_size=20), st.text(max_size=20)), hidden=st.sampled_from(HIDDEN))
def test_a_secret_among_anything_is_redacted_in_what_is_exported(
    around: tuple[str, str], hidden: str, traces: Any, fake: Any, client: Any
) -> None:
    before, after = around
    _again(traces, capture_content=True, redact="all")
    fake.plan = lambda _: FakeReply(text=f"{after} {hidden} {before}")
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": f"{before} {hidden} {after}"}])
    assert hidden not in _wire(traces)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_an_error_that_quotes_the_prompt_is_redacted(hidden: str, traces: Any, scripted: Any) -> None:
    _again(traces, capture_content=True, redact="all")
    scripted.answers({"error": {"message": f"bad input: {hidden}", "type": "invalid"}}, status=400)
    with pytest.raises(Exception, match="bad input"):
        scripted.sync.chat.completions.create(**ASK)
    description = traces.one().status.description
    assert hidden not in description
    assert "[redacted: " in description


def test_the_app_s_own_labels_are_redacted_of_secrets_even_without_content(traces: Any, client: Any) -> None:
    with llmtrace.context(user=EMAIL, session=KEY, tags=(f"t {CARD}",)):
        client.chat.completions.create(**ASK)
    found = attributes(traces.one())
    assert (found["user.id"], found["session.id"]) == (EMAIL, "[redacted: api key]")
    assert found["llmtrace.tags"] == ("t [redacted: card]",)


def test_what_the_app_gets_and_what_the_server_gets_is_not_redacted(traces: Any, fake: Any, client: Any) -> None:
    _again(traces, capture_content=True, redact="all")
    fake.plan = lambda _: FakeReply(text=CARD)
    messages: Any = [{"role": "user", "content": EMAIL}]
    answer = client.chat.completions.create(model="gpt-4o", messages=messages)
    assert answer.choices[0].message.content == CARD
    assert messages == [{"role": "user", "content": EMAIL}]
    assert fake.requests[-1].body["messages"] == messages


def test_secrets_are_redacted_by_default_and_personal_data_by_request(
    traces: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: Any = [{"role": "user", "content": f"{EMAIL} {CARD}"}]
    told = []
    for level in ("", "personal", "none", "emails"):
        monkeypatch.setenv("LLMTRACE_REDACT", level)
        _again(traces, capture_content=True)
        client.chat.completions.create(model="gpt-4o", messages=messages)
        told.append(json.loads(attributes(traces.spans()[-1])["gen_ai.input.messages"])[0]["parts"][0]["content"])
    both = "[redacted: email] [redacted: card]"
    assert told == [f"{EMAIL} [redacted: card]", both, f"{EMAIL} {CARD}", both]


def test_a_failing_function_drops_the_text_and_is_told_once(
    traces: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(text: str) -> str:
        raise RuntimeError(text)

    _again(traces, capture_content=True, redact=fails)
    for _ in range(2):
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "my dear"}])
    wire = _wire(traces)
    assert "my dear" not in wire
    assert "forty-two" not in wire
    assert "[redacted: not checked]" in wire
    lines = [record.getMessage() for record in caplog.records if "redact" in record.getMessage()]
    assert len(lines) == 1
    assert "RuntimeError" in lines[0]
    assert "my dear" not in caplog.text


def test_own_patterns_come_from_a_file_and_a_broken_one_switches_content_off(
    traces: Any, fake_and_client: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, client = fake_and_client
    file = tmp_path / "patterns"
    monkeypatch.setenv("LLMTRACE_REDACT_PATTERNS", str(file))
    messages: Any = [{"role": "user", "content": "S-12345"}]
    file.write_text("staff number: S-[0-9]{5}\n")
    _again(traces, capture_content=True, redact=re.compile("answer"))
    client.chat.completions.create(model="gpt-4o", messages=messages)
    assert "[redacted: staff number]" in _wire(traces)
    assert "The [redacted: pattern] is" in _wire(traces)
    file.write_text("staff number: (\n")
    _again(traces, capture_content=True)
    client.chat.completions.create(model="gpt-4o", messages=messages)
    assert "gen_ai.input.messages" not in attributes(traces.spans()[-1])
    assert "line 1 is no regular expression" in caplog.text
    file.unlink()
    _again(traces, capture_content=True)
    client.chat.completions.create(model="gpt-4o", messages=messages)
    assert "gen_ai.input.messages" not in attributes(traces.spans()[-1])


def test_a_wrong_argument_is_an_error_that_says_what_there_is() -> None:
    wrong: Any = "spans"
    with pytest.raises(ValueError, match="'spans' is none of no_content, false, span_only"):
        llmtrace.instrument(capture_content=wrong)
    with pytest.raises(ValueError, match='"emails" is neither a level nor a kind'):
        llmtrace.instrument(redact="emails")


@pytest.mark.parametrize(
    ("environ", "most"),
    [
        ({"LLMTRACE_MAX_ATTRIBUTE_CHARS": "5000"}, 5000),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5000"}, 5000),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5000", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "300"}, 300),
        ({"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "30"}, 30),
        ({"LLMTRACE_MAX_PART_CHARS": "200"}, 30_000),
    ],
)
def test_content_keeps_to_every_limit_and_stays_json(
    environ: dict[str, str], most: int, traces: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    llmtrace.uninstrument()
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    traces = type(traces)()  # the SDK reads its limits when a provider is made
    llmtrace.instrument(traces.provider, export="none", capture_content=True)
    messages: Any = [{"role": "user", "content": f"{number} " + "é" * 3000} for number in range(60)]
    client.chat.completions.create(model="gpt-4o", messages=messages)
    found = attributes(traces.one())
    for name in ("gen_ai.input.messages", "gen_ai.output.messages"):
        if name in found:
            assert len(found[name]) <= most
            json.loads(found[name])
    assert ("gen_ai.input.messages" in found) == (most > 120)
