"""What a semantic cache does with labelled pairs of questions: `a` is stored, then `b` is asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any

from llmtrace.cache.bound import Bound
from llmtrace.cache.entries import Entry
from llmtrace.cache.matching import Matcher
from llmtrace.embedding import Embedder


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two questions, and whether one answer serves both."""

    a: str
    b: str
    same: bool


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Counts, shares, and times in milliseconds."""

    requests: int
    hits: int
    wrong: int
    """Hits of pairs that are not the same."""
    duplicates: int
    recall: float | None
    """Share of the duplicates that were answered; None where there are none."""
    wrong_share: float | None
    """Wrong / all requests."""
    precision: float | None
    delta: float
    embedder: str
    exact: int
    """Hits of the very same text."""
    guarded: int
    """Requests whose candidate a guard held apart."""
    factor: float
    limit: float
    time_ms_median: float | None
    """Of a request: embedding, search, guards, curve, bound."""
    time_ms_p95: float | None
    seconds: float

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def try_pairs(pairs: Sequence[Pair], embedder: Embedder, delta: float) -> Outcome:
    """Every pair in a scope of its own, in the order they come, under one budget; no judge, no labels but to count."""
    begun_s = time.perf_counter()
    bound = Bound(delta)
    matcher = Matcher(embedder, bound)
    hits = wrong = exact = guarded = 0
    times: list[float] = []
    rows = embedder.embed([pair.a for pair in pairs])
    for number, pair in enumerate(pairs):
        stored = _entry(str(number), pair.a, rows[number].tobytes(), embedder)
        asked_s = time.perf_counter()
        bound.ask()
        if pair.a == pair.b:
            hit = True
            exact += 1
        else:
            match = matcher.best(stored.scope, [stored], pair.b, matcher.row(pair.b), 0.0)
            hit = bound.admits(match.wrong if match is not None else 1.0) and match is not None
            guarded += match is not None and bool(match.guard)
        times.append((time.perf_counter() - asked_s) * 1000)
        hits += hit
        wrong += hit and not pair.same
    duplicates = sum(pair.same for pair in pairs)
    standing = bound.standing
    return Outcome(
        requests=len(pairs),
        hits=hits,
        wrong=wrong,
        duplicates=duplicates,
        recall=_share(hits - wrong, duplicates),
        wrong_share=_share(wrong, len(pairs)),
        precision=_share(hits - wrong, hits),
        delta=delta,
        embedder=embedder.name,
        exact=exact,
        guarded=guarded,
        factor=round(standing.factor, 4),
        limit=round(standing.limit, 6),
        time_ms_median=round(median(times), 4) if times else None,
        time_ms_p95=round(quantiles(times, n=20)[-1], 4) if len(times) > 1 else None,
        seconds=round(time.perf_counter() - begun_s, 3),
    )


def _entry(scope: str, text: str, vector: bytes, embedder: Embedder) -> Entry:
    return Entry(
        key=scope,
        scope=scope,
        text=text,
        body=b"",
        stream=False,
        headers={},
        response_id="",
        made_s=0.0,
        expires_s=float("inf"),
        took_s=0.0,
        vector=vector,
        embedder=embedder.name,
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
