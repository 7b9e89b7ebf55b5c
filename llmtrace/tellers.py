"""Which stages and outlets a teller has, by the settings in force."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from llmtrace.attempts import attempts_stage, headers_stage
from llmtrace.background import background_stage
from llmtrace.capture import CaptureStage, LabelsStage
from llmtrace.changes import ChangesStage
from llmtrace.estimates import EstimateStage
from llmtrace.events import EventOutlet, VerdictOutlet
from llmtrace.features import FeaturesStage
from llmtrace.metrics import MetricsOutlet
from llmtrace.pace import pace_stage
from llmtrace.signals import signals_stage
from llmtrace.sketches import Sketcher
from llmtrace.spans import SpanOutlet
from llmtrace.telling import Outlet, Stage, Teller, answer_stage, details_stage, marks_stage, request_stage
from llmtrace.tokenizers import Tokenizers, folder

if TYPE_CHECKING:
    from llmtrace.background import Ledger
    from llmtrace.costing import CostStage
    from llmtrace.logs import Logs
    from llmtrace.metering import Metering
    from llmtrace.settings import Settings
    from llmtrace.uploads import Uploads


def make_teller(
    settings: Settings,
    metering: Metering,
    costs: CostStage,
    *,
    logs: Logs,
    uploads: Uploads | None,
    ledger: Ledger,
    guards: bool = False,
) -> Teller:
    """The teller of calls that have a span; ``guards`` says whether guardrails look at them."""
    counted = MetricsOutlet(metering)
    stages: list[Stage] = [
        request_stage,
        LabelsStage(settings.redactor),
        answer_stage,
        pace_stage,
        partial(background_stage, ledger),
        headers_stage,
        attempts_stage,
        marks_stage,
        details_stage,
        costs,
        signals_stage,
        ChangesStage(),
        EstimateStage(Tokenizers(folder()), price=costs),
    ]
    if settings.text_features:
        stages.append(FeaturesStage(Sketcher(settings.sketch_key) if settings.sketch_key else None))
    if settings.captures_content:
        stages.append(CaptureStage(redactor=settings.redactor, limits=settings.limits, uploads=uploads))
    outlets: list[Outlet] = [SpanOutlet(with_content=settings.content_on_spans), counted]
    if settings.content_on_events:
        outlets.append(EventOutlet(logs))
    if guards:
        outlets.append(VerdictOutlet(logs))
    return Teller(stages=stages, outlets=outlets, counts=counted)


def make_unsampled_teller(metering: Metering, costs: CostStage, ledger: Ledger) -> Teller:
    """The teller of calls without a span: what metrics need, and no content."""
    counted = MetricsOutlet(metering)
    stages: list[Stage] = [
        request_stage,
        answer_stage,
        partial(background_stage, ledger),
        attempts_stage,
        marks_stage,
        costs,
    ]
    return Teller(stages=stages, outlets=[counted], counts=counted)
