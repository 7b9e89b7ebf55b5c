"""Other instrumentations of the same calls: whether one tells the call that begins, and how to have them stop.

A call that two instrumentations tell is counted twice wherever their spans come together. ``neighbours`` says what is
to be done about it: ``"both"`` lets both tell, with ``"yield"`` ours stands down where the current span is another's
of the same call, with ``"replace"`` theirs are uninstrumented.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import get_current_span

from llmtrace import faults
from llmtrace import semconv as names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

    from llmtrace.calls import Operation

CLIENTS: Final = (
    "opentelemetry.instrumentation.genai.openai",
    "opentelemetry.instrumentation.openai_v2",
    "opentelemetry.instrumentation.openai",
    "openinference.instrumentation.openai",
)
"""Modules with an ``OpenAIInstrumentor`` each; frameworks (LangChain, LlamaIndex) tell more than calls, and stay."""

_INFERENCES: Final = frozenset({"chat", "text_completion", "generate_content"})
_BY_OPENINFERENCE: Final = {"LLM": "chat", "EMBEDDING": "embeddings"}
_BY_TRACELOOP: Final = {"chat": "chat", "completion": "text_completion", "embedding": "embeddings"}


def is_told_by_another(context: Context, operation: Operation) -> bool:
    """Whether the current span is another instrumentation's of the very call that begins here."""
    span: Any = get_current_span(context)
    attributes = getattr(span, "attributes", None)
    scope = getattr(span, "instrumentation_scope", None)
    if not attributes or getattr(scope, "name", None) == names.SCOPE_NAME:
        return False
    theirs = _operation(attributes)
    return theirs == operation.name or (theirs in _INFERENCES and operation.name in _INFERENCES)


def replace_neighbours() -> None:
    """Uninstrument those that are at it; one that comes later is the app's own wish."""
    for module in CLIENTS:
        instrumentor = getattr(sys.modules.get(module), "OpenAIInstrumentor", None)
        try:
            theirs = instrumentor() if instrumentor is not None else None
            if theirs is not None and theirs.is_instrumented_by_opentelemetry:
                theirs.uninstrument()
        except Exception as error:  # noqa: BLE001 - of another library, which the app must start without, too
            faults.say_once(
                f"neighbour-{module}",
                "llmtrace: %s cannot be uninstrumented (%s); its calls are told twice",
                module,
                type(error).__name__,
            )


def _operation(attributes: Mapping[str, object]) -> object:
    """What kind of call another's span is of, in the words of the conventions."""
    return (
        attributes.get(names.OPERATION_NAME)
        or _BY_OPENINFERENCE.get(str(attributes.get(names.OPENINFERENCE_SPAN_KIND)))
        or _BY_TRACELOOP.get(str(attributes.get(names.TRACELOOP_REQUEST_TYPE)))
    )
