"""Every path gives an operation without ids; every known host its provider."""

from __future__ import annotations

import re
from pathlib import Path

import openai
import pytest

from llmtrace.operations import CHAT, EMBEDDINGS, RESPONSES, TEXT_COMPLETION, operation_of
from llmtrace.servers import server_at
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
        ("post", "/images/generations", "images.generations"),
        ("get", "/files/file-abc123/content", "files.content"),
        ("get", "/models/davinci", "models"),
        ("post", "/responses/resp_1/cancel", "responses.cancel"),
        ("get", "/chat/completions/chatcmpl-1", "chat.completions"),
        ("get", "/fine_tuning/jobs/ftjob-1/checkpoints?limit=1", "fine_tuning.jobs.checkpoints"),
        ("post", "/", "request"),
        ("get", "/12345/secret", "request"),
    ],
)
def test_any_other_path_is_named_after_its_words(method: str, url: str, name: str) -> None:
    assert operation_of(method, url).name == name
    assert operation_of(method, url).wire == ""


@needs_openai("3.54")
def test_every_path_of_the_installed_client_keeps_its_words_and_loses_its_ids() -> None:
    sources = Path(openai.__file__).parent.joinpath("resources").rglob("*.py")
    paths = {path for source in sources for path in re.findall(r'"(/[a-z][^" ]*)"', source.read_text())}
    paths = {path for path in paths if not path.startswith("/v1/")}  # values of a batch's `endpoint`
    assert len(paths) > 100
    for path in paths:
        words = [segment for segment in path.partition("?")[0].split("/") if segment and "{" not in segment]
        concrete = re.sub(r"\{[^}]*\}", "id-17x", path)
        assert operation_of("get", concrete).name == ".".join(words), path


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
