"""Host, client class and the user's own mapping tell the provider, and with it whose prices hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from genai_prices.data_snapshot import get_snapshot

import llmtrace.testing
from llmtrace import servers
from llmtrace.servers import check_providers, client_kind, name_providers, parse_providers, server_at
from llmtrace.settings import load_settings
from support.releases import http as httpx2

# gen_ai.provider.name in the GenAI conventions 002c8a6, docs/registry/attributes/gen-ai.md
WELL_KNOWN = {
    *("anthropic", "aws.bedrock", "azure.ai.inference", "azure.ai.openai", "cohere", "deepseek", "gcp.gemini"),
    *(
        "gcp.gen_ai",
        "gcp.vertex_ai",
        "groq",
        "ibm.watsonx.ai",
        "mistral_ai",
        "moonshot_ai",
        "openai",
        "perplexity",
        "x_ai",
    ),
}
MESSAGES: Any = [{"role": "user", "content": "hi"}]
BODY = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000},
}


@pytest.fixture(autouse=True)
def _nothing_said() -> Iterator[None]:
    yield
    name_providers({})


@pytest.mark.parametrize("host", [*servers._HOSTS, "bedrock-runtime.us-east-1.amazonaws.com"])
def test_the_list_of_prices_knows_every_host_of_the_table_as_ours(host: str) -> None:
    server = server_at("https", f"x{host}" if host.startswith(".") else host, None)
    assert server.is_known
    provider = next((one for one in get_snapshot().providers if one.id == server.price_provider), None)
    assert provider is not None or server.price_provider is None
    apart = {"models.inference.ai.azure.com", ".models.ai.azure.com", "api.together.ai", ".githubcopilot.com"}
    apart |= {".openai.azure.us", ".openai.azure.cn", ".api.openai.com"}
    if provider is not None and host not in apart:
        path = "/client/v4/accounts/a/ai/v1" if host == "api.cloudflare.com" else "/serving-endpoints"
        assert re.match(provider.api_pattern, f"https://{server.address}{path}"), provider.api_pattern


def test_names_are_the_well_known_ones_or_ids_of_the_price_list() -> None:
    named = {*servers._HOSTS.values(), *servers._CLIENTS.values(), *(name for _, name in servers._PATTERNS)}
    ids = {provider.id for provider in get_snapshot().providers}
    assert named - WELL_KNOWN <= ids
    assert {"azure", "aws", "google", "mistral", "x-ai", "moonshotai"} & named == set()


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("bedrock-runtime.eu-central-1.amazonaws.com", "aws.bedrock"),
        ("bedrock-mantle.us-west-2.api.aws", "aws.bedrock"),
        ("aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("europe-west4-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
    ],
)
def test_hosts_of_the_large_clouds_are_known(host: str, provider: str) -> None:
    assert server_at("https", host, None).provider == provider


@pytest.mark.parametrize("host", ["our-gateway.us-east-1.elb.amazonaws.com", "localhost", "10.0.0.7", "::1", ""])
def test_a_host_nobody_knows_stays_unknown(host: str) -> None:
    assert not server_at("http", host, 8000).is_known


@pytest.mark.parametrize(
    ("named", "host", "port", "provider"),
    [
        ("llm.corp.example=groq", "llm.corp.example", 443, "groq"),
        ("llm.corp.example=groq", "LLM.corp.example", 80, "groq"),
        ("gateway:8080=azure.ai.openai", "gateway", 8080, "azure.ai.openai"),
        ("gateway:8080=azure.ai.openai", "gateway", 8081, "openai"),
        (".corp.example=groq,a.corp.example=x_ai", "a.corp.example", 443, "x_ai"),
        ("*.corp.example=groq", "b.corp.example", 443, "groq"),
        ("[::1]:11434=ollama", "::1", 11434, "ollama"),
        ("api.openai.com=our-proxy", "api.openai.com", 443, "our-proxy"),
    ],
)
def test_what_the_user_says_of_a_host_holds(named: str, host: str, port: int, provider: str) -> None:
    said, mistakes = parse_providers(named)
    assert mistakes == ()
    name_providers(said)
    assert server_at("https", host, port).provider == provider


def test_prices_follow_the_provider_that_was_said() -> None:
    name_providers(check_providers({"gateway": "azure.ai.openai", "other": "x_ai"}))
    assert server_at("https", "gateway", None).price_provider == "azure"
    assert server_at("https", "other", None).price_provider == "x-ai"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("openai", '"openai" is no host=provider; write llm.example.com=openai'),
        ("a b=openai", '"a b" is no host'),
        ("host=Open AI", '"Open AI" is no provider of host'),
        ("https://a.test/v1=openai", '"https://a.test/v1" is no host'),
    ],
)
def test_a_pair_that_is_none_is_told_and_the_others_hold(text: str, sentence: str) -> None:
    settings = load_settings(environ={"LLMTRACE_PROVIDERS": f"{text},good.test=groq"})
    assert settings.pricing.providers == {"good.test": "groq"}
    (mistake,) = settings.mistakes
    assert mistake.startswith(f"LLMTRACE_PROVIDERS: {sentence}")
    with pytest.raises(ValueError, match=r"is no host|is no provider"):
        check_providers({text.rpartition("=")[0]: text.rpartition("=")[2]})


def test_a_subclass_of_the_azure_client_is_one() -> None:
    class Ours(openai.AzureOpenAI):
        pass

    assert client_kind(Ours) == "AzureOpenAI"
    assert client_kind(openai.AsyncAzureOpenAI) == "AsyncAzureOpenAI"
    assert client_kind(openai.OpenAI) == ""


def _transport(handler: Any) -> httpx2.Client:
    return httpx2.Client(transport=httpx2.MockTransport(handler))


def _answer(_: Any) -> httpx2.Response:
    return httpx2.Response(200, json=BODY)


def test_the_azure_client_behind_a_private_endpoint_talks_to_azure(traces: Any) -> None:
    with openai.AzureOpenAI(
        base_url="https://llm.internal.example/openai",
        api_key="x",
        api_version="2024-10-21",
        http_client=_transport(_answer),
    ) as client:
        client.chat.completions.create(model="our-deployment", messages=MESSAGES)
    found = traces.one().attributes
    assert found["gen_ai.provider.name"] == "azure.ai.openai"
    assert found["llmtrace.cost.price_model"] == "azure/gpt-4o"


def test_the_async_azure_client_behind_a_private_endpoint_talks_to_azure(traces: Any, run: Any) -> None:
    async def call() -> None:
        transport = httpx2.AsyncClient(transport=httpx2.MockTransport(_answer))
        async with openai.AsyncAzureOpenAI(
            base_url="https://llm.internal.example/openai", api_key="x", api_version="2024-10-21", http_client=transport
        ) as client:
            await client.chat.completions.create(model="our-deployment", messages=MESSAGES)

    run(call())
    assert traces.one().attributes["gen_ai.provider.name"] == "azure.ai.openai"


@pytest.mark.parametrize("by_environment", [False, True])
def test_a_mapping_holds_while_instrumented_and_no_longer(
    by_environment: bool, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"{client.base_url.host}:{client.base_url.port}"
    monkeypatch.setenv("LLMTRACE_PROVIDERS", f"{host}=groq" if by_environment else f"{host}=deepseek")
    providers = None if by_environment else {host: "groq"}
    with llmtrace.testing.capture(providers=providers) as captured:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        assert captured.one().attributes["gen_ai.provider.name"] == "groq"
    monkeypatch.delenv("LLMTRACE_PROVIDERS")
    with llmtrace.testing.capture() as captured:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        assert captured.one().attributes["gen_ai.provider.name"] == "openai"


def test_a_wrong_mapping_given_to_instrument_raises() -> None:
    with pytest.raises(ValueError, match="is no host"):
        llmtrace.instrument(export="none", providers={"https://a.test": "openai"})
