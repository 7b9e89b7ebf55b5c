"""What happens when a call begins: a span is started, made current, and a recording is opened."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry.trace import set_span_in_context

from llmtrace import clock, spans
from llmtrace.baggage import inherited
from llmtrace.currents import go_back, is_suppressed
from llmtrace.exchanges import Origin
from llmtrace.identity import current_identity
from llmtrace.neighbours import is_told_by_another
from llmtrace.operations import operation_of
from llmtrace.recordings import Recording

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from llmtrace.calls import Identity, Operation, Server
    from llmtrace.metering import Metering
    from llmtrace.telling import Teller
    from llmtrace.tracing import Tracing
    from llmtrace.worker import Worker


class Observation:
    """A call that is under way: its recording, and the way back to the context it began in."""

    __slots__ = ("_context", "_token", "recording")

    def __init__(self, recording: Recording | None, context: Context) -> None:
        self.recording = recording
        self._context = context
        self._token = otel_context.attach(context)

    def is_current(self) -> bool:
        """Whether its span is current here, with nothing on top."""
        return otel_context.get_current() is self._context

    def leave(self) -> None:
        """Make the span that was current before current again."""
        go_back(self._token)


class Observer:
    """Begins an observation for every call that is to be seen."""

    def __init__(
        self,
        *,
        tracing: Tracing,
        metering: Metering,
        worker: Worker,
        teller: Teller,
        unsampled_teller: Teller,
        baggage: frozenset[str] = frozenset(),
        yields: bool = False,
    ) -> None:
        self._tracing = tracing
        self._metering = metering
        self.worker = worker
        self._teller = teller
        self._unsampled_teller = unsampled_teller
        self._baggage = baggage
        self._yields = yields

    def begin(self, method: str, url: str, sent: object, server: Server) -> Observation | None:
        """Start the span of a call; None when the call is not to be seen.

        An unsampled call is recorded for its metrics alone, if anybody listens to those. Its span is current all the
        same: what happens inside inherits the sampler's decision.
        """
        context = otel_context.get_current()
        if context and is_suppressed(context):
            return None
        tracer = self._tracing.tracer()
        if tracer is None:
            return None
        operation = operation_of(method, url)
        if self._yields and is_told_by_another(context, operation):
            return None
        model = sent.get("model") if isinstance(sent, dict) else None
        model = model if isinstance(model, str) else None
        start_ns = clock.now_ns()
        span = spans.start_span(tracer, operation, server, model, context=context, start_ns=start_ns)
        recording = None
        sampled = span.is_recording()
        if sampled or self._metering.listens():
            recording = Recording(
                span,
                start_ns,
                operation,
                server,
                model,
                self._identity(context) if context else current_identity(),
                sent,
                self.worker,
                self._teller if sampled else self._unsampled_teller,
            )
        return Observation(recording, set_span_in_context(span, context))

    def origin(self) -> Origin | None:
        """Where and for whom something is asked here; None when it is not to be seen."""
        context = otel_context.get_current()
        if context and is_suppressed(context):
            return None
        return Origin(context=context, identity=self._identity(context))

    def record(
        self, operation: Operation, server: Server, model: str | None, origin: Origin, *, start_ns: int
    ) -> Recording | None:
        """Record what was asked elsewhere and earlier; None when nobody would hear of it.

        Its span is never current: nothing runs inside.
        """
        tracer = self._tracing.tracer()
        if tracer is None:
            return None
        span = spans.start_span(tracer, operation, server, model, context=origin.context, start_ns=start_ns)
        sampled = span.is_recording()
        if not sampled and not self._metering.listens():
            return None
        return Recording(
            span,
            start_ns,
            operation,
            server,
            model,
            origin.identity,
            None,
            self.worker,
            self._teller if sampled else self._unsampled_teller,
        )

    def _identity(self, context: Context) -> Identity:
        said = current_identity()
        came_in = inherited(context, self._baggage)
        return said if came_in is None else replace(said, inherited=came_in)
