"""Who is measured: llmtrace, two wrappers written by hand, and the peers that are installed.

Each is given the tracer provider of the run and the one copy of the client that it may touch.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, set_span_in_context

Instrument = Callable[[Any, Any, bool], Callable[[], object]]
"""(openai, tracer provider, content) -> what waits until deferred work is done."""


def nothing(_openai: Any, _provider: Any, _content: bool) -> Callable[[], object]:
    """The client as it is: what the two copies differ by on their own."""
    return lambda: None


def llmtrace(_openai: Any, provider: Any, content: bool) -> Callable[[], object]:
    """Ours, with its defaults."""
    import llmtrace as ours

    ours.instrument(provider, export="none", capture_content=content)
    return ours.flush


def minimal(openai: Any, provider: Any, content: bool) -> Callable[[], object]:
    """What one writes in an afternoon: wrapt around ``create``, one span, 20 attributes, messages as JSON."""
    _wrap_create(openai, _minimal_wrapper(provider.get_tracer("minimal"), content))
    return lambda: None


def deferred(openai: Any, provider: Any, content: bool) -> Callable[[], object]:
    """The same, with attributes filled in and the span ended on a thread."""
    jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def work() -> None:
        while True:
            jobs.get()()

    threading.Thread(target=work, daemon=True).start()

    def drain() -> None:
        done = threading.Event()
        jobs.put(done.set)
        done.wait()

    _wrap_create(openai, _deferred_wrapper(provider.get_tracer("deferred"), content, jobs.put))
    return drain


def openai_v2(_openai: Any, provider: Any, content: bool) -> Callable[[], object]:
    """OpenTelemetry's own, of the contrib repository."""
    import os

    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = str(content).lower()
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor  # type: ignore[import-not-found]

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    return lambda: None


def openinference(_openai: Any, provider: Any, content: bool) -> Callable[[], object]:
    """Arize's."""
    from openinference.instrumentation import TraceConfig  # type: ignore[import-not-found]
    from openinference.instrumentation.openai import OpenAIInstrumentor  # type: ignore[import-not-found]

    config = TraceConfig(hide_inputs=not content, hide_outputs=not content)
    OpenAIInstrumentor().instrument(tracer_provider=provider, config=config)
    return lambda: None


def traceloop(_openai: Any, provider: Any, content: bool) -> Callable[[], object]:
    """Traceloop's (OpenLLMetry)."""
    import os

    os.environ["TRACELOOP_TRACE_CONTENT"] = str(content).lower()
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor  # type: ignore[import-not-found]

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    return lambda: None


CONTENDERS: Final[dict[str, Instrument]] = {
    "nothing": nothing,
    "llmtrace": llmtrace,
    "minimal": minimal,
    "deferred": deferred,
    "openai_v2": openai_v2,
    "openinference": openinference,
    "traceloop": traceloop,
}


def _wrap_create(openai: Any, wrapper: Any) -> None:
    import wrapt

    for owner in (
        openai.resources.chat.completions.Completions,
        openai.resources.chat.completions.AsyncCompletions,
        openai.resources.responses.Responses,
        openai.resources.embeddings.Embeddings,
    ):
        wrapt.wrap_function_wrapper(owner, "create", wrapper(owner.__name__.startswith("Async")))


def _minimal_wrapper(tracer: Any, content: bool) -> Any:
    def around(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        with tracer.start_as_current_span(f"chat {kwargs['model']}", kind=SpanKind.CLIENT) as span:
            reply = wrapped(*args, **kwargs)
            if kwargs.get("stream"):
                return _watched(reply, span, kwargs, content)
            span.set_attributes(_attributes(kwargs, reply, content))
            return reply

    async def around_async(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        with tracer.start_as_current_span(f"chat {kwargs['model']}", kind=SpanKind.CLIENT) as span:
            reply = await wrapped(*args, **kwargs)
            span.set_attributes(_attributes(kwargs, reply, content))
            return reply

    return lambda is_async: around_async if is_async else around


def _deferred_wrapper(tracer: Any, content: bool, put: Any) -> Any:
    def begin(kwargs: Any) -> tuple[Any, Any]:
        span = tracer.start_span(f"chat {kwargs['model']}", kind=SpanKind.CLIENT)
        return span, otel_context.attach(set_span_in_context(span))

    def finish(span: Any, kwargs: Any, reply: Any) -> None:
        end_ns = time.time_ns()

        def fill() -> None:
            span.set_attributes(_attributes(kwargs, reply, content))
            span.end(end_ns)

        put(fill)

    def around(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        span, token = begin(kwargs)
        try:
            reply = wrapped(*args, **kwargs)
        finally:
            otel_context.detach(token)
        if kwargs.get("stream"):
            return _watched_later(reply, span, kwargs, finish)
        finish(span, kwargs, reply)
        return reply

    async def around_async(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        span, token = begin(kwargs)
        try:
            reply = await wrapped(*args, **kwargs)
        finally:
            otel_context.detach(token)
        finish(span, kwargs, reply)
        return reply

    return lambda is_async: around_async if is_async else around


def _watched(stream: Any, span: Any, kwargs: Any, content: bool) -> Any:
    last, text = None, []
    for chunk in stream:
        last = chunk
        if chunk.choices and chunk.choices[0].delta.content:
            text.append(chunk.choices[0].delta.content)
        yield chunk
    span.set_attributes(_attributes(kwargs, last, content))
    span.end()


def _watched_later(stream: Any, span: Any, kwargs: Any, finish: Any) -> Any:
    chunks = []
    for chunk in stream:
        chunks.append(chunk)
        yield chunk
    finish(span, kwargs, chunks[-1])


def _attributes(kwargs: Any, reply: Any, content: bool) -> dict[str, Any]:
    usage = reply.usage
    read = getattr(usage, "prompt_tokens", None) or getattr(usage, "input_tokens", None)
    written = getattr(usage, "completion_tokens", None) or getattr(usage, "output_tokens", None)
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": kwargs["model"],
        "gen_ai.request.temperature": kwargs.get("temperature"),
        "gen_ai.request.top_p": kwargs.get("top_p"),
        "gen_ai.request.max_tokens": kwargs.get("max_tokens"),
        "gen_ai.request.seed": kwargs.get("seed"),
        "gen_ai.request.stream": kwargs.get("stream"),
        "gen_ai.response.id": getattr(reply, "id", None),
        "gen_ai.response.model": reply.model,
        "gen_ai.response.finish_reasons": [c.finish_reason for c in getattr(reply, "choices", ())],
        "gen_ai.usage.input_tokens": read,
        "gen_ai.usage.output_tokens": written,
        "openai.response.service_tier": getattr(reply, "service_tier", None),
        "openai.response.system_fingerprint": getattr(reply, "system_fingerprint", None),
        "server.address": "api.openai.com",
        "server.port": 443,
        "user.id": "u-17",
    }
    if content:
        attributes["gen_ai.input.messages"] = json.dumps(kwargs.get("messages") or kwargs.get("input"))
        attributes["gen_ai.output.messages"] = json.dumps(
            [c.message.model_dump() for c in getattr(reply, "choices", ()) if hasattr(c, "message")]
        )
    return {name: value for name, value in attributes.items() if value is not None}
