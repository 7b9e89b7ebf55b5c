"""What ``opentelemetry-instrument`` loads: the entry point ``llmtrace`` of the group ``opentelemetry_instrumentor``.

It asks an instrumentor for ``instrument(**options)`` and no more, so this one has the methods of
``opentelemetry.instrumentation.instrumentor.BaseInstrumentor`` without that class, whose package a plain install
does not have.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from llmtrace.instrumentation import instrument, settings_in_force, uninstrument

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider


class Instrumentor:
    """``llmtrace.instrument`` for tools that start instrumentations by themselves."""

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether llmtrace runs, whoever started it."""
        return settings_in_force() is not None

    def instrumentation_dependencies(self) -> Collection[str]:
        """What is instrumented."""
        return ("openai >= 1.40",)

    def instrument(self, **options: Any) -> None:
        """Instrument; spans go where the environment sends all spans, and to our collector only if that is nowhere.

        Args:
            **options: ``tracer_provider`` and ``meter_provider`` are heeded, all others are for other instrumentors.
        """
        provider = options.get("tracer_provider")
        instrument(
            provider,
            meter_provider=options.get("meter_provider"),
            export="none" if _has_processors(provider or trace.get_tracer_provider()) else "auto",
        )

    def uninstrument(self, **_options: Any) -> None:
        """Undo it."""
        uninstrument()


def _has_processors(provider: TracerProvider) -> bool:
    # The SDK has no public way to ask.
    return bool(getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ()))
