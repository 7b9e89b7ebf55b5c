"""A real client whose HTTP library answers what a test laid out: for answers no provider of ours gives."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai

from support.releases import http as httpx2

Json = dict[str, Any]


class Scripted:
    """Clients, sync and async, and the answer both get next; make one for all tests, for a client costs 95 ms."""

    def __init__(self) -> None:
        transport = httpx2.MockTransport(self._answer)
        url = "https://api.openai.com/v1"
        self.sync = openai.OpenAI(
            base_url=url, api_key="x", max_retries=0, http_client=httpx2.Client(transport=transport)
        )
        self.asynchronous = openai.AsyncOpenAI(
            base_url=url, api_key="x", max_retries=0, http_client=httpx2.AsyncClient(transport=transport)
        )
        self.requests: list[Json] = []
        """Bodies as they came, newest last."""
        self._body: Json | str | None = None
        self._status = 200
        self._events: list[Json | str] = []

    def answers(self, body: Json, *, status: int = 200) -> None:
        """From now on answer this."""
        self._body, self._status = body, status

    def answers_text(self, body: str) -> None:
        """From now on answer this, JSON or not."""
        self._body = body

    def streams(self, *events: Json | str) -> None:
        """From now on answer these events; one with a ``type`` is named by it."""
        self._body = None
        self._events = list(events)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(json.loads(request.content or b"{}"))
        if self._body is not None:
            # Python's own spelling of NaN and Infinity is let through, as some servers have it.
            return httpx2.Response(
                self._status, headers={"content-type": "application/json"}, content=json.dumps(self._body).encode()
            )
        pieces = [_event(event).encode() for event in self._events]
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=_Pieces(pieces))


class _Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def _event(event: Json | str) -> str:
    if isinstance(event, str):
        return f"data: {event}\n\n"
    head = f"event: {event['type']}\n" if "type" in event else ""
    return f"{head}data: {json.dumps(event)}\n\n"


def chat_body(*messages: Json, finish: str = "stop", logprobs: list[Any] | None = None, **more: Any) -> Json:
    """A chat completion of a choice for each message."""
    choices = [
        {"index": index, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}
        for index, message in enumerate(messages)
    ]
    for choice, reported in zip(choices, logprobs or [], strict=False):
        choice["logprobs"] = reported
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-08-06"}
    return {**head, "choices": choices, **more}


def chat_chunk(delta: Json | None = None, finish: str | None = None, index: int = 0, **more: Any) -> Json:
    """One event of a streamed chat completion."""
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish, **more}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-2024-08-06"}
    return {**head, "choices": [choice]}


def response_body(*items: Json, status: str = "completed", **more: Any) -> Json:
    """A responses answer of these output items."""
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-4o-2024-08-06", "status": status}
    fixed = {"error": None, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    return {**head, **fixed, "output": list(items), **more}


def said(text: str, **more: Any) -> Json:
    """An output item of the responses API that says ``text``."""
    part = {"type": "output_text", "text": text, "annotations": [], **more}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
