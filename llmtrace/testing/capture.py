"""``capture``: the spans of a test, in memory, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from llmtrace import instrumentation
from llmtrace.instrumentation import flush, instrument, uninstrument

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue


@dataclass(frozen=True, kw_only=True, slots=True)
class CapturedEvent:
    """One event of a span."""

    name: str
    attributes: dict[str, AttributeValue]
    time_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CapturedSpan:
    """One finished span."""

    name: str
    kind: str
    """``client``, ``internal``, ..."""
    attributes: dict[str, AttributeValue]
    parent: str | None
    """Name of the span it is a child of; None for the first of a trace, and where the parent is not finished."""
    status: str
    """``unset``, ``ok`` or ``error``."""
    status_message: str | None
    events: tuple[CapturedEvent, ...]
    start_ns: int
    end_ns: int
    """Both since the epoch."""
    trace_id: int
    span_id: int
    parent_id: int | None
    scope: str
    """Whose it is: ``llmtrace`` for ours."""

    @property
    def duration_s(self) -> float:
        """From start to end."""
        return (self.end_ns - self.start_ns) / 1_000_000_000


class Captured:
    """What was captured so far. Every method waits for the worker first, so what it tells is whole."""

    def __init__(self) -> None:
        self._memory = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        """Where spans go; the app's own tracers, made from this, are captured as well."""
        self.provider.add_span_processor(SimpleSpanProcessor(self._memory))

    def spans(self, name: str | None = None) -> list[CapturedSpan]:
        """Finished spans in the order they began, or those of one name.

        Raises:
            RuntimeError: Calls are still not written after ten seconds.
        """
        if not flush():
            raise RuntimeError("llmtrace did not write every call in time: something holds up its worker thread")
        found = _plain(self.finished())
        return [span for span in found if name in (None, span.name)]

    def one(self, name: str | None = None) -> CapturedSpan:
        """The one span there is, or the one of that name.

        Raises:
            AssertionError: There is none, or more than one; the message shows what there is.
        """
        found = self.spans(name)
        if len(found) != 1:
            wanted = f"one span named {name!r}" if name else "one span"
            raise AssertionError(f"expected {wanted}, there are {len(found)}; captured:\n{self.tree() or '(nothing)'}")
        return found[0]

    def tree(self, *attributes: str) -> str:
        """Names of all spans, children indented below their parents, with some attributes where a span has them.

        Made for snapshots: neither ids nor times are in it.
        """
        spans = self.spans()
        known = {span.span_id for span in spans}

        def lines(parent_id: int | None, depth: int) -> Iterator[str]:
            for span in spans:
                own_parent = span.parent_id if span.parent_id in known else None
                if own_parent == parent_id:
                    yield "  " * depth + _told(span, attributes)
                    yield from lines(span.span_id, depth + 1)

        return "\n".join(lines(None, 0))

    def clear(self) -> None:
        """Forget what was captured."""
        flush()
        self._memory.clear()

    def finished(self) -> list[ReadableSpan]:
        """Spans as the SDK has them, without waiting, in the order they ended."""
        return list(self._memory.get_finished_spans())


@contextmanager
def capture(**arguments: Any) -> Iterator[Captured]:
    """Instrument inside the block, with spans kept in memory and sent nowhere.

    ```python
    with capture() as captured:
        answer_question("Why?")
    assert captured.tree() == "chat gpt-5-mini"
    ```

    A call of ``llmtrace.instrument()`` inside the block, by the app itself, changes nothing.

    Args:
        **arguments: Go to ``llmtrace.instrument``: ``capture(capture_content=True)``.

    Raises:
        RuntimeError: The process is instrumented already.
    """
    if instrumentation.settings_in_force() is not None:
        raise RuntimeError(
            "capture(): the process is instrumented already, and would go on as it is; "
            "call llmtrace.uninstrument() first, or import the app inside of capture()"
        )
    captured = Captured()
    instrument(captured.provider, **{"export": "none", **arguments})
    try:
        yield captured
        flush()
    finally:
        uninstrument()
        captured.provider.shutdown()


def _plain(spans: list[ReadableSpan]) -> list[CapturedSpan]:
    names = {span.context.span_id: span.name for span in spans if span.context is not None}
    return sorted((_one(span, names) for span in spans), key=lambda span: span.start_ns)


def _one(span: ReadableSpan, names: dict[int, str]) -> CapturedSpan:
    context, parent = span.get_span_context(), span.parent
    return CapturedSpan(
        name=span.name,
        kind=span.kind.name.lower(),
        attributes=dict(span.attributes or {}),
        parent=names.get(parent.span_id) if parent else None,
        status=span.status.status_code.name.lower(),
        status_message=span.status.description,
        events=tuple(
            CapturedEvent(name=event.name, attributes=dict(event.attributes or {}), time_ns=event.timestamp)
            for event in span.events
        ),
        start_ns=span.start_time or 0,
        end_ns=span.end_time or 0,
        trace_id=context.trace_id if context else 0,
        span_id=context.span_id if context else 0,
        parent_id=parent.span_id if parent else None,
        scope=span.instrumentation_scope.name if span.instrumentation_scope else "",
    )


def _told(span: CapturedSpan, attributes: tuple[str, ...]) -> str:
    told = [f"{name}={span.attributes[name]!r}" for name in attributes if name in span.attributes]
    failed = ["ERROR"] if span.status == "error" else []
    return "  ".join([span.name, *told, *failed])
