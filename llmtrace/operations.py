"""From (method, path) to operation.

A path is brought down to its template, ``/vector_stores/{}/search``, and looked up in a table of those that something
is read of. Any other gets an honest generic span, named after its path with every id dropped, so that span names stay
few. Only a call that *makes* an answer is billed: fetching a stored one again reports its usage again, and counting
that would bill it twice (``background`` tells the one exception).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from llmtrace.calls import Operation

CHAT: Final = Operation(name="chat", wire="chat", api_type="chat_completions", is_billed=True)
RESPONSES: Final = Operation(name="chat", wire="responses", api_type="responses", is_billed=True)
MESSAGES: Final = Operation(name="chat", wire="chat", dialect="messages", is_billed=True)
RESPONSES_SOCKET: Final = Operation(
    name="chat", wire="responses", api_type="responses", protocol="websocket", is_billed=True
)
REALTIME: Final = Operation(name="chat", wire="responses", api_type="realtime", protocol="websocket", is_billed=True)
COMPACTION: Final = Operation(name="responses.compact", wire="responses", api_type="responses", is_billed=True)
STORED_RESPONSE: Final = Operation(name="fetch_response", wire="responses", api_type="responses")
CANCELLED_RESPONSE: Final = Operation(name="responses.cancel", wire="responses", api_type="responses")
TOKEN_COUNT: Final = Operation(name="responses.input_tokens", wire="token_count", api_type="responses")
MESSAGES_COUNT: Final = Operation(name="messages.count_tokens", wire="token_count")
TEXT_COMPLETION: Final = Operation(name="text_completion", wire="completions", is_billed=True)
EMBEDDINGS: Final = Operation(name="embeddings", wire="embeddings", is_billed=True)
RETRIEVAL: Final = Operation(name="retrieval", wire="search")
MODERATIONS: Final = Operation(name="moderations", wire="moderations")
DECISIONS: Final = Operation(name="decisions", wire="decisions", is_billed=True)
SPEECH: Final = Operation(name="audio.speech", wire="speech", is_billed=True, answers_file=True)
CREATE_AGENT: Final = Operation(name="create_agent", wire="object")
INVOKE_AGENT: Final = Operation(name="invoke_agent", wire="object")

_TABLE: Final[dict[tuple[str, str], Operation]] = {
    ("POST", "/chat/completions"): CHAT,
    ("POST", "/responses"): RESPONSES,
    ("POST", "/responses/compact"): COMPACTION,
    ("POST", "/responses/input_tokens"): TOKEN_COUNT,
    ("GET", "/responses/{}"): STORED_RESPONSE,
    ("POST", "/responses/{}/cancel"): CANCELLED_RESPONSE,
    ("POST", "/messages"): MESSAGES,  # Anthropic's, as is the next
    ("POST", "/messages/count_tokens"): MESSAGES_COUNT,
    ("POST", "/completions"): TEXT_COMPLETION,
    ("POST", "/embeddings"): EMBEDDINGS,
    ("POST", "/vector_stores/{}/search"): RETRIEVAL,
    ("POST", "/moderations"): MODERATIONS,
    ("POST", "/decisions"): DECISIONS,
    ("POST", "/audio/speech"): SPEECH,
    ("POST", "/assistants"): CREATE_AGENT,
    ("POST", "/agents"): CREATE_AGENT,
    ("POST", "/threads/runs"): INVOKE_AGENT,
    ("POST", "/threads/{}/runs"): INVOKE_AGENT,
    ("POST", "/agents/sessions"): INVOKE_AGENT,
}

# Named after their paths, and read: template -> wire, and whether the call is billed.
_POSTED: Final[dict[str, tuple[str, bool]]] = {
    "/images/generations": ("images", True),
    "/images/edits": ("images", True),
    "/images/variations": ("images", True),
    "/audio/transcriptions": ("transcriptions", True),
    "/audio/translations": ("transcriptions", True),
}

# Answered with one small object that has an id and often a status: a job, a file, a store.
_OBJECTS: Final = frozenset(
    """
    POST/batches GET/batches/{} POST/batches/{}/cancel
    POST/fine_tuning/jobs GET/fine_tuning/jobs/{} POST/fine_tuning/jobs/{}/cancel POST/fine_tuning/jobs/{}/pause
    POST/fine_tuning/jobs/{}/resume
    POST/videos GET/videos/{} POST/videos/edits POST/videos/extensions POST/videos/{}/remix
    POST/evals GET/evals/{} POST/evals/{}/runs GET/evals/{}/runs/{} POST/evals/{}/runs/{}/cancel
    POST/files GET/files/{} POST/uploads POST/uploads/{}/parts POST/uploads/{}/complete POST/uploads/{}/cancel
    POST/vector_stores GET/vector_stores/{} POST/vector_stores/{} POST/vector_stores/{}/files
    GET/vector_stores/{}/files/{} POST/vector_stores/{}/file_batches GET/vector_stores/{}/file_batches/{}
    POST/vector_stores/{}/file_batches/{}/cancel
    POST/conversations GET/conversations/{} POST/containers GET/containers/{} POST/containers/{}/files
    GET/assistants/{} POST/assistants/{} POST/threads GET/threads/{} GET/threads/{}/runs/{}
    POST/threads/{}/runs/{} POST/threads/{}/runs/{}/cancel POST/threads/{}/runs/{}/submit_tool_outputs
    GET/agents/{} POST/agents/{} GET/agents/sessions/{} POST/agents/sessions/{}
    """.split()  # noqa: SIM905 - as a list it is sixty lines
)

# Azure puts the deployment before the path: /deployments/{name}/chat/completions
_DEPLOYMENT: Final = re.compile(r"^(?:/openai)?/deployments/[^/]+")
_ORIGIN: Final = re.compile(r"^[a-z]+://[^/]*")
# What stands before the paths of the API at another server: /openai/v1, /api/v1, /v1beta/openai.
_PREFIX: Final = re.compile(r"^(?:/[^/]+)*?/v1(?:beta/openai)?(?=/)")
_VERSION: Final = "/v1/"  # Anthropic's client has it in the paths, OpenAI's in the base URL
_WORD: Final = re.compile(r"^[a-z][a-z_]*$")

# Segments below the first that are names, not ids: the vocabulary of the OpenAI API's paths (openai-python 3.54,
# checked against the installed client by a test). An unknown segment counts as an id, so no id ever gets through.
_WORDS: Final = frozenset(
    """
    accept activate admin_api_keys alerts alpha api_keys archive artifacts attach audio_speeches
    audio_transcriptions audit_logs automations batches calls cancel cases certificates characters checkpoints
    client_secrets code_interpreter_sessions compact complete completions content costs count_tokens credentials
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
    path = path.partition("?")[0]
    path = _DEPLOYMENT.sub("", _PREFIX.sub("", path) if absolute or path.startswith(_VERSION) else path)
    return _operation(method.upper(), tuple(_segments(path)))


@lru_cache(maxsize=512)
def _operation(method: str, segments: tuple[str, ...]) -> Operation:
    template = "/" + "/".join(segments)
    if known := _TABLE.get((method, template)):
        return known
    name = ".".join(segment for segment in segments if segment != "{}") or "request"
    wire, is_billed = _POSTED.get(template, ("", False)) if method == "POST" else ("", False)
    if method + template in _OBJECTS:
        wire = "object"
    return Operation(name=name, wire=wire, method=method, is_billed=is_billed)


def _segments(path: str) -> Iterator[str]:
    """The path's segments, with ``{}`` for whatever is no word of the API."""
    for index, segment in enumerate(segment for segment in path.split("/") if segment):
        is_word = _WORD.match(segment) if index == 0 else segment in _WORDS
        yield segment if is_word else "{}"
