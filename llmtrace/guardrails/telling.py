"""Verdicts as marks of a call: the strongest in a word, all of them as JSON without content."""

from __future__ import annotations

import json
from typing import Any, Final

from llmtrace import semconv
from llmtrace.chain import Marks
from llmtrace.guardrails.verdicts import Decision, Verdict, strongest

MOST_VERDICTS: Final = 32
_MOST_PLACES: Final = 20
_MOST_CATEGORIES: Final = 20


class Telling:
    """Writes what is decided of one call into its marks, as it comes."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._told: list[dict[str, Any]] = []
        self._decisions: list[Decision] = []
        self._cost_usd = 0.0
        self._latency_ms = 0.0

    def tell(self, verdict: Verdict) -> None:
        """One more."""
        self._decisions.append(verdict.decision)
        self._cost_usd += verdict.cost_usd
        self._latency_ms += verdict.latency_ms
        if len(self._told) < MOST_VERDICTS:
            self._told.append(told(verdict))
        self._marks[semconv.GUARDRAIL_VERDICT] = strongest(self._decisions).value
        self._marks[semconv.GUARDRAIL_VERDICTS] = json.dumps(self._told, separators=(",", ":"))
        self._marks[semconv.GUARDRAIL_DURATION] = round(self._latency_ms / 1000, 6)
        if self._cost_usd:
            self._marks[semconv.GUARDRAIL_COST_USD] = f"{self._cost_usd:.9f}"
        if verdict.refused:
            self._marks[semconv.GUARDRAIL_REFUSED_BY] = verdict.name


def told(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain JSON: names and numbers, no content; what is not known is left out."""
    fields = {
        "name": verdict.name,
        "stage": verdict.stage.value,
        "decision": verdict.decision.value,
        "score": None if verdict.score is None else round(verdict.score, 4),
        "categories": list(verdict.categories[:_MOST_CATEGORIES]) or None,
        "places": [[place.start, place.end, place.category] for place in verdict.found[:_MOST_PLACES]] or None,
        "latency_ms": round(verdict.latency_ms, 3),
        "cost_usd": verdict.cost_usd or None,
        "version": verdict.version or None,
        "reason": verdict.reason or None,
        "refused": verdict.refused or None,
    }
    return {name: value for name, value in fields.items() if value is not None}
