"""Events of a call by the GenAI conventions, through OpenTelemetry's logs API: its details, and the exception it met.

Only for an app that asked for content on events. What is in them was redacted before: the account holds nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry._logs import SeverityNumber
from opentelemetry.trace import set_span_in_context

from llmtrace import semconv as names
from llmtrace.any_values import any_value
from llmtrace.attributes import account_attributes, clean, start_attributes, structured_content

if TYPE_CHECKING:
    from opentelemetry.trace import Span
    from opentelemetry.util.types import AnyValue

    from llmtrace.accounts import Account
    from llmtrace.calls import Failure
    from llmtrace.logs import Logs


class EventOutlet:
    """Writes an account as events in the context of the call's span."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    def write(self, span: Span, account: Account) -> None:
        """Emit them; a call that is not sampled, or is not read, has none."""
        if not account.call.operation.wire or not span.get_span_context().trace_flags.sampled:
            return
        logger = self._logs.logger()
        if logger is None:
            return
        context, end_ns = set_span_in_context(span), account.timing.end_ns
        logger.emit(
            timestamp=end_ns,
            context=context,
            severity_number=SeverityNumber.INFO,
            attributes=_details(account),
            event_name=names.OPERATION_DETAILS_EVENT,
        )
        if account.failure is not None:
            logger.emit(
                timestamp=end_ns,
                context=context,
                severity_number=SeverityNumber.WARN,
                attributes=_exception(account, account.failure),
                event_name=names.OPERATION_EXCEPTION_EVENT,
            )


def _details(account: Account) -> dict[str, AnyValue]:
    call = account.call
    told = {**start_attributes(call.operation, call.server, call.model), **account_attributes(account)}
    standard = {name: value for name, value in told.items() if names.is_standard(name)}
    content = {name: any_value(value) for name, value in structured_content(account.content).items()}
    return {**standard, **content}


def _exception(account: Account, failure: Failure) -> dict[str, AnyValue]:
    told: dict[str, AnyValue] = {names.EXCEPTION_TYPE: failure.type}
    return {**told, names.EXCEPTION_MESSAGE: clean(account.error_message)} if account.error_message else told
