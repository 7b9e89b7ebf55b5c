"""Every recorded call gives the span its recorded bytes ask for."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

import llmtrace
from llmtrace.semconv import ATTRIBUTES
from support.replay import Recording, call, embeddings_calls, missing_reason, recordings

_USAGE = {
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cached": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_write.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
    "audio_in": "gen_ai.usage.audio.input_tokens",
    "audio_out": "gen_ai.usage.audio.output_tokens",
}
_PROVIDERS = {
    "api.openai.com": "openai",
    "api.deepseek.com": "deepseek",
    "openrouter.ai": "openrouter",
    "traceloop-stg.openai.azure.com": "azure.ai.openai",
    "test-resource.openai.azure.com": "azure.ai.openai",
    "localhost:5002": "openai",
}
_RECORDED = [] if missing_reason() else recordings()

# What the JSON schemas of the GenAI conventions require of each kind of message part.
_REQUIRED = {
    "text": {"content"},
    "reasoning": {"content"},
    "tool_call": {"name"},
    "tool_call_response": {"response"},
    "server_tool_call": {"name", "server_tool_call"},
    "blob": {"modality", "content"},
    "uri": {"modality", "uri"},
    "file": {"modality", "file_id"},
}


@pytest.mark.skipif(missing_reason() is not None, reason=missing_reason() or "")
@pytest.mark.parametrize("recording", _RECORDED, ids=lambda recording: recording.id)
def test_a_recorded_call_gives_the_span_its_bytes_ask_for(recording: Recording, traces: Any) -> None:
    call(recording)
    _check(recording, traces)


@pytest.mark.skipif(missing_reason() is not None, reason=missing_reason() or "")
def test_all_119_recordings_are_replayed() -> None:
    assert len(_RECORDED) == 119


@pytest.mark.parametrize("recording", embeddings_calls(), ids=lambda recording: recording.id)
def test_an_embeddings_call_gives_model_tokens_and_cost(recording: Recording, traces: Any) -> None:
    call(recording)
    _check(recording, traces)
    cost = Decimal(dict(traces.one().attributes)["llmtrace.cost.usd"])
    assert cost == Decimal("0.02") * recording.expected["usage"]["input"] / 1_000_000


def _check(recording: Recording, traces: Any) -> None:
    span = traces.one()
    found = dict(span.attributes)
    expected = recording.expected
    assert found.keys() <= ATTRIBUTES.keys(), "an attribute that the reference does not list"
    assert found["gen_ai.provider.name"] == _PROVIDERS[recording.host]
    assert found.get("gen_ai.response.model") == expected.get("model")
    assert found.get("gen_ai.response.id") == expected.get("id")
    assert found.get("llmtrace.response.status") == expected.get("status")
    assert found.get("llmtrace.response.request_id") == _request_id(recording)
    if "finish" in expected:
        reasons = tuple(reason for reason in expected["finish"] if reason)
        assert found.get("gen_ai.response.finish_reasons", ()) == reasons
    if expected.get("status") == "completed":
        assert found["gen_ai.response.finish_reasons"] in (("stop",), ("tool_calls",))
    assert {name: found[name] for name in _USAGE.values() if name in found} == {
        _USAGE[key]: count for key, count in expected.get("usage", {}).items()
    }
    failed = "error_status" in expected
    assert found.get("http.response.status_code") == expected.get("error_status")
    assert (span.status.status_code is StatusCode.ERROR) == failed
    assert ("error.type" in found) == failed
    if recording.stream:
        assert found["gen_ai.request.stream"] is True
        assert found["llmtrace.response.stream_end"] == "completed"
        assert 0 <= found["gen_ai.response.time_to_first_chunk"] <= found["llmtrace.response.time_to_first_token"]
    assert ("llmtrace.cost.usd" in found) <= ("usage" in expected)


def _request_id(recording: Recording) -> str | None:
    headers = {name.lower(): value for name, value in recording.headers.items()}
    return headers.get("x-request-id") or headers.get("apim-request-id") or headers.get("x-ds-trace-id")


@pytest.mark.skipif(missing_reason() is not None, reason=missing_reason() or "")
def test_captured_content_of_every_recording_keeps_to_the_conventions_schemas(traces: Any) -> None:
    llmtrace.uninstrument()
    llmtrace.instrument(traces.provider, export="none", capture_content=True)
    for recording in _RECORDED:
        call(recording)
    spans = traces.spans()
    assert len(spans) == len(_RECORDED)
    for recording, span in zip(_RECORDED, spans, strict=True):
        found = dict(span.attributes)
        if recording.endpoint == "/images/generations":
            continue
        stored_prompt = isinstance(recording.request.get("prompt"), dict)  # its text never passes here
        assert ("gen_ai.input.messages" in found) != stored_prompt, recording.id
        assert ("gen_ai.output.messages" in found) == (recording.status < 400), recording.id
        for name in ("gen_ai.input.messages", "gen_ai.output.messages"):
            for message in json.loads(found.get(name, "[]")):
                assert isinstance(message["role"], str)
                assert name.startswith("gen_ai.input") or "finish_reason" in message
                for part in message["parts"]:
                    assert _REQUIRED.get(part["type"], set()) <= part.keys(), (recording.id, part)
        for tool in json.loads(found.get("gen_ai.tool.definitions", "[]")):
            assert {"type", "name"} <= tool.keys()
