"""Azure's content filters: which ones found something, in the prompt and in the completion. Categories, never texts.

https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from llmtrace.reading.json_values import Json, items, mapping, word


@dataclass(frozen=True, kw_only=True, slots=True)
class Filtered:
    """Categories of content filters, sorted."""

    prompt: tuple[str, ...] = ()
    """Found in the prompt, withheld or not."""
    completion: tuple[str, ...] = ()
    """Found in what was answered, withheld or not."""
    withheld: tuple[str, ...] = ()
    """Those that stopped the prompt or the answer."""


def is_triggered(verdict: object) -> bool:
    """Whether a filter found something: it withheld it, detected it, or gave it a severity above ``safe``."""
    found = mapping(verdict)
    return bool(
        found.get("filtered") is True
        or found.get("detected") is True
        or found.get("severity") in ("low", "medium", "high")
    )


def read_filters(body: Json) -> Filtered:
    """The verdicts of a body, of a chat completion or of the error that stands for one."""
    prompts = [mapping(entry).get("content_filter_results") for entry in items(body.get("prompt_filter_results"))]
    # Older versions of the API spell it `prompt_annotations`; a prompt that was refused has it inside the error.
    prompts += [mapping(entry).get("content_filter_results") for entry in items(body.get("prompt_annotations"))]
    inner = mapping(mapping(body.get("error")).get("innererror"))
    prompts.append(inner.get("content_filter_result"))
    answers = [mapping(choice).get("content_filter_results") for choice in items(body.get("choices"))]
    found = [(where, *verdict) for where, results in (("p", prompts), ("c", answers)) for verdict in _verdicts(results)]
    return Filtered(
        prompt=_sorted(category for where, category, verdict in found if where == "p" and is_triggered(verdict)),
        completion=_sorted(category for where, category, verdict in found if where == "c" and is_triggered(verdict)),
        withheld=_sorted(category for _, category, verdict in found if mapping(verdict).get("filtered") is True),
    )


def _verdicts(results: list[object]) -> Iterable[tuple[str, object]]:
    for result in results:
        for category, verdict in mapping(result).items():
            if name := word(category):
                yield name, verdict


def _sorted(categories: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(categories))[:32])
