"""A stream's events added up to the body the same call would have answered unstreamed.

The result is read by the same readers as an unstreamed body. What the events do not tell stays absent.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmtrace.calls import Failure
from llmtrace.reading.confidence import MAX_TOKENS, logprobs_of, plain_logprobs
from llmtrace.reading.events import DONE, Event
from llmtrace.reading.filters import is_triggered
from llmtrace.reading.json_values import NOT_JSON, Json, integer, items, mapping, text
from llmtrace.reading.messages import MessagesTotal
from llmtrace.reading.replies import read_failure

TERMINAL_RESPONSES = {"response.completed", "response.failed", "response.incomplete", "response.cancelled"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Streamed:
    """What a stream adds up to."""

    body: Json
    finished: bool
    """Whether the end the protocol promises came: ``[DONE]``, a finish reason, a terminal event."""
    failure: Failure | None = None
    """An error event, or an event that is not JSON: the client raises on either."""
    first_chunk_ns: int | None = None
    first_token_ns: int | None = None
    chunk_ns: tuple[int, ...] = ()
    """When each event came, the mark of the end left out; empty when nobody watched them come."""


def add_up(wire: str, events: Sequence[Event], *, choices: int = 1, dialect: str = "") -> Streamed:
    """Add up the events of one stream, in order; ``choices`` is how many were asked for."""
    total = MessagesTotal() if dialect == "messages" else _total(wire, choices)
    first_token_ns: int | None = None
    failure: Failure | None = None
    chunk_ns: list[int] = []
    for event in events:
        if event.data.startswith(DONE):
            total.finished = True
            break
        if event.at_ns is not None:
            chunk_ns.append(event.at_ns)
        try:
            payload = mapping(event.json())
        except NOT_JSON as error:
            failure = Failure(type=type(error).__name__, message="an event of the stream is not JSON")
            break
        if told := _error_in(event, payload):
            failure = read_failure(told)
            break
        if total.add(payload) and first_token_ns is None:
            first_token_ns = event.at_ns
    return Streamed(
        body=total.body(),
        finished=total.finished,
        failure=failure,
        first_chunk_ns=events[0].at_ns if events else None,
        first_token_ns=first_token_ns,
        chunk_ns=tuple(chunk_ns),
    )


def _total(wire: str, choices: int) -> _Total:
    if wire == "responses":
        return _ResponsesTotal()
    if wire == "object":
        return _ObjectTotal()
    return _MediaTotal() if wire in ("images", "speech", "transcriptions") else _ChatTotal(choices)


def _error_in(event: Event, payload: Json) -> object:
    if payload.get("error") and payload.get("object") != "response":
        return payload["error"]
    return payload if "error" in (event.name, payload.get("type")) else None


class _Total:
    finished = False

    def add(self, payload: Json) -> bool:
        """Take in one event; true when it carries content."""
        raise NotImplementedError

    def body(self) -> Json:
        raise NotImplementedError


class _ResponsesTotal(_Total):
    """Responses streams end with an event that holds the whole answer; until then the latest snapshot stands."""

    def __init__(self) -> None:
        self._snapshot: Json = {}
        self._items: dict[int, Any] = {}
        self._begun: dict[int, _BegunItem] = {}

    def add(self, payload: Json) -> bool:
        kind = text(payload.get("type")) or ""
        if snapshot := mapping(payload.get("response")):
            self._snapshot = snapshot
        if kind in TERMINAL_RESPONSES:
            self.finished = True
        index = integer(payload.get("output_index")) or 0
        if kind == "response.output_item.done":
            self._items[index] = payload.get("item")
        elif kind == "response.output_item.added":
            self._begun[index] = _BegunItem(mapping(payload.get("item")))
        elif kind.endswith(".delta"):
            self._begun.setdefault(index, _BegunItem({})).add(kind, payload)
            return True
        return False

    def body(self) -> Json:
        begun = {index: item.body() for index, item in self._begun.items()}
        if self.finished or not (begun or self._items):
            return self._snapshot
        found = {**begun, **self._items}
        return {**self._snapshot, "output": [found[index] for index in sorted(found)]}


class _BegunItem:
    """An item of a responses answer that has begun; all there is of it when the stream ends before it does."""

    def __init__(self, item: Json) -> None:
        self._item = item
        self._pieces: dict[str, list[str]] = {}
        self._logprobs = array("d")

    def add(self, kind: str, payload: Json) -> None:
        """Take in one delta."""
        if piece := text(payload.get("delta")):
            self._pieces.setdefault(kind, []).append(piece)
        if len(self._logprobs) < MAX_TOKENS:
            self._logprobs.extend(logprobs_of(payload.get("logprobs")))

    def body(self) -> Json:
        """The item as far as it came."""
        said, refusal, arguments = (
            "".join(self._pieces.get(f"response.{kind}.delta", ()))
            for kind in ("output_text", "refusal", "function_call_arguments")
        )
        if arguments:
            return {**self._item, "arguments": arguments}
        parts: list[Json] = []
        if said:
            logprobs = [{"logprob": value} for value in self._logprobs]
            parts.append({"type": "output_text", "text": said, **({"logprobs": logprobs} if logprobs else {})})
        if refusal:
            parts.append({"type": "refusal", "refusal": refusal})
        return {"type": "message", **self._item, "content": parts} if parts else self._item


class _MediaTotal(_Total):
    """Images, speech and transcripts: the last value of each field stands; what is made is counted, not kept."""

    _FIELDS = ("model", "usage", "size", "quality", "output_format", "language")

    def __init__(self) -> None:
        self._fields: Json = {}
        self._images = 0
        self._audio_bytes = 0

    def add(self, payload: Json) -> bool:
        kind = text(payload.get("type")) or ""
        for field in self._FIELDS:
            if value := payload.get(field):
                self._fields[field] = value
        if kind.endswith(".completed"):
            self._images += 1
        audio = text(payload.get("audio")) or ""
        self._audio_bytes += len(audio) * 3 // 4 - audio[-2:].count("=")
        self.finished = self.finished or kind.endswith((".completed", ".done"))
        return kind.endswith((".delta", ".partial_image"))

    def body(self) -> Json:
        made: Json = {"data": [{}] * self._images} if self._images else {}
        if self._audio_bytes:
            made["audio_bytes"] = self._audio_bytes
        return {**self._fields, **made}


class _ObjectTotal(_Total):
    """A run or a session: how it last stood."""

    _ENDED = ("completed", "failed", "incomplete", "cancelled", "expired")

    def __init__(self) -> None:
        self._last: Json = {}

    def add(self, payload: Json) -> bool:
        if text(payload.get("object")) in ("thread.run", "agent.session"):
            self._last = payload
            self.finished = payload.get("status") in self._ENDED
        return bool(payload.get("delta"))

    def body(self) -> Json:
        return self._last


class _ChatTotal(_Total):
    """Chat and legacy completions: the last value of each field stands, deltas are joined per choice."""

    _FIELDS = (
        "id", "model", "usage", "service_tier", "system_fingerprint", "moderation",
        "prompt_filter_results",  # Azure
        "provider",  # OpenRouter
        "citations", "search_results",  # Perplexity
        "x_groq",
    )  # fmt: skip

    def __init__(self, asked: int) -> None:
        self._asked = asked
        self._fields: Json = {}
        self._choices: dict[int, _Choice] = {}

    def add(self, payload: Json) -> bool:
        for field in self._FIELDS:
            if value := payload.get(field):
                self._fields[field] = value
        has_content = False
        for entry in items(payload.get("choices")):
            choice = mapping(entry)
            index = integer(choice.get("index")) or 0
            joined = self._choices.setdefault(index, _Choice(index))
            has_content = joined.add(choice) or has_content
        done = sum(choice.finish_reason is not None for choice in self._choices.values())
        self.finished = done >= max(self._asked, len(self._choices), 1)
        return has_content

    def body(self) -> Json:
        # Groq told usage in a place of its own before it knew `stream_options`.
        usage = {"usage": groq["usage"]} if (groq := mapping(self._fields.get("x_groq"))).get("usage") else {}
        choices = [self._choices[index].body() for index in sorted(self._choices)]
        return {**usage, **self._fields, "choices": choices}


class _Choice:
    """The deltas of one choice."""

    _TEXTS = ("content", "refusal", "reasoning_content", "reasoning")

    def __init__(self, index: int) -> None:
        self.finish_reason: str | None = None
        self._index = index
        self._role: str | None = None
        self._text: list[str] = []
        self._parts: dict[str, list[str]] = {}
        self._tools: dict[int, Json] = {}
        self._logprobs = array("d")
        self._native_finish: str | None = None
        self._filters: Json = {}
        self._annotations: list[Any] = []

    def add(self, choice: Json) -> bool:
        self.finish_reason = text(choice.get("finish_reason")) or self.finish_reason
        self._native_finish = text(choice.get("native_finish_reason")) or self._native_finish
        self._add_filters(mapping(choice.get("content_filter_results")))
        delta = mapping(choice.get("delta"))
        self._annotations += items(delta.get("annotations"))
        self._role = text(delta.get("role")) or self._role
        self._add_logprobs(mapping(choice.get("logprobs")))
        has_content = False
        if piece := text(choice.get("text")):
            self._text.append(piece)
            has_content = True
        for key in self._TEXTS:
            if piece := text(delta.get(key)):
                self._parts.setdefault(key, []).append(piece)
                has_content = True
        calls = items(delta.get("tool_calls"))
        if function := mapping(delta.get("function_call")):
            calls = [*calls, {"index": -1, "function": function}]
        for call in calls:
            self._add_tool(mapping(call))
        return has_content or bool(calls) or bool(delta.get("audio"))

    def _add_logprobs(self, reported: Json) -> None:
        if reported and len(self._logprobs) < MAX_TOKENS:
            for key in ("content", "refusal"):
                self._logprobs.extend(logprobs_of(reported.get(key)))
            self._logprobs.extend(plain_logprobs(reported.get("token_logprobs")))

    def _add_filters(self, results: Json) -> None:
        # Each chunk has a verdict on what came so far: one that found something is not taken back by the next.
        for category, verdict in results.items():
            if not is_triggered(self._filters.get(category)):
                self._filters[category] = verdict

    def _add_tool(self, call: Json) -> None:
        index = integer(call.get("index")) or 0
        tool = self._tools.setdefault(
            index, {"id": None, "type": "function", "function": {"name": "", "arguments": ""}}
        )
        tool["id"] = text(call.get("id")) or tool["id"]
        function = mapping(call.get("function"))
        tool["function"]["name"] += text(function.get("name")) or ""
        tool["function"]["arguments"] += text(function.get("arguments")) or ""

    def body(self) -> Json:
        message: Json = {key: "".join(pieces) for key, pieces in self._parts.items()}
        message["role"] = self._role or "assistant"
        if self._tools:
            message["tool_calls"] = [self._tools[index] for index in sorted(self._tools)]
        body: Json = {"index": self._index, "finish_reason": self.finish_reason, "message": message}
        if self._logprobs:
            body["logprobs"] = {"token_logprobs": self._logprobs.tolist()}
        if self._text:
            body["text"] = "".join(self._text)
        if self._native_finish:
            body["native_finish_reason"] = self._native_finish
        if self._filters:
            body["content_filter_results"] = self._filters
        if self._annotations:
            message["annotations"] = self._annotations
        return body
