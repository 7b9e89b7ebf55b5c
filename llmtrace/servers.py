"""From the host a client talks to, and the client's class, to the provider's name and its key in the price list.

Provider names are the well-known values of ``gen_ai.provider.name`` where one exists (GenAI semantic conventions
002c8a6), else the id the price list uses. First what the user said of a host holds, then the table of hosts, then the
class of the client: an ``AzureOpenAI`` behind a private endpoint talks to Azure. A host that is still unknown (a
gateway, localhost) speaks the OpenAI wire format, and that is what ``gen_ai.provider.name`` discriminates;
``server.address`` tells the rest. It is priced at OpenAI's list price when it answers with the name of a model that
only OpenAI runs, and not at all otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from llmtrace.calls import Server

# provider name -> id in genai-prices, where they differ
_PRICE_PROVIDERS: Final[dict[str, str | None]] = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "ibm.watsonx.ai": None,
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}

# host, or its end when that begins with a dot -> gen_ai.provider.name
_HOSTS: Final[dict[str, str]] = {
    "api.openai.com": "openai",
    ".api.openai.com": "openai",  # regional: eu.api.openai.com
    ".openai.azure.com": "azure.ai.openai",
    ".openai.azure.us": "azure.ai.openai",
    ".openai.azure.cn": "azure.ai.openai",
    ".cognitiveservices.azure.com": "azure.ai.openai",
    ".azure-api.net": "azure.ai.openai",
    ".services.ai.azure.com": "azure.ai.inference",
    ".models.ai.azure.com": "azure.ai.inference",
    "models.inference.ai.azure.com": "azure.ai.inference",
    "api.anthropic.com": "anthropic",
    "api.arcee.ai": "arcee",
    "api.avian.io": "avian",
    "api.cerebras.ai": "cerebras",
    "api.cloudflare.com": "cloudflare",
    "api.cohere.ai": "cohere",
    "api.cohere.com": "cohere",
    "api.deepseek.com": "deepseek",
    "api.doubleword.ai": "doubleword",
    "api.fireworks.ai": "fireworks",
    "api.groq.com": "groq",
    "api.meta.ai": "meta",
    "api.minimax.io": "minimax",
    "api.minimaxi.com": "minimax",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.novita.ai": "novita",
    "api.perplexity.ai": "perplexity",
    "api.quicksilverpro.io": "quicksilverpro",
    "api.together.ai": "together",
    "api.together.xyz": "together",
    "api.typesafe.ai": "typesafe",
    "api.voyageai.com": "voyageai",
    "api.x.ai": "x_ai",
    "api.z.ai": "zai",
    "inference.baseten.co": "baseten",
    "oai.endpoints.kepler.ai.cloud.ovh.net": "ovhcloud",
    "open.bigmodel.cn": "zhipuai",
    "openrouter.ai": "openrouter",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    ".aiplatform.googleapis.com": "gcp.vertex_ai",
    "generativelanguage.googleapis.com": "gcp.gemini",
    ".azuredatabricks.net": "databricks",
    ".cloud.databricks.com": "databricks",
    ".gcp.databricks.com": "databricks",
    ".githubcopilot.com": "github-copilot",
    ".ml.cloud.ibm.com": "ibm.watsonx.ai",
    ".modal.direct": "modal",
    ".modal.run": "modal",
}

_PATTERNS: Final = (
    (re.compile(r"[a-z0-9-]+-aiplatform\.googleapis\.com"), "gcp.vertex_ai"),
    # Not any host of Amazon's: an app's own gateway may well have a name there.
    (
        re.compile(r"bedrock-(?:runtime|mantle)(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.(?:com|com\.cn|eu)|api\.aws)"),
        "aws.bedrock",
    ),
)

# class of the openai package, or a subclass of it -> gen_ai.provider.name
_CLIENTS: Final[dict[str, str]] = {
    "AzureOpenAI": "azure.ai.openai",
    "AsyncAzureOpenAI": "azure.ai.openai",
    "BedrockOpenAI": "aws.bedrock",
    "AsyncBedrockOpenAI": "aws.bedrock",
}

# class of another vendor's package on the same base -> whose wire format it speaks, to whatever host
_ASSUMED: Final[dict[str, str]] = {"Anthropic": "anthropic", "AsyncAnthropic": "anthropic"}

_UNKNOWN: Final = "openai"
_KINDS: Final = frozenset((*_CLIENTS, *_ASSUMED))
_PROVIDER: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HOST: Final = re.compile(r"(?:\*?\.)?[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?(?::\d{1,5})?|[0-9a-f:.]*::[0-9a-f:.]*")

_named: dict[str, str] = {}


def name_providers(named: Mapping[str, str]) -> None:
    """Let the user's own mapping hold from now on; ``parse_providers`` and ``check_providers`` make one."""
    global _named  # noqa: PLW0603
    _named = dict(named)
    server_at.cache_clear()


