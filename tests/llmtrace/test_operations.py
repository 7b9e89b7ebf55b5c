"""Every path gives an operation without ids; every known host its provider."""

from __future__ import annotations

import re
from pathlib import Path

import openai
import pytest

from llmtrace.details import READERS
from llmtrace.operations import CHAT, EMBEDDINGS, RESPONSES, TEXT_COMPLETION, operation_of
from llmtrace.servers import server_at
from support.client_calls import client_calls
from support.releases import needs_openai


@pytest.mark.parametrize(
    ("method", "url", "operation"),
    [
        ("post", "/chat/completions", CHAT),
        ("POST", "/responses", RESPONSES),
        ("post", "/embeddings", EMBEDDINGS),
        ("post", "/completions", TEXT_COMPLETION),
        ("post", "/deployments/gpt-4o/chat/completions", CHAT),
        ("post", "https://gateway.test/chat/completions?x=1", CHAT),
    ],
)
def test_the_four_paths_that_are_read(method: str, url: str, operation: object) -> None:
    assert operation_of(method, url) is operation


@pytest.mark.parametrize(
    ("method", "url", "name"),
    [
        ("get", "/files/file-abc123/content", "files.content"),
        ("get", "/models/davinci", "models"),
        ("delete", "/responses/resp_1", "responses"),
        ("get", "/responses/resp_1/input_items", "responses.input_items"),
        ("get", "https://gateway.test/openai/v1/files/file-1/content", "files.content"),
        ("post", "/a_path/nobody-17/knows", "a_path"),
        ("get", "/chat/completions/chatcmpl-1", "chat.completions"),
        ("get", "/fine_tuning/jobs/ftjob-1/checkpoints?limit=1", "fine_tuning.jobs.checkpoints"),
        ("post", "/", "request"),
        ("get", "/12345/secret", "request"),
    ],
)
def test_a_path_that_is_not_read_is_named_after_its_words(method: str, url: str, name: str) -> None:
    assert operation_of(method, url).name == name
    assert operation_of(method, url).wire == ""


# Calls whose operation has a name of its own; every other is named after its path.
_NAMED = {
    ("POST", "/chat/completions"): "chat",
    ("POST", "/responses"): "chat",
    ("POST", "/completions"): "text_completion",
    ("POST", "/embeddings"): "embeddings",
    ("POST", "/vector_stores/{vector_store_id}/search"): "retrieval",
    ("GET", "/responses/{response_id}"): "fetch_response",
    ("POST", "/assistants"): "create_agent",
    ("POST", "/agents"): "create_agent",
    ("POST", "/agents/sessions"): "invoke_agent",
    ("POST", "/threads/runs"): "invoke_agent",
    ("POST", "/threads/{thread_id}/runs"): "invoke_agent",
}
_CALLS = client_calls()


@needs_openai("3.54")
def test_the_source_of_the_client_gives_every_call_it_makes() -> None:
    sources = Path(openai.__file__).parent.joinpath("resources").rglob("*.py")
    made = sum(len(re.findall(r"self\._(?:get_api_list|get|post|put|patch|delete)\(", s.read_text())) for s in sources)
    assert len(_CALLS) == made > 300


@needs_openai("3.54")
def test_every_call_of_the_installed_client_has_a_named_operation_without_ids() -> None:
    for call in _CALLS:
        named = _NAMED.get((call.method, call.path.partition("?")[0]), ".".join(call.words))
        assert operation_of(call.method, call.url).name == named, call


@needs_openai("3.54")
def test_what_is_billed_is_what_makes_something() -> None:
    billed = {(call.method, call.path) for call in _CALLS if operation_of(call.method, call.url).is_billed}
    assert billed == {
        ("POST", path)
        for path in (
            "/audio/speech", "/audio/transcriptions", "/audio/translations", "/chat/completions", "/completions",
            "/decisions", "/embeddings", "/images/edits", "/images/generations", "/images/variations", "/responses",
            "/responses/compact", "/responses?beta=true", "/responses/compact?beta=true",
        )
    }  # fmt: skip


@needs_openai("3.54")
def test_every_wire_format_that_is_read_has_its_readers() -> None:
    wires = {operation_of(call.method, call.url).wire for call in _CALLS} - {""}
    assert wires == set(READERS)


@pytest.mark.parametrize(
    ("host", "provider", "price_provider"),
    [
        ("api.openai.com", "openai", "openai"),
        ("eu.api.openai.com", "openai", "openai"),
        ("my.openai.azure.com", "azure.ai.openai", "azure"),
        ("api.deepseek.com", "deepseek", "deepseek"),
        ("api.groq.com", "groq", "groq"),
        ("openrouter.ai", "openrouter", "openrouter"),
        ("api.x.ai", "x_ai", "x-ai"),
        ("api.mistral.ai", "mistral_ai", "mistral"),
        ("us-central1-aiplatform.googleapis.com", "gcp.vertex_ai", "google"),
        ("localhost", "openai", "openai"),
        ("evilopenai.azure.com.example", "openai", "openai"),
    ],
)
def test_the_host_tells_the_provider(host: str, provider: str, price_provider: str) -> None:
    server = server_at("https", host, None)
    assert (server.provider, server.price_provider, server.port) == (provider, price_provider, 443)
