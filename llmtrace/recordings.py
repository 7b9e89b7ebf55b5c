"""One call being recorded: from the caller's thread, where almost nothing happens, to the worker, where the rest does.

    begin ──▶ answered (whole body, or a tapped stream) ──▶ end once ──▶ worker: read, price, write, end the span

A recording ends exactly once, whoever comes first: the call returning or raising, the stream being finished, closed,
broken, or collected as garbage, the process ending.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from opentelemetry.trace import INVALID_SPAN

from llmtrace import clock, faults, spans, unfinished
from llmtrace.accounts import Account
from llmtrace.calls import Call, Failure, Identity, Operation, Server, Timing
from llmtrace.outcomes import End, Outcome, Reader, failure_told
from llmtrace.reading.events import Chunk
from llmtrace.reading.json_values import Json
from llmtrace.readouts import Answer, Collected

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from llmtrace.attempts import FailedAttempt
    from llmtrace.chain import Marks
    from llmtrace.telling import Teller
    from llmtrace.worker import Worker


class Recording:
    """Collects one call on the caller's thread."""

    __slots__ = ("__weakref__", "_fallback", "_identity", "_model", "_open", "_operation", "_outcome", "_server",
                 "_teller", "_worker", "answer", "attempts", "body_bytes", "chunks", "hides_usage", "kept_bytes",
                 "kept_whole", "marks", "reader", "span", "start_ns", "tapped")  # fmt: skip

    def __init__(  # noqa: PLR0917 - by position: keywords cost the caller's thread more
        self,
        span: Span,
        start_ns: int,
        operation: Operation,
        server: Server,
        model: str | None,
        identity: Identity,
        sent: object,
        worker: Worker,
        teller: Teller,
        /,
    ) -> None:
        self.span = span
        self.start_ns = start_ns
        self.answer: Answer | None = None
        self.attempts: list[FailedAttempt] | None = None
        """Attempts the client makes again; made when there is one, for every list is one more for the collector."""
        self.chunks: list[Chunk] | None = None
        self.kept_bytes = 0
        """How many there are in ``chunks``, once they are all there."""
        self.kept_whole = True
        """False when more came than is kept of one answer."""
        self.reader: Reader | None = None
        """Who reads the stream, once somebody does; None when that is the app."""
        self.body_bytes: int | None = None
        """Size of a tapped body as far as it came, kept or not, as it came off the transport."""
        self.tapped = False
        self.marks: Marks | None = None
        """What a chain has to say of the call; None without one."""
        self.hides_usage = False
        """Whether usage was asked for on the app's behalf."""
        self._operation = operation
        self._server = server
        self._model = model
        self._identity = identity
        self._fallback = sent
        self._worker = worker
        self._teller = teller
        self._outcome: tuple[End, int, Failure | None, object] | None = None
        self._open = True

    def moved(self, server: Server) -> None:
        """The call is sent to another server than the one its client has."""
        self._server = server

    @property
    def wire(self) -> str:
        """The format of its bodies; empty where that is a dialect."""
        return "" if self._operation.dialect else self._operation.wire

    @property
    def reads_body(self) -> bool:
        """Whether the body of the answer is worth keeping: that of an image or audio file is not."""
        if self._operation.answers_file:
            return self.answer is not None and self.answer.is_event_stream()
        return bool(self._operation.wire)

    @property
    def ended(self) -> bool:
        """Whether nothing more is to be noted."""
        return not hasattr(self, "_open")

    def tap(self) -> list[Chunk]:
        """The answer is a stream: it may outlive the call, even the app's last line. Its chunks go where this says."""
        self.tapped = True
        chunks: list[Chunk] = []
        self.chunks = chunks
        unfinished.streams.add(self)
        return chunks

    def retry(self, attempt: FailedAttempt) -> None:
        """Note an attempt that failed and is made again."""
        if self.attempts is None:
            self.attempts = []
        self.attempts.append(attempt)

    def disown(self) -> None:
        """It is another process that will end it."""
        with suppress(AttributeError):
            del self._open

    def end(self, end: End, failure: Failure | None = None, error_body: object = None) -> None:
        """End the recording; only the first call counts. Never raises, never blocks: safe in a finaliser."""
        try:
            del self._open  # atomic, unlike test-and-set
        except AttributeError:
            return
        try:
            self._outcome = (end, clock.now_ns(), failure, error_body)
            answer = self.answer
            if answer is None:
                self._fallback = _frozen(self._fallback)  # the app may change it once the call is over
                size_bytes = 0
            else:
                if answer.request_body() is not None:
                    self._fallback = None
                size_bytes = self.kept_bytes + answer.size_bytes()
            if not self._worker.put(self, size_bytes):
                self._drop(self._ended())
        except Exception as error:  # noqa: BLE001 - in a finaliser there is nobody to raise to
            faults.report("recordings.end", error, on_worker=True)

    def _drop(self, outcome: Outcome) -> None:
        # The app's span processors must not run on the app's own thread, so the span is not ended here.
        spans.write_dropped(self.span, failure_told(outcome))
        span, teller = self.span, self._teller
        account = Account(
            call=self._call(),
            timing=Timing(start_ns=self.start_ns, end_ns=outcome.end_ns),
            failure=failure_told(outcome),
        )
        self._let_go()

        def end() -> None:
            teller.count(span, account)
            span.end(outcome.end_ns)

        self._worker.put_last(end)

    def _let_go(self) -> None:
        # The response holds the tap, the tap holds this: free all that is large however long the app holds those.
        self.answer = None
        self.attempts = None
        if self.chunks is not None:
            self.chunks.clear()
        self.span = INVALID_SPAN
        self._fallback = None

    def _ended(self) -> Outcome:
        end, end_ns, failure, error_body = self._outcome or ("returned", self.start_ns, None, None)
        return Outcome(end=end, end_ns=end_ns, failure=failure, error_body=error_body)

    def _call(self) -> Call:
        return Call(operation=self._operation, server=self._server, model=self._model, identity=self._identity)

    # --- from here on: the worker thread ------------------------------------------------------------------------

    def tell(self, outcome: Outcome) -> None:
        """End the recording here: for what is collected on the worker itself, where nobody else can end it."""
        self.disown()
        self._tell(outcome)

    def __call__(self) -> None:
        """Tell the call, and end its span: a recording that has ended is the worker's job."""
        self._tell(self._ended())

    def _tell(self, outcome: Outcome) -> None:
        end_ns = outcome.end_ns
        try:
            end_ns = self._teller.tell(self.span, self._collected(outcome))
        finally:
            self.span.end(end_ns)
            self._let_go()

    def _collected(self, outcome: Outcome) -> Collected:
        return Collected(
            call=self._call(),
            answer=self.answer,
            attempts=self.attempts or (),
            chunks=self.chunks or [],
            kept_whole=self.kept_whole,
            body_bytes=self.body_bytes,
            span_context=self.span.get_span_context(),
            start_ns=self.start_ns,
            outcome=outcome,
            reader=self.reader,
            fallback=self._fallback,
            marks=self.marks,
        )


def _frozen(sent: object) -> Json:
    """A copy of a request that was never encoded, as it is now."""
    try:
        copy = json.loads(json.dumps(sent))
    except (TypeError, ValueError, RecursionError):
        return {}
    return copy if isinstance(copy, dict) else {}
