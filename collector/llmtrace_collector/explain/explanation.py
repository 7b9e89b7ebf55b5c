"""What is answered: a sentence, the attributes behind it with their figures, some of the calls, and a link to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmtrace_collector.explain.times import iso


@dataclass(frozen=True, kw_only=True)
class Cause:
    """An attribute whose value explains a part."""

    attribute: str
    """Of ATTRIBUTES."""
    value: str
    figures: Mapping[str, float | str]
    """As told in the sentence; see docs/reference/explanations.md for the names by kind of question."""
    also: tuple[tuple[str, str], ...] = ()
    """Other attributes and values of the very same calls."""

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        also = {"also": [{"attribute": name, "value": value} for name, value in self.also]} if self.also else {}
        return {"attribute": self.attribute, "value": self.value, **self.figures, **also}


@dataclass(frozen=True, kw_only=True)
class Example:
    """One of the calls."""

    trace_id: str
    span_id: str
    why: str
    """`typical` or `worst`."""

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"trace_id": self.trace_id, "span_id": self.span_id, "why": self.why}


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The answer to a `Question`."""

    sentence: str
    causes: tuple[Cause, ...] = ()
    """Most telling first, five at most; empty: nothing sets the calls apart."""
    since: datetime | None = None
    """When it began, where a moment stands out."""
    examples: tuple[Example, ...] = ()
    """Five at most."""
    query: tuple[tuple[str, str], ...] = ()
    """Words of the dashboard's address that list exactly these calls."""
    calls: int = 0
    """That were looked at, in window and reference; 0: there are none, so nothing is explained."""
    sampled: float = 1.0
    """Share of the calls that was looked at by attribute."""

    def plain(self) -> dict[str, Any]:
        """As a notice and a row have it."""
        since = {"explained_since": iso(self.since)} if self.since else {}
        sampled = {"explained_by_sample": round(self.sampled, 4)} if self.sampled < 1 else {}
        return {
            "explanation": self.sentence,
            "attributes": [cause.plain() for cause in self.causes],
            "examples": [example.plain() for example in self.examples],
            **since,
            **sampled,
        }
