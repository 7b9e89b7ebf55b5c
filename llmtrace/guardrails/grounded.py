"""Groundedness: whether what an answer states stands in what it was given.

Numbers, names, URLs and quotations are looked up in the documents of the call, as characters: under a millisecond, and
blind to what is said in other words. A judge sees more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from llmtrace.guardrails.urls import urls_in
from llmtrace.guardrails.verdicts import CLEAN, Found, Guard, Opinion, Stage, Subject

_NUMBER: Final = re.compile(r"(?<![\w.,])[-+]?\d{1,3}(?:[,\u00a0]\d{3})+(?:\.\d+)?|(?<![\w.])\d+(?:\.\d+)?")
_QUOTE: Final = re.compile(r"[\"“«]([^\"“”«»\n]{8,300})[\"”»]")
_NAME: Final = re.compile(
    r"(?<=[^\s.!?:\"“(\n-] )[A-Z][\w'’-]+(?: (?:of|de|van|von|the|and) (?=[A-Z])| [A-Z][\w'’-]+){0,4}"
)
_SPACE: Final = re.compile(r"\s+")
MOST_CLAIMS: Final = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """Something an answer states that can be looked up."""

    kind: str
    """``number``, ``name``, ``url`` or ``quote``."""
    start: int
    end: int
    text: str


def claims_in(text: str) -> list[Claim]:
    """Numbers, names, URLs and quotations of a text, in that order."""
    found = [Claim(kind="url", start=start, end=end, text=url) for start, end, url in urls_in(text)]
    for kind, pattern in (("quote", _QUOTE), ("number", _NUMBER), ("name", _NAME)):
        for match in pattern.finditer(text):
            group = 1 if kind == "quote" else 0
            start, end = match.span(group)
            if not any(claim.start < end and start < claim.end for claim in found):
                found.append(Claim(kind=kind, start=start, end=end, text=match[group]))
            if len(found) >= MOST_CLAIMS:
                return found
    return found


def uncovered(text: str, documents: tuple[str, ...]) -> tuple[list[Claim], float | None]:
    """Claims that stand in no document, and the share that does; None for a text without claims."""
    claims = claims_in(text)
    if not claims:
        return [], None
    told = _plain("\n".join(documents))
    numbers = {_number(match[0]) for match in _NUMBER.finditer("\n".join(documents))}
    missing = [claim for claim in claims if not _is_covered(claim, told, numbers)]
    return missing, 1 - len(missing) / len(claims)


@dataclass(frozen=True, kw_only=True, slots=True)
class Groundedness(Guard):
    """Answers of which less than ``min_coverage`` stands in the documents of the call, or else in what was asked."""

    name: str = "groundedness"
    stages: frozenset[Stage] = frozenset({Stage.OUTPUT})
    min_coverage: float = 0.8
    """Share of numbers, names, URLs and quotations, 0 to 1."""

    def check(self, subject: Subject) -> Opinion:
        """How much of it does, and what does not."""
        if not subject.documents:
            return Opinion(skipped="no documents")
        missing, coverage = uncovered(subject.text, subject.documents)
        if coverage is None:
            return CLEAN
        if coverage >= self.min_coverage:
            return Opinion(score=1 - coverage)
        return Opinion(
            flagged=True,
            score=1 - coverage,
            categories=tuple(dict.fromkeys(claim.kind for claim in missing)),
            found=tuple(
                Found(start=c.start, end=c.end, category=f"ungrounded {c.kind}")
                for c in sorted(missing, key=lambda claim: claim.start)
            ),
        )


def _is_covered(claim: Claim, told: str, numbers: set[str]) -> bool:
    if claim.kind == "number":
        return _number(claim.text) in numbers
    if claim.kind == "name":
        return all(word in told for word in _words(claim.text))
    return _plain(claim.text).rstrip("/.,") in told


def _words(name: str) -> Iterator[str]:
    for word in re.findall(r"[\w'’-]+", name.lower()):
        if word not in ("of", "de", "van", "von", "the", "and"):
            yield word.removesuffix("'s").removesuffix("’s")


def _number(text: str) -> str:
    plain = text.replace(",", "").replace("\u00a0", "").lstrip("+")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).lower()
