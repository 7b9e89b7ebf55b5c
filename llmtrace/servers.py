"""From the host a client talks to, to the provider's name and its key in the price list.

Provider names are the well-known values of ``gen_ai.provider.name`` where one exists, else the id the price list
uses. A host nobody knows (a gateway, localhost) speaks the OpenAI wire format, and that is what
``gen_ai.provider.name`` discriminates; ``server.address`` tells the rest. Such a host is priced at OpenAI's list
price when it answers with the name of a model that only OpenAI runs, and not at all otherwise.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from llmtrace.calls import Server

# host or its suffix (from a dot) -> gen_ai.provider.name, provider id in genai-prices
_HOSTS: Final[dict[str, tuple[str, str | None]]] = {
    "api.openai.com": ("openai", "openai"),
    ".api.openai.com": ("openai", "openai"),  # regional: eu.api.openai.com
    ".openai.azure.com": ("azure.ai.openai", "azure"),
    ".openai.azure.us": ("azure.ai.openai", "azure"),
    ".openai.azure.cn": ("azure.ai.openai", "azure"),
    ".cognitiveservices.azure.com": ("azure.ai.openai", "azure"),
    ".azure-api.net": ("azure.ai.openai", "azure"),
    ".services.ai.azure.com": ("azure.ai.inference", "azure"),
    ".models.ai.azure.com": ("azure.ai.inference", "azure"),
    "api.anthropic.com": ("anthropic", "anthropic"),
    "api.cerebras.ai": ("cerebras", "cerebras"),
    "api.cohere.ai": ("cohere", "cohere"),
    "api.cohere.com": ("cohere", "cohere"),
    "api.deepseek.com": ("deepseek", "deepseek"),
    "api.fireworks.ai": ("fireworks", "fireworks"),
    "api.groq.com": ("groq", "groq"),
    "api.mistral.ai": ("mistral_ai", "mistral"),
    "api.minimax.io": ("minimax", "minimax"),
    "api.moonshot.ai": ("moonshot_ai", "moonshotai"),
    "api.moonshot.cn": ("moonshot_ai", "moonshotai"),
    "api.novita.ai": ("novita", "novita"),
    "api.perplexity.ai": ("perplexity", "perplexity"),
    "api.together.ai": ("together", "together"),
    "api.together.xyz": ("together", "together"),
    "api.x.ai": ("x_ai", "x-ai"),
    "api.z.ai": ("zai", "zai"),
    "inference.baseten.co": ("baseten", "baseten"),
    "openrouter.ai": ("openrouter", "openrouter"),
    "generativelanguage.googleapis.com": ("gcp.gemini", "google"),
    ".aiplatform.googleapis.com": ("gcp.vertex_ai", "google"),
    "-aiplatform.googleapis.com": ("gcp.vertex_ai", "google"),
    ".ml.cloud.ibm.com": ("ibm.watsonx.ai", None),
    ".amazonaws.com": ("aws.bedrock", "aws"),
    ".githubcopilot.com": ("github-copilot", "github-copilot"),
}
_UNKNOWN: Final = ("openai", "openai")


@lru_cache(maxsize=256)
def server_at(scheme: str, host: str, port: int | None) -> Server:
    """The server behind a base URL; ``port`` None means the scheme's own."""
    known = _lookup(host.lower())
    provider, price_provider = known or _UNKNOWN
    return Server(
        provider=provider,
        price_provider=price_provider,
        address=host,
        port=port or {"https": 443, "http": 80}.get(scheme),
        is_known=known is not None,
    )


def _lookup(host: str) -> tuple[str, str | None] | None:
    if host in _HOSTS:
        return _HOSTS[host]
    for suffix, known in _HOSTS.items():
        if suffix[0] in ".-" and host.endswith(suffix):
            return known
    return None
