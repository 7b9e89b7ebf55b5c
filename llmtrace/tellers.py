"""Which stages and outlets a teller has, by the settings in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace.features import FeaturesStage
from llmtrace.signals import signals_stage
from llmtrace.sketches import Sketcher
from llmtrace.spans import SpanOutlet
from llmtrace.telling import Stage, Teller, answer_stage, content_stage, cost_stage, request_stage

if TYPE_CHECKING:
    from llmtrace.settings import Settings


def make_teller(settings: Settings) -> Teller:
    """The teller of an instrumentation."""
    stages: list[Stage] = [request_stage, answer_stage, cost_stage, signals_stage]
    if settings.text_features:
        stages.append(FeaturesStage(Sketcher(settings.sketch_key) if settings.sketch_key else None))
    if settings.captures_content:
        stages.append(content_stage)
    outlets = [SpanOutlet(with_content=settings.captures_content)]
    return Teller(stages=stages, outlets=outlets, tells_content=settings.captures_content)
