"""``llmtrace.feedback``: what people say of answers, as events on their way to the collector."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmtrace import faults, instrumentation, semconv
from llmtrace.identity import current_identity
from llmtrace.opinions import DEFAULT_NAME, Opinion, OpinionError, opinion

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from llmtrace.instrumentation import EventOutlet
    from llmtrace.redaction.redactor import Redactor


def feedback(
    about: object = None,
    /,
    *,
    score: float | None = None,
    label: str | None = None,
    comment: str | None = None,
    correction: str | None = None,
    user: str | None = None,
    session: str | None = None,
    name: str = DEFAULT_NAME,
    id: str | None = None,  # noqa: A002 - the word of its users
) -> str:
    """Tell what a person said of an answer; it may come late, again, from another process, and before its span.

    ```python
    answer = client.chat.completions.create(...)
    llmtrace.feedback(answer, score=1, comment="just right", user="ada")
    llmtrace.feedback("chatcmpl-9x", label="down", correction="It was 1969.", user="ada")
    ```

    It is a log event of its own (``llmtrace.feedback``), sent in the background; neither a network nor an error of ours
    reaches the caller. Every statement is kept; of those of one user about one answer under one name, the latest holds,
    and ``label="withdrawn"`` takes it back. Comments and corrections are redacted as content is. Works without
    ``llmtrace.instrument()``, too, by the same environment variables.

    Args:
        about: An answer of the client, or its response id; an OpenTelemetry span, ``TRACE_ID:SPAN_ID``, a traceparent,
            or a trace id. None: the current span.
        score: A number; 0 to 1, or -1 and 1, so that means and filters mean something.
        label: A word: ``up``, ``down``, ``pass``, ``fail``.
        comment: In the person's words; up to 20,000 characters, as is ``correction``.
        correction: What the answer should have been.
        user: Who says it. None: the user of ``llmtrace.context``.
        session: None: the session of ``llmtrace.context``.
        name: What was asked: ``rating``, ``thumb``, ``helpfulness``.
        id: Of the statement, to send it again without its counting twice. None: a new one.

    Returns:
        The id of the statement.

    Raises:
        ValueError: It is about nothing, says nothing, or an argument is not what it must be.
    """
    said = current_identity()
    made = opinion(
        _address(about),
        {
            "score": score,
            "label": label,
            "comment": comment,
            "correction": correction,
            "user": user or said.user,
            "session": session or said.session,
            "name": name,
            "id": id or uuid.uuid4().hex,
        },
    )
    try:
        _emit(made)
    except Exception as error:  # noqa: BLE001 - the app goes on without us
        faults.report("feedback", error)
    return made.id


def _address(about: object) -> str:
    """`about` as a text."""
    if isinstance(about, str):
        return about
    if about is None:
        from opentelemetry.trace import get_current_span

        about = get_current_span()
    found: Any = about
    of_span = getattr(found, "get_span_context", None)
    context = of_span() if callable(of_span) else found
    if isinstance(trace_id := getattr(context, "trace_id", None), int):
        return f"{trace_id:032x}:{context.span_id:016x}"
    if isinstance(response_id := getattr(found, "id", None), str):
        return response_id
    raise OpinionError(
        f"feedback(about={type(about).__name__}): give the answer, its response id, a span, or TRACE_ID:SPAN_ID"
    )


def _emit(made: Opinion) -> None:
    outlet = instrumentation.event_outlet()
    if outlet is not None:
        _let_hear(outlet, made)
    # Here, not on the worker: a provider of our own cannot be made any more once the interpreter ends.
    logger = outlet.logs.logger() if outlet is not None else None
    if outlet is None or logger is None:
        faults.say_once(
            "feedback-nowhere",
            "llmtrace: feedback goes nowhere: nothing is exported, and the app has no logger provider. Said once.",
        )
        return
    at_ns, redactor = time.time_ns(), outlet.settings.redactor

    def emit() -> None:
        logger.emit(
            timestamp=at_ns,
            context=_context(made),
            attributes=_redacted(made, redactor).attributes,
            event_name=semconv.FEEDBACK_EVENT,
        )

    outlet.worker.put(emit, len(made.comment) + len(made.correction))


def _let_hear(outlet: EventOutlet, made: Opinion) -> None:
    """A cache forgets an answer that was not liked; on the worker, for it may ask another machine."""
    heard, good = outlet.heard, made.is_good
    if heard is None or good is None or not made.response_id:
        return

    def tell() -> None:
        try:
            heard(made.response_id, good=good)
        except Exception as error:  # noqa: BLE001 - a store that is away
            told = type(error).__name__
            faults.say_once("feedback-unheard", "llmtrace: the cache could not take feedback in (%s). Said once.", told)

    outlet.worker.put(tell)


def _redacted(made: Opinion, redactor: Redactor) -> Opinion:
    return replace(
        made,
        label=redactor.text(made.label),
        comment=redactor.text(made.comment),
        correction=redactor.text(made.correction),
        user=redactor.text(made.user),
        session=redactor.text(made.session),
    )


def _context(made: Opinion) -> Context:
    """One in which the span is current that it is about; an empty one where it is about none."""
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    about = SpanContext(
        trace_id=int(made.trace_id or "0", 16),
        span_id=int(made.span_id or "0", 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),  # so that no processor passes over it
    )
    return set_span_in_context(NonRecordingSpan(about), Context())
