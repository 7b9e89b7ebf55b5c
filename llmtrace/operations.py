"""From (method, path) to operation.

Four paths are read in full. Any other gets an honest generic span, named after its path with every id dropped, so
that span names stay few. Only the POST that *makes* an answer is read: fetching a stored response again reports its
usage again, and counting that would bill it twice.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from llmtrace.calls import Operation

CHAT: Final = Operation(name="chat", wire="chat", api_type="chat_completions")
RESPONSES: Final = Operation(name="chat", wire="responses", api_type="responses")
RESPONSES_SOCKET: Final = Operation(name="chat", wire="responses", api_type="responses", protocol="websocket")
REALTIME: Final = Operation(name="chat", wire="responses", api_type="realtime", protocol="websocket")
TEXT_COMPLETION: Final = Operation(name="text_completion", wire="completions")
RETRIEVAL: Final = Operation(name="retrieval", wire="")
EMBEDDINGS: Final = Operation(name="embeddings", wire="embeddings")

_TABLE: Final[dict[tuple[str, str], Operation]] = {
    ("POST", "/chat/completions"): CHAT,
    ("POST", "/responses"): RESPONSES,
    ("POST", "/completions"): TEXT_COMPLETION,
    ("POST", "/embeddings"): EMBEDDINGS,
}

# Azure puts the deployment before the path: /deployments/{name}/chat/completions
_DEPLOYMENT: Final = re.compile(r"^(?:/openai)?/deployments/[^/]+")
_SEARCH: Final = re.compile(r"^/vector_stores/[^/]+/search$")
_ORIGIN: Final = re.compile(r"^[a-z]+://[^/]*")
# What stands before the paths of the API at another server: /openai/v1, /api/v1, /v1beta/openai.
_PREFIX: Final = re.compile(r"^(?:/[^/]+)*?/v1(?:beta/openai)?(?=/)")
_WORD: Final = re.compile(r"^[a-z][a-z_]*$")

# Segments below the first that are names, not ids: the vocabulary of the OpenAI API's paths (openai-python 3.54,
# checked against the installed client by a test). An unknown segment counts as an id, so no id ever gets through.
_WORDS: Final = frozenset(
    """
    accept activate admin_api_keys alerts alpha api_keys archive artifacts attach audio_speeches
    audio_transcriptions audit_logs automations calls cancel cases certificates characters checkpoints
    client_secrets code_interpreter_sessions compact complete completions content costs credentials
    data_retention deactivate decisions edits embeddings environments events extensions external_keys
    external_storage federation_rules file_batches file_search_calls files fork generations graders groups
    hangup hosted_tool_permissions images input_items input_tokens invites invocations items jobs messages
    model_permissions moderations output_items parts pause permissions projects rate_limits refer reject remix
    resume roles rotate_secret run runs search service_accounts service_tier_settings sessions speech
    spend_alerts spend_limit steps subagents submit_tool_outputs templates test threads traces
    transcription_sessions transcriptions translations turns usage users validate variations vector_stores
    versions voice_consents voices web_search_calls workload_identity_providers
    """.split()  # noqa: SIM905 - as a list it is a hundred lines
)


@lru_cache(maxsize=1024)
def operation_of(method: str, url: str) -> Operation:
    """Operation of a request, as the client names it before it builds the URL: ``("post", "/chat/completions")``."""
    path, absolute = _ORIGIN.subn("", url)
    path = path.partition("?")[0].rstrip("/") or "/"
    path = _DEPLOYMENT.sub("", _PREFIX.sub("", path) if absolute else path)
    if not path.startswith("/"):
        path = "/" + path
    known = _TABLE.get((method.upper(), path))
    if known is None and method.upper() == "POST" and _SEARCH.match(path):
        return RETRIEVAL
    return known or Operation(name=_generic_name(path), wire="")


def _generic_name(path: str) -> str:
    first, *rest = [segment for segment in path.split("/") if segment] or [""]
    words = [first] if _WORD.match(first) else []
    words += [segment for segment in rest if segment in _WORDS]
    return ".".join(words) or "request"
