"""Verdicts on content: moderations, decisions, and the moderation of a chat or responses call. Categories, no text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from llmtrace import semconv as names
from llmtrace.details.fields import Bodies, Details
from llmtrace.details.retrieval import inputs_count
from llmtrace.reading.json_values import Json, items, mapping, word

_MAX_CATEGORIES: Final = 64


def verdicts(bodies: Bodies) -> Details:
    """Of a moderations call: how many inputs, whether any was flagged, for what."""
    results = [mapping(result) for result in items(bodies.answered.get("results"))]
    return {names.REQUEST_INPUTS_COUNT: inputs_count(bodies.sent.get("input")), **_verdict(results)}


def inline(bodies: Bodies) -> Details:
    """Of a call that was sent with ``moderation``: whether what was asked, or answered, was flagged."""
    moderation = mapping(bodies.answered.get("moderation"))
    parts = {part: _results(mapping(moderation.get(part))) for part in ("input", "output")}
    flagged = tuple(part for part, results in parts.items() if any(map(_is_flagged, results)))
    everything = [result for results in parts.values() for result in results]
    told = _verdict(everything)
    told.pop(names.MODERATION_FLAGGED_COUNT, None)
    return {**told, names.MODERATION_FLAGGED_PARTS: flagged or None}


def decisions(bodies: Bodies) -> Details:
    """How many questions were asked, and how many the model refused."""
    answers = [mapping(answer) for answer in items(bodies.answered.get("answers"))]
    refusals = sum(answer.get("type") == "refusal" for answer in answers)
    return {
        names.DECISION_QUESTIONS_COUNT: len(items(bodies.sent.get("questions"))) or None,
        names.DECISION_REFUSALS_COUNT: refusals if answers else None,
    }


def _results(verdict: Json) -> list[Json]:
    # A responses call has one result for a side, a chat call a list of them; an error has neither.
    if verdict.get("type") == "moderation_result":
        return [verdict]
    return [mapping(result) for result in items(verdict.get("results"))]


def _verdict(results: list[Json]) -> Details:
    if not results:
        return {}
    flagged = sum(map(_is_flagged, results))
    return {
        names.MODERATION_FLAGGED: flagged > 0,
        names.MODERATION_FLAGGED_COUNT: flagged,
        names.MODERATION_CATEGORIES: _categories(results) or None,
    }


def _is_flagged(result: Json) -> bool:
    return result.get("flagged") is True


def _categories(results: Iterable[Json]) -> tuple[str, ...]:
    found = {
        name
        for result in results
        for category, applies in mapping(result.get("categories")).items()
        if applies is True and (name := word(category))
    }
    return tuple(sorted(found)[:_MAX_CATEGORIES])
