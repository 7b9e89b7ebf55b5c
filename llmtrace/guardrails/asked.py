"""Guardrails that ask: a judge, the moderation of the provider, a function of the user's."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from llmtrace.guardrails.verdicts import CLEAN, Guard, Opinion, Stage, Subject
from llmtrace.judging import Judge, checked

Answer: TypeAlias = "Opinion | bool | float | None"
"""An opinion; whether something is wrong; how likely, 0 to 1; None: nothing is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged(Guard):
    """Texts of which a judge answers a question with yes, such as "Does it give medical advice?"."""

    name: str = "judge"
    waits: bool = True
    timeout_s: float = 10.0
    judge: Judge
    question: str
    threshold: float = 0.5

    def check(self, subject: Subject) -> Opinion:
        """What the judge says.

        Raises:
            Exception: it says nothing.
        """
        judgment = self.judge.judge(self.question, subject.text)
        probability = checked(judgment.probability)
        return Opinion(
            flagged=probability >= self.threshold,
            score=probability,
            categories=(self.name,) if probability >= self.threshold else (),
            cost_usd=judgment.cost_usd,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Moderation(Guard):
    """What the provider's moderation flags.

    With a ``client`` that blocks it is asked for every text; without one, what came inline with the answer to a call
    that was sent with ``moderation`` is read, which costs no call.
    """

    name: str = "moderation"
    waits: bool = field(init=False, default=False)
    timeout_s: float = 10.0
    client: Any = None
    model: str = "omni-moderation-latest"
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """By category, a score of 0 to 1 from which it is flagged, in place of the provider's own word."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "waits", self.client is not None)

    def check(self, subject: Subject) -> Opinion:
        """What it says.

        Raises:
            Exception: whatever the client raises; LookupError: it gave no result.
        """
        if self.client is None:
            return self._inline(subject)
        answer = self.client.moderations.create(model=self.model, input=subject.text)
        results = [result.model_dump(by_alias=True) for result in answer.results]
        if not results:
            raise LookupError("the moderation gave no result")
        return self._opinion(results)

    def _inline(self, subject: Subject) -> Opinion:
        moderation = subject.reply.get("moderation")
        side = "output" if subject.stage is Stage.OUTPUT else "input"
        part = moderation.get(side) if isinstance(moderation, Mapping) else None
        if not isinstance(part, Mapping):
            return Opinion(skipped="no inline moderation")
        results = [part] if part.get("type") == "moderation_result" else part.get("results")
        if not isinstance(results, list) or not results:
            raise LookupError("the inline moderation has no result")
        return self._opinion([result for result in results if isinstance(result, Mapping)])

    def _opinion(self, results: Iterable[Mapping[str, Any]]) -> Opinion:
        flagged, score, categories = False, 0.0, []
        for result in results:
            scores = {name: value for name, value in _items(result.get("category_scores")) if isinstance(value, float)}
            score = max([score, *scores.values()])
            over = [name for name, limit in self.thresholds.items() if scores.get(name, 0.0) >= limit]
            own = [name for name, applies in _items(result.get("categories")) if applies is True]
            named = over if self.thresholds else own
            flagged = flagged or bool(over if self.thresholds else result.get("flagged"))
            categories += named
        return Opinion(flagged=flagged, score=score, categories=tuple(dict.fromkeys(categories)) if flagged else ())


@dataclass(frozen=True, kw_only=True, slots=True)
class Custom(Guard):
    """A function of one's own, blocking or not: from the text, or from the ``Subject`` if it takes that, to an answer.

    Unless it is said not to wait it runs on a thread of its own, or, if it is a coroutine function and the client does
    not block, on the app's event loop.
    """

    name: str = "custom"
    waits: bool = True
    function: Callable[[Any], Any]
    takes_subject: bool = False
    threshold: float = 0.5
    """From which probability of the function's it is flagged."""
    check: Callable[[Subject], Opinion | Awaitable[Opinion]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if inspect.iscoroutinefunction(self.function):
            object.__setattr__(self, "check", self._check_async)
        else:
            object.__setattr__(self, "check", self._check)

    def _given(self, subject: Subject) -> Any:
        return subject if self.takes_subject else subject.text

    def _check(self, subject: Subject) -> Opinion | Awaitable[Opinion]:
        answer = self.function(self._given(subject))
        return self._later(answer) if inspect.isawaitable(answer) else self._opinion(answer)

    async def _check_async(self, subject: Subject) -> Opinion:
        return self._opinion(await self.function(self._given(subject)))

    async def _later(self, answer: Awaitable[Answer]) -> Opinion:
        return self._opinion(await answer)

    def _opinion(self, answer: Answer) -> Opinion:
        if isinstance(answer, Opinion):
            return answer
        if answer is None:
            return CLEAN
        if isinstance(answer, bool):
            return Opinion(flagged=answer, categories=(self.name,) if answer else ())
        flagged = checked(answer) >= self.threshold
        return Opinion(flagged=flagged, score=float(answer), categories=(self.name,) if flagged else ())


def _items(value: object) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, Mapping) else ()
