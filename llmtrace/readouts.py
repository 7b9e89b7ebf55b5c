"""What an answer tells, once it is over: its body, the reply in it, its times, and what went wrong inside it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from llmtrace.calls import Call, Failure, Reply, Timing
from llmtrace.outcomes import Outcome, Reader, failure_told, stream_end
from llmtrace.reading.events import Chunk, read_events
from llmtrace.reading.forms import form_as_json
from llmtrace.reading.json_values import Json, count
from llmtrace.reading.messages import reply_as_chat, request_as_chat
from llmtrace.reading.replies import parse_reply, read_reply, reasons_cut_short
from llmtrace.reading.requests import parse_body
from llmtrace.reading.streamed import Streamed, add_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.trace import SpanContext

    from llmtrace.attempts import FailedAttempt
    from llmtrace.chain import Marks
    from llmtrace.reading.encodings import Decoded


class Answer(Protocol):
    """What the worker may ask of an answer. Both bodies are immutable bytes; nothing is read from the network."""

    def request_body(self) -> bytes | None:
        """The request's body as it was encoded; None when that was a stream."""

    def request_form(self) -> list[tuple[str, str]]:
        """Fields of a multipart request that are no files, in order."""

    def request_path(self) -> str:
        """Path of the request's URL."""

    def body(self) -> bytes | None:
        """The whole body, decoded; None when it was not read whole."""

    def decoded(self, chunks: list[Chunk]) -> Decoded:
        """Chunks as they came off the transport, without their content encoding."""

    def headers(self) -> Mapping[str, str]:
        """The answer's headers, looked up whatever their case; none when there was no answer."""

    def size_bytes(self) -> int:
        """About how much memory both bodies take, as far as they were read whole. Never raises."""

    def is_event_stream(self) -> bool:
        """Whether the body is server-sent events."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Readout:
    """What was read of an answer."""

    body: Json
    reply: Reply
    timing: Timing
    failure: Failure | None


@dataclass(kw_only=True, slots=True)
class Collected:
    """An answer as it was collected; ``read`` it once."""

    call: Call
    """What was known when the call began."""
    answer: Answer | None
    chunks: list[Chunk]
    kept_whole: bool
    start_ns: int
    outcome: Outcome
    attempts: Sequence[FailedAttempt] = ()
    """Attempts before the last."""
    reader: Reader | None = None
    """The client, when it reads the stream itself."""
    span_context: SpanContext | None = None
    """Of the call's span, for others to link to."""
    body_bytes: int | None = None
    """Size of a body that came as a stream, kept or not."""
    fallback: object = None
    """The request as the client's own objects, for a call that was never encoded."""
    marks: Marks | None = None
    """What a chain has to say of it."""
    is_streamed: bool = field(init=False)
    """Whether there are events to add up."""
    _damaged: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.is_streamed = bool(self.call.operation.wire) and self.answer is not None and self.answer.is_event_stream()

    def timing(self) -> Timing:
        """What the outcome alone tells of the times."""
        return Timing(start_ns=self.start_ns, end_ns=self.outcome.end_ns)

    def failure(self) -> Failure | None:
        """What the outcome alone tells of a failure."""
        return failure_told(self.outcome)

    def sent(self) -> Json:
        """The request's body."""
        body = self._sent_to(self.answer) if self.answer else {}
        # Without an answer the encoded request is out of reach; the client's own copy has all but `extra_body`.
        body = body or (self.fallback if isinstance(self.fallback, dict) else {})
        return request_as_chat(body) if self.call.operation.dialect == "messages" else body

    def path(self) -> str:
        """Path of the request's URL; empty when no request was made."""
        return self.answer.request_path() if self.answer else ""

    def answered_bytes(self) -> int | None:
        """Size of the answer's body; None when there is none."""
        if self.body_bytes is not None or self.answer is None:
            return self.body_bytes
        body = self.answer.body()
        return None if body is None else len(body)

    def _sent_to(self, answer: Answer) -> Json:
        if fields := answer.request_form():
            return form_as_json(fields)
        return parse_body(answer.request_body())

    def read(self, sent: Json) -> Readout:
        """What the answer tells to the request ``sent``."""
        streamed = self._streamed(sent) if self.is_streamed else None
        body = streamed.body if streamed else self._answered()
        reply = read_reply(self.call.operation.wire, body)
        timing = self._stream_timing(streamed) if streamed else self.timing()
        # What runs in the background goes on without its stream.
        if streamed and not streamed.finished and timing.stream_end != "not_kept" and not sent.get("background"):
            reasons = reasons_cut_short(self.call.operation.wire, body, _choices_asked(sent))
            reply = replace(reply, finish_reasons=reasons)
        inside = (streamed.failure if streamed else None) or reply.failure or self._damage(streamed)
        return Readout(
            body=body,
            reply=reply,
            timing=timing,
            failure=self.failure() or inside,
        )

    def _answered(self) -> Json:
        if self.answer is None or not self.call.operation.wire:
            return {}
        if self.call.operation.answers_file and self.outcome.failure is None:
            return {}
        body = self.answer.body()
        told = parse_reply(b"".join(data for _, data in self._decoded()) if body is None else body)
        return reply_as_chat(told) if self.call.operation.dialect == "messages" else told

    def _streamed(self, sent: Json) -> Streamed:
        body = self.answer.body() if self.answer else None
        # A body read whole before we saw it, by a mock or a cache: nobody saw the chunks come.
        events = read_events(self._decoded()) if body is None else read_events([(0, body)], timed=False)
        of = self.call.operation
        return add_up(of.wire, events, choices=_choices_asked(sent), dialect=of.dialect)

    def _decoded(self) -> list[Chunk]:
        if self.answer is None:
            return []
        decoded = self.answer.decoded(self.chunks)
        self.kept_whole = self.kept_whole and decoded.whole
        self._damaged = decoded.damaged
        return decoded.chunks

    def _damage(self, streamed: Streamed | None) -> Failure | None:
        # The client raises on it, above where we listen; unless it had all it wanted before.
        spoilt = self._damaged and not (streamed and streamed.finished)
        if not spoilt:
            return None
        failure = Failure(type="DecodingError", message="the content encoding is damaged")
        return failure if self.reader is None else replace(failure, type=self.reader.on_error, cause=failure.type)

    def _stream_timing(self, streamed: Streamed) -> Timing:
        last_ns = self.chunks[-1][0] if self.chunks and self.kept_whole else None
        finished = streamed.finished or self.outcome.end in ("exhausted", "abandoned")
        end = "broken" if self._damage(streamed) else stream_end(self.outcome, streamed, kept_whole=self.kept_whole)
        return Timing(
            start_ns=self.start_ns,
            # How long the app takes over the last chunk is not the model's time.
            end_ns=last_ns if finished and last_ns else self.outcome.end_ns,
            first_chunk_ns=streamed.first_chunk_ns,
            first_token_ns=streamed.first_token_ns,
            stream_end=end,
            chunk_ns=streamed.chunk_ns,
        )


def _choices_asked(sent: Json) -> int:
    return count(sent.get("n")) or 1
