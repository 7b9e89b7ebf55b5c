"""Whether a call gives the same answer again: it is made several times, and its answers are grouped by meaning.

    call() x n ──▶ answers ──▶ clusters of one meaning ──▶ agreement, semantic entropy
                     └──▶ models and fingerprints that answered

Semantic entropy is that of the shares of the clusters (Farquhar et al., Nature 630:625, 2024, the discrete form): 0
when all say the same, ln n when each says something else. What has high entropy is often made up; low entropy is no
proof of truth. A same seed and fingerprint may still give different answers: this reports, it promises nothing.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from llmtrace.embedding import Embedder

MOST_RUNS: Final = 100
ALIKE: Final = 0.85
"""Cosine from which on two answers of an embedder count as one meaning; a matter of the embedder, so measure yours."""

Same = Callable[[str, str], bool]
"""Whether two answers mean the same, such as a judge asked both ways."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What came of one call."""

    text: str = ""
    model: str = ""
    """That answered; '' when it is not told."""
    fingerprint: str = ""
    """`system_fingerprint` of chat completions; '' when it is not told."""
    error: str = ""
    """Class of what was raised; '' when nothing was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Consistency:
    """What several runs of one call say together."""

    runs: tuple[Run, ...]
    clusters: tuple[tuple[int, ...], ...]
    """Places in `runs` of answers of one meaning, the largest first; runs that failed are in none."""
    seed: int | None = None
    """That each call was given; None: none."""

    @property
    def answered(self) -> int:
        """Runs that gave an answer."""
        return sum(len(cluster) for cluster in self.clusters)

    @property
    def agreement(self) -> float | None:
        """Share of the largest cluster among answers, 0 to 1; None when there is none."""
        return len(self.clusters[0]) / self.answered if self.clusters else None

    @property
    def semantic_entropy(self) -> float | None:
        """In nats, from 0 to ln(answers); None when there is no answer."""
        if not self.clusters:
            return None
        shares = [len(cluster) / self.answered for cluster in self.clusters]
        return max(0.0, -math.fsum(share * math.log(share) for share in shares))

    @property
    def identical(self) -> bool:
        """Whether all answers are the same to the character."""
        return len({run.text for run in self.runs if not run.error}) == 1

    @property
    def models(self) -> tuple[str, ...]:
        """That answered, each once, in order: more than one is a change during the check."""
        return tuple(dict.fromkeys(run.model for run in self.runs if run.model))

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The same of fingerprints: the provider's backend changed, or there are several."""
        return tuple(dict.fromkeys(run.fingerprint for run in self.runs if run.fingerprint))

    @property
    def answer(self) -> str | None:
        """One of the largest cluster: the answer most runs agree on."""
        return self.runs[self.clusters[0][0]].text if self.clusters else None

    def as_json(self) -> dict[str, object]:
        """Figures alone, without the answers."""
        return {
            "runs": len(self.runs),
            "answered": self.answered,
            "clusters": [len(cluster) for cluster in self.clusters],
            "agreement": self.agreement,
            "semantic_entropy": self.semantic_entropy,
            "identical": self.identical,
            "seed": self.seed,
            "models": list(self.models),
            "fingerprints": list(self.fingerprints),
            "errors": sorted({run.error for run in self.runs if run.error}),
        }


def check(
    call: Callable[..., Any],
    *,
    n: int = 5,
    seed: int | None = None,
    embedder: Embedder | None = None,
    alike: float = ALIKE,
    same: Same | None = None,
) -> Consistency:
    """Make a call several times, one after the other, and say how far its answers agree.

    ```python
    found = llmtrace.consistency.check(lambda: client.chat.completions.create(...), n=8, embedder=LocalEmbedder())
    found.agreement, found.semantic_entropy
    ```

    Args:
        call: Gives an answer of the client, or a text. With `seed` it is called as ``call(seed=seed)``.
        n: How often, 2 to 100; each costs what a call costs.
        seed: The same for every call, to see whether it is kept.
        embedder: Groups answers by cosine (`llmtrace.embedding`). None, and no `same`: by their words, without case,
            blanks and punctuation at the ends.
        alike: Cosine from which on two answers mean the same.
        same: Groups answers in its place; asked about each answer and the first of each group.

    Raises:
        ValueError: `n` is out of bounds. A call that raises is a run of its own, with the class of its error.
    """
    _check_count(n)
    runs = tuple(_run(call, seed) for _ in range(n))
    return Consistency(runs=runs, clusters=_clusters(runs, embedder, alike, same), seed=seed)


