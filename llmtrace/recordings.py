"""One call being recorded: from the caller's thread, where almost nothing happens, to the worker, where the rest does.

    begin ──▶ answered (whole body, or a tapped stream) ──▶ end once ──▶ worker: read, price, write, end the span

A recording ends exactly once, whoever comes first: the call returning or raising, the stream being finished, closed,
broken, or collected as garbage, the process ending.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from opentelemetry.trace import INVALID_SPAN

from llmtrace import clock, faults, spans, unfinished
from llmtrace.accounts import Account
from llmtrace.calls import Call, Failure, Identity, Operation, Server, Timing
from llmtrace.outcomes import End, Outcome, failure_told
from llmtrace.reading.events import Chunk
from llmtrace.reading.json_values import Json
from llmtrace.readouts import Answer, Collected

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from llmtrace.attempts import FailedAttempt
    from llmtrace.telling import Teller
    from llmtrace.worker import Worker


class Recording:
    """Collects one call on the caller's thread."""

    __slots__ = ("__weakref__", "_fallback", "_identity", "_model", "_once", "_operation",
                 "_server", "_teller", "_worker", "answer", "attempts", "chunks", "kept_bytes", "kept_whole", "span",
                 "start_ns", "tapped")  # fmt: skip

    def __init__(
        self,
        *,
        span: Span,
        start_ns: int,
        operation: Operation,
        server: Server,
        model: str | None,
        identity: Identity,
        sent: object,
        worker: Worker,
        teller: Teller,
    ) -> None:
        self.span = span
        self.start_ns = start_ns
        self.answer: Answer | None = None
        self.attempts: list[FailedAttempt] = []
        """Attempts the client makes again."""
        self.chunks: list[Chunk] = []
        self.kept_bytes = 0
        """How many there are in ``chunks``, once they are all there."""
        self.kept_whole = True
        """False when more came than is kept of one answer."""
        self.tapped = False
        self._operation = operation
        self._server = server
        self._model = model
        self._identity = identity
        self._fallback = sent
        self._worker = worker
        self._teller = teller
        self._once = [True]

    @property
    def reads_body(self) -> bool:
        """Whether the body of the answer is worth keeping: that of an image or audio file is not."""
        return bool(self._operation.wire)

    @property
    def ended(self) -> bool:
        """Whether nothing more is to be noted."""
        return not self._once

    def tap(self) -> None:
        """The answer is a stream: it may outlive the call, even the app's last line."""
        self.tapped = True
        unfinished.streams.add(self)

    def disown(self) -> None:
        """It is another process that will end it."""
        self._once.clear()

    def end(self, end: End, failure: Failure | None = None, error_body: object = None) -> None:
        """End the recording; only the first call counts. Never raises, never blocks: safe in a finaliser."""
        try:
            self._once.pop()  # atomic, unlike test-and-set
        except IndexError:
            return
        outcome = Outcome(end=end, end_ns=clock.now_ns(), failure=failure, error_body=error_body)
        try:
            if not self._hand_over(outcome):
                self._drop(outcome)
        except Exception as error:  # noqa: BLE001 - in a finaliser there is nobody to raise to
            faults.report("recordings.end", error, on_worker=True)

    def _hand_over(self, outcome: Outcome) -> bool:
        if self.answer is None:
            self._fallback = _frozen(self._fallback)  # the app may change it once the call is over
            size_bytes = 0
        else:
            if self.answer.request_body() is not None:
                self._fallback = None
            size_bytes = self.kept_bytes + self.answer.size_bytes()
        return self._worker.put(lambda: self._finish(outcome), size_bytes)

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
        self.attempts.clear()
        self.chunks.clear()
        self.span = INVALID_SPAN
        self._fallback = None

    def _call(self) -> Call:
        return Call(operation=self._operation, server=self._server, model=self._model, identity=self._identity)

    # --- from here on: the worker thread ------------------------------------------------------------------------

    def tell(self, outcome: Outcome) -> None:
        """End the recording here: for what is collected on the worker itself, where nobody else can end it."""
        self._once.clear()
        self._finish(outcome)

    def _finish(self, outcome: Outcome) -> None:
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
            attempts=self.attempts,
            chunks=self.chunks,
            kept_whole=self.kept_whole,
            start_ns=self.start_ns,
            outcome=outcome,
            fallback=self._fallback,
        )


def _frozen(sent: object) -> Json:
    """A copy of a request that was never encoded, as it is now."""
    try:
        copy = json.loads(json.dumps(sent))
    except (TypeError, ValueError, RecursionError):
        return {}
    return copy if isinstance(copy, dict) else {}
