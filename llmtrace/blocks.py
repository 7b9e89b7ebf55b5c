"""The app's own spans while they run: started and made current on its thread, written and ended on the worker.

    begin ──▶ inside (once, or once for each step of a generator) ──▶ end once ──▶ worker: write, end the span

A block that is still open when the process ends is ended then; one that is open at a fork stays the parent's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from opentelemetry import context as otel_context
from opentelemetry.trace import set_span_in_context

from llmtrace import clock, faults, spans, unfinished
from llmtrace.attributes import block_attributes, block_name
from llmtrace.baggage import inherited
from llmtrace.calls import Failure, Identity
from llmtrace.capture import redacted_identity
from llmtrace.currents import Current, is_suppressed
from llmtrace.identity import NOBODY, current_identity, merged, settled
from llmtrace.labels import LabelValue, labels_of
from llmtrace.outcomes import failure_of
from llmtrace.plain_copies import plain_copy
from llmtrace.reading.limits import encoded
from llmtrace.redaction.structured import redact

if TYPE_CHECKING:
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from llmtrace.calls import Block as Told
    from llmtrace.calls import Label
    from llmtrace.redaction.redactor import Redactor
    from llmtrace.settings import Settings
    from llmtrace.tracing import Tracing
    from llmtrace.worker import Worker

_NOT_SAID: Final = object()


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocks:
    """Begins the app's own spans."""

    tracing: Tracing
    worker: Worker
    settings: Settings

    def begin(self, told: Told) -> Running | None:
        """Start a span; None when it is not to be seen. Never raises."""
        try:
            return self._begin(told)
        except Exception as error:  # noqa: BLE001 - the function runs without us
            faults.report("blocks.begin", error)
            return None

    def _begin(self, told: Told) -> Running | None:
        context = otel_context.get_current()
        tracer = None if is_suppressed(context) else self.tracing.tracer()
        if tracer is None:
            return None
        span = spans.start_block(tracer, block_name(told), told.kind, context=context, start_ns=clock.now_ns())
        running = Running(told, span, self, self._identity(context) if span.is_recording() else None)
        unfinished.streams.add(running)
        return running

    def _identity(self, context: Context) -> Identity:
        came_in = inherited(context, self.settings.accepted_baggage)
        said = current_identity()
        return said if came_in is None else settled(replace(said, inherited=came_in))


class Running:
    """One block that is open."""

    __slots__ = (
        "__weakref__",
        "_blocks",
        "_current",
        "_facts",
        "_identity",
        "_input",
        "_labels",
        "_once",
        "_output",
        "_span",
        "_told",
    )  # fmt: skip

    def __init__(self, told: Told, span: Span, blocks: Blocks, identity: Identity | None) -> None:
        self._told = told
        self._span = span
        self._blocks = blocks
        self._identity = identity
        """None when the span takes nothing."""
        self._labels: dict[str, Label] = {}
        self._facts: dict[str, int | float] = {}
        self._input: object = _NOT_SAID
        self._output: object = _NOT_SAID
        self._current: Current | None = None
        self._once = [True]

    @property
    def takes_content(self) -> bool:
        """Whether what goes in and out is to be told."""
        return self._identity is not None and self._blocks.settings.content_on_spans and self._told.captures

    def __enter__(self) -> Running:
        self._current = Current(set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._current is not None:
            self._current.leave()

    def set_attributes(self, attributes: Mapping[str, LabelValue]) -> None:
        """Add attributes under names of your own; one that cannot be written is said in a line."""
        try:
            self._labels.update(labels_of(attributes, of="span"))
        except (TypeError, ValueError) as error:  # an app must not stop over it, and stops nowhere without us
            faults.say_once(str(error), "llmtrace: %s", error)

    def set_facts(self, facts: Mapping[str, int | float]) -> None:
        """Add figures of ours, under names of ours."""
        self._facts.update(facts)

    def set_input(self, value: object) -> None:
        """What goes in: arguments, a query, a task. Content: told only when that is captured."""
        if self.takes_content:
            self._input = plain_copy(value)

    def set_output(self, value: object) -> None:
        """What comes out: a result, documents, an answer. Content: told only when that is captured."""
        if self.takes_content:
            self._output = plain_copy(value)

    def end(self, error: BaseException | Literal["abandoned"] | None = None, result: object = _NOT_SAID) -> None:
        """End the span, as the end of the process may, too; only the first call counts. Never raises."""
        try:
            self._once.pop()
        except IndexError:
            return
        try:
            if result is not _NOT_SAID and result is not None and self._output is _NOT_SAID:
                self.set_output(result)
            # A generator that is closed early did not fail.
            if isinstance(error, BaseException) and not isinstance(error, GeneratorExit):
                self._hand_over(failure_of(error))
            else:
                self._hand_over(None)
        except Exception as fault:  # noqa: BLE001 - the function's result goes through without us
            faults.report("blocks.end", fault, on_worker=True)

    def disown(self) -> None:
        """It is another process that will end it."""
        self._once.clear()

    def _hand_over(self, failure: Failure | None) -> None:
        end_ns, span, worker = clock.now_ns(), self._span, self._blocks.worker
        if self._identity is None:
            return
        if not worker.put(lambda: self._finish(failure, end_ns)):
            worker.put_last(lambda: span.end(end_ns))

    # --- from here on: the worker thread ----------------------------------------------------------------------------

    def _finish(self, failure: Failure | None, end_ns: int) -> None:
        try:
            redactor = self._blocks.settings.redactor
            labels = (*self._told.labels, *self._labels.items())
            said = merged(self._identity or NOBODY, Identity(labels=labels))
            attributes = block_attributes(
                self._told,
                redacted_identity(said, redactor),
                input_=self._went_in(redactor),
                output=_encoded(self._output, redactor),
            )
            message = redactor.text(failure.message) if failure and failure.message and self.takes_content else None
            spans.write_block(self._span, {**attributes, **self._facts}, failure, message=message)
        finally:
            self._span.end(end_ns)

    def _went_in(self, redactor: Redactor) -> str | None:
        if self._told.kind == "retrieval":
            query = _query(self._input)
            return None if query is None else redactor.text(query)
        return _encoded(self._input, redactor)


def _query(value: object) -> str | None:
    """The text a retrieval is given: the first there is among its arguments."""
    values = value.values() if isinstance(value, dict) else (value,)
    return next((entry for entry in values if isinstance(entry, str)), None)


def _encoded(value: object, redactor: Redactor) -> str | None:
    return None if value is _NOT_SAID else encoded(redact(value, redactor))