async def check_async(
    call: Callable[..., Awaitable[Any]],
    *,
    n: int = 5,
    seed: int | None = None,
    embedder: Embedder | None = None,
    alike: float = ALIKE,
    same: Same | None = None,
    at_once: int = 4,
) -> Consistency:
    """As `check`, of a coroutine function; up to `at_once` calls are under way, and grouping is done on a thread."""
    _check_count(n)
    room = asyncio.Semaphore(max(1, at_once))

    async def one() -> Run:
        async with room:
            try:
                return _read(await (call() if seed is None else call(seed=seed)))
            except Exception as error:  # noqa: BLE001 - a run that failed is a finding
                return Run(error=type(error).__name__)

    runs = tuple(await asyncio.gather(*(one() for _ in range(n))))
    clusters = await asyncio.to_thread(_clusters, runs, embedder, alike, same)
    return Consistency(runs=runs, clusters=clusters, seed=seed)


def text_of(answer: Any) -> str:
    """The words of an answer of the client (chat, responses), or a text as it is."""
    if isinstance(answer, str):
        return answer
    if isinstance(told := getattr(answer, "output_text", None), str):
        return told
    choices = getattr(answer, "choices", None) or ()
    message = getattr(choices[0], "message", None) if choices else None
    if isinstance(told := getattr(message, "content", None), str):
        return told
    return str(answer) if message is None else ""


def _check_count(n: int) -> None:
    if not 2 <= n <= MOST_RUNS:
        raise ValueError(f"n: {n} runs say nothing or cost too much; write 2 to {MOST_RUNS}")


def _run(call: Callable[..., Any], seed: int | None) -> Run:
    try:
        answer = call() if seed is None else call(seed=seed)
    except Exception as error:  # noqa: BLE001 - a run that failed is a finding
        return Run(error=type(error).__name__)
    if inspect.iscoroutine(answer):
        answer.close()
        raise TypeError("call is a coroutine function: use `await llmtrace.consistency.check_async(...)`")
    return _read(answer)


def _read(answer: Any) -> Run:
    model, fingerprint = getattr(answer, "model", None), getattr(answer, "system_fingerprint", None)
    return Run(
        text=text_of(answer),
        model=model if isinstance(model, str) else "",
        fingerprint=fingerprint if isinstance(fingerprint, str) else "",
    )


def _clusters(
    runs: Sequence[Run], embedder: Embedder | None, alike: float, same: Same | None
) -> tuple[tuple[int, ...], ...]:
    """Each answer joins the first group whose first answer means the same, or begins one."""
    places = [place for place, run in enumerate(runs) if not run.error]
    words = {place: _words(runs[place].text) for place in places}
    meant = _by_cosine(runs, places, embedder, alike) if embedder is not None and same is None else same
    groups: list[list[int]] = []
    for place in places:
        for group in groups:
            first = group[0]
            if words[place] == words[first] or (meant is not None and meant(runs[place].text, runs[first].text)):
                group.append(place)
                break
        else:
            groups.append([place])
    return tuple(tuple(group) for group in sorted(groups, key=len, reverse=True))


def _by_cosine(runs: Sequence[Run], places: Sequence[int], embedder: Embedder, alike: float) -> Same:
    texts = list(dict.fromkeys(runs[place].text for place in places))
    rows = dict(zip(texts, embedder.embed(texts), strict=True)) if texts else {}
    return lambda one, other: float(rows[one] @ rows[other]) >= alike


def _words(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .,;:!?\"'`*")
