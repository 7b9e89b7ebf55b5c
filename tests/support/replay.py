"""Recorded OpenAI calls, replayed through the real client without network.

The recordings are test data outside the repository: ``LLMTRACE_REPLAY`` names the file, else
``<parent of the repository>/shared/replay/recorded-calls.jsonl.gz`` is looked for. ``embeddings_calls`` adds hand-made
ones of the kind the recordings lack.

Use::

    for recording in recordings():
        call(recording)              # an error the recording expects is caught and returned
"""

from __future__ import annotations

import gzip
import inspect
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import openai

from support.releases import http as httpx2

REPOSITORY = Path(__file__).resolve().parents[2]
_DROPPED_HEADERS = {"content-encoding", "content-length", "transfer-encoding"}


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One call as it once went over the wire, and what its bytes say."""

    id: str
    host: str
    path: str
    endpoint: str
    request: dict[str, Any]
    status: int
    headers: dict[str, str]
    stream: bool
    body: str
    expected: dict[str, Any]
    source: dict[str, Any] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        scheme = "http" if self.host.startswith("localhost") else "https"
        return f"{scheme}://{self.host}{self.path.removesuffix(self.endpoint)}"


def recordings_file() -> Path:
    """Where the recordings are, whether or not they exist."""
    given = os.environ.get("LLMTRACE_REPLAY")
    return Path(given) if given else REPOSITORY.parent / "shared" / "replay" / "recorded-calls.jsonl.gz"


def missing_reason() -> str | None:
    """Why there is nothing to replay, or None."""
    path = recordings_file()
    return None if path.exists() else f"no recordings at {path}; name the file in LLMTRACE_REPLAY"


def recordings() -> list[Recording]:
    """Every recorded call."""
    with gzip.open(recordings_file(), "rt", encoding="utf-8") as lines:
        return [_recording(json.loads(line)) for line in lines]


def embeddings_calls() -> list[Recording]:
    """Hand-made embeddings calls that succeed: one vector, several, base64, and a body large enough to be skimmed."""
    return [
        _embeddings("one", {"input": "a sentence", "encoding_format": "float"}, vectors=1, size=8, tokens=3),
        _embeddings("several", {"input": ["a", "b", "c"], "encoding_format": "float"}, vectors=3, size=8, tokens=6),
        _embeddings("large", {"input": ["x"] * 64, "encoding_format": "float"}, vectors=64, size=1536, tokens=640),
    ]


def call(recording: Recording) -> Any:
    """Make the call with the sync client; a stream is read to its end. An error the recording has is returned."""
    client = _client().with_options(base_url=recording.base_url)
    method = _method(client, recording.endpoint)
    try:
        with _answering(recording):
            result = method(**_arguments(method, recording.request))
            return list(result) if recording.stream else result
    except openai.APIStatusError as error:
        if recording.status < 400:
            raise
        return error


def _recording(row: dict[str, Any]) -> Recording:
    fields = ("id", "host", "path", "endpoint", "request", "status", "stream", "body", "expected")
    headers = {key: value for key, value in row["headers"].items() if key.lower() not in _DROPPED_HEADERS}
    return Recording(**{key: row[key] for key in fields}, headers=headers, source={"source": row["source"]})


def _embeddings(name: str, request: dict[str, Any], *, vectors: int, size: int, tokens: int) -> Recording:
    data = [{"object": "embedding", "index": i, "embedding": [0.125] * size} for i in range(vectors)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    body = {"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage}
    return Recording(
        id=f"embeddings-{name}",
        host="api.openai.com",
        path="/v1/embeddings",
        endpoint="/embeddings",
        request={"model": "text-embedding-3-small", **request},
        status=200,
        headers={"content-type": "application/json", "x-request-id": f"req_{name}"},
        stream=False,
        body=json.dumps(body),
        expected={"model": "text-embedding-3-small", "usage": {"input": tokens}},
    )


def _method(client: openai.OpenAI, endpoint: str) -> Any:
    return {
        "/chat/completions": client.chat.completions.create,
        "/completions": client.completions.create,
        "/responses": client.responses.create,
        "/embeddings": client.embeddings.create,
        "/images/generations": client.images.generate,
    }[endpoint]


def _arguments(method: Any, request: dict[str, Any]) -> dict[str, Any]:
    known = inspect.signature(method).parameters
    arguments = {key: value for key, value in request.items() if key in known}
    extra = {key: value for key, value in request.items() if key not in known}
    return {**arguments, "extra_body": extra} if extra else arguments


# One client for all: its constructor costs about 95 ms. The transport answers what is laid out for it.
_laid_out: list[Recording] = []


class _answering:  # noqa: N801 - used as a word
    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def __enter__(self) -> None:
        _laid_out.append(self._recording)

    def __exit__(self, *_: object) -> None:
        _laid_out.clear()


@cache
def _client() -> openai.OpenAI:
    transport = httpx2.MockTransport(_answer)
    return openai.OpenAI(api_key="replay", http_client=httpx2.Client(transport=transport), max_retries=0)


def _answer(_request: httpx2.Request) -> httpx2.Response:
    recording = _laid_out[-1]
    body = recording.body.encode()
    if recording.stream:
        return httpx2.Response(recording.status, headers=recording.headers, stream=_Pieces(body))
    return httpx2.Response(recording.status, headers=recording.headers, content=body)


class _Pieces(httpx2.SyncByteStream):
    """A body in pieces that heed no event's borders, as a network brings it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self._body), 97):
            yield self._body[at : at + 97]