def check_providers(given: Mapping[str, str]) -> dict[str, str]:
    """The mapping with its keys as hosts are compared.

    Raises:
        ValueError: A host or a provider is none.
    """
    return dict(_checked(host, provider) for host, provider in given.items())


def parse_providers(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """The mapping that ``host=provider,host=provider`` says, and a sentence for each pair that is none."""
    named: dict[str, str] = {}
    mistakes = []
    for pair in filter(None, (piece.strip() for piece in text.split(","))):
        host, is_pair, provider = pair.partition("=")
        if not is_pair:
            mistakes.append(f'"{pair}" is no host=provider; write llm.example.com=openai')
            continue
        try:
            key, named_provider = _checked(host, provider)
            named[key] = named_provider
        except ValueError as error:
            mistakes.append(str(error))
    return named, tuple(mistakes)


def _checked(host: object, provider: object) -> tuple[str, str]:
    key = str(host).strip().lower().replace("[", "").replace("]", "")
    if not _HOST.fullmatch(key):
        raise ValueError(f'"{host}" is no host; write llm.example.com, llm.example.com:8080 or .example.com')
    name = str(provider).strip()
    if not _PROVIDER.fullmatch(name):
        raise ValueError(f'"{provider}" is no provider of {host}; write a gen_ai.provider.name such as openai')
    return key.removeprefix("*"), name


def client_kind(client: type) -> str:
    """Which of the classes that tell a provider a client is of, by name; '' for none."""
    return next((base.__name__ for base in client.__mro__ if base.__name__ in _KINDS), "")


def price_provider_of(provider: str) -> str | None:
    """Id in the price list of a ``gen_ai.provider.name``; None when it has none."""
    return _PRICE_PROVIDERS.get(provider, provider)


@lru_cache(maxsize=256)
def server_at(scheme: str, host: str, port: int | None, client: str = "") -> Server:
    """The server behind a base URL; ``port`` None means the scheme's own, ``client`` is what ``client_kind`` says."""
    port = port or {"https": 443, "http": 80, "wss": 443, "ws": 80}.get(scheme)
    known = _said(host.lower(), port) or _lookup(host.lower()) or _CLIENTS.get(client)
    provider = known or _ASSUMED.get(client, _UNKNOWN)
    return Server(
        provider=provider,
        price_provider=price_provider_of(provider),
        address=host,
        port=port,
        is_known=known is not None,
    )


def _said(host: str, port: int | None) -> str | None:
    exact = _named.get(f"{host}:{port}") or _named.get(host)
    return exact or _by_end(host, _named)


def _lookup(host: str) -> str | None:
    if found := _HOSTS.get(host) or _by_end(host, _HOSTS):
        return found
    return next((provider for pattern, provider in _PATTERNS if pattern.fullmatch(host)), None)


def _by_end(host: str, table: Mapping[str, str]) -> str | None:
    # The longest end first: .a.example over .example.
    at = host.find(".")
    while at >= 0:
        if found := table.get(host[at:]):
            return found
        at = host.find(".", at + 1)
    return None
