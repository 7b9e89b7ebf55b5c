"""Events of a call by the GenAI conventions, through OpenTelemetry's logs API: its details, and the exception it met.

Details only for an app that asked for content on events. What is in them was redacted before: the account holds nothing
else. Verdicts of guardrails, which hold no content, for an app that has guardrails.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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


class VerdictOutlet:
    """Writes what guardrails made of a call as results of evaluations, in the context of the call's span."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    def write(self, span: Span, account: Account) -> None:
        """Emit one for each verdict; a call that is not sampled has none."""
        verdicts = account.marks.get(names.GUARDRAIL_VERDICTS)
        if not isinstance(verdicts, str) or not span.get_span_context().trace_flags.sampled:
            return
        logger = self._logs.logger()
        if logger is None:
            return
        for verdict in json.loads(verdicts):
            logger.emit(
                timestamp=account.timing.end_ns,
                context=set_span_in_context(span),
                severity_number=SeverityNumber.INFO,
                attributes=_verdict(verdict, account.reply.id),
                event_name=names.EVALUATION_EVENT,
            )


def _verdict(verdict: dict[str, Any], response_id: str | None) -> dict[str, AnyValue]:
    told = {
        names.EVALUATION_NAME: f"guardrail.{verdict['name']}",
        names.EVALUATION_SCORE_VALUE: verdict.get("score"),
        names.EVALUATION_SCORE_LABEL: verdict["decision"],
        names.EVALUATION_EXPLANATION: ", ".join(verdict.get("categories", ())) or None,
        names.RESPONSE_ID: response_id,
        names.ERROR_TYPE: verdict.get("reason") if verdict["decision"] in ("error", "timeout") else None,
        names.GUARDRAIL_STAGE: verdict["stage"],
    }
    return {
        name: clean(value) if isinstance(value, str) else value for name, value in told.items() if value is not None
    }


def _details(account: Account) -> dict[str, AnyValue]:
    call = account.call
    told = {**start_attributes(call.operation, call.server, call.model), **account_attributes(account)}
    standard = {name: value for name, value in told.items() if names.is_standard(name)}
    content = {name: any_value(value) for name, value in structured_content(account.content).items()}
    return {**standard, **content}


def _exception(account: Account, failure: Failure) -> dict[str, AnyValue]:
    told: dict[str, AnyValue] = {names.EXCEPTION_TYPE: failure.type}
    return {**told, names.EXCEPTION_MESSAGE: clean(account.error_message)} if account.error_message else told
