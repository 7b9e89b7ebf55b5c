"""The only module that writes spans: their start, their attributes, their status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind, Status, StatusCode

from llmtrace import semconv as names
from llmtrace.attributes import (
    BLOCK_KINDS,
    Attributes,
    account_attributes,
    attempt_attributes,
    change_attributes,
    clean,
    cleaned,
    content_attributes,
    failure_attributes,
    span_name,
    start_attributes,
)

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer
    from opentelemetry.util.types import AttributeValue

    from llmtrace.accounts import Account
    from llmtrace.calls import Failure, Operation, Server


def start_span(
    tracer: Tracer, operation: Operation, server: Server, model: str | None, *, context: Context, start_ns: int
) -> Span:
    """Start the span of a call with what a sampler may want to know."""
    attributes = start_attributes(operation, server, model)
    name = span_name(operation, clean(model) if model else None)
    return tracer.start_span(name, context, SpanKind.CLIENT, attributes, start_time=start_ns)


def start_block(tracer: Tracer, name: str, kind: str, *, context: Context, start_ns: int) -> Span:
    """Start one of the app's own spans; a sampler sees its name and kind."""
    known = BLOCK_KINDS[kind]
    attributes = {names.OPERATION_NAME: known.operation} if known.operation else None
    span_kind = SpanKind.CLIENT if known.is_remote else SpanKind.INTERNAL
    return tracer.start_span(clean(name), context, span_kind, attributes, start_time=start_ns)


def write_block(
    span: Span, attributes: dict[str, AttributeValue], failure: Failure | None, *, message: str | None
) -> None:
    """Write one of the app's own spans; ``message`` is what may be told of how it failed."""
    span.set_attributes(attributes)
    if failure is not None:
        span.set_attributes(cleaned(failure_attributes(failure)))
        _write_status(span, message)


class SpanOutlet:
    """Writes an account on the call's own span."""

    def __init__(self, *, with_content: bool) -> None:
        self._with_content = with_content

    def write(self, span: Span, account: Account) -> None:
        """Attributes first, then the status: the last one written stands."""
        call = account.call
        if call.model:
            span.update_name(clean(span_name(call.operation, call.model)))
        for attempt in account.attempts:
            span.add_event(names.RETRY_EVENT, attempt_attributes(attempt), attempt.failed_ns)
        for change in account.changes:
            span.add_event(names.CHANGE_EVENT, change_attributes(change), account.timing.end_ns)
        # The first again: the SDK's consistent samplers start a span without the attributes it was to start with.
        started = start_attributes(call.operation, call.server, call.model)
        span.set_attributes({**started, **account_attributes(account)})
        if self._with_content:
            span.set_attributes(content_attributes(account.content))
        for link in account.links:
            span.add_link(link)
        if account.failure is not None:
            message = account.error_message if self._with_content else None
            _write_status(span, message or account.failure.code)


def write_dropped(span: Span, failure: Failure | None) -> None:
    """Mark the span as one whose details were never read; how it failed is known, but not redacted, so not told."""
    marked: Attributes = {names.DETAILS_DROPPED: True}
    if failure is not None:
        marked |= failure_attributes(failure)
    span.set_attributes(cleaned(marked))
    if failure is not None:
        _write_status(span, failure.code)


def _write_status(span: Span, told: str | None) -> None:
    span.set_status(Status(StatusCode.ERROR, clean(told) if told else None))
