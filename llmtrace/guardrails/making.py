"""From what a user gives as ``guardrails=[...]`` to guardrails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from llmtrace.guardrails.asked import Custom
from llmtrace.guardrails.injection import Injection
from llmtrace.guardrails.patterns import Pii, Secrets
from llmtrace.guardrails.verdicts import Guardrail, Mode, Stage

Given: TypeAlias = "Guardrail | str | Callable[[str], Any]"

BY_NAME: Final[dict[str, Callable[[], Guardrail]]] = {"pii": Pii, "secrets": Secrets, "injection": Injection}
"""Those that can be had by a word; they observe."""
_NEEDED: Final = ("name", "version", "stages", "mode", "fail_closed", "timeout_s", "waits", "local", "substitute")


def make_guardrails(given: Sequence[Given]) -> tuple[Guardrail, ...]:
    """The guardrails that were asked for.

    Raises:
        ValueError: a word is no guardrail, two have one name, or one that takes something out has no places to tell.
        TypeError: something is neither a guardrail, a word, nor a function.
    """
    if isinstance(given, str):
        raise TypeError('guardrails: give a list, such as ["pii"]')
    made = tuple(_made(one) for one in given)
    names = [guard.name for guard in made]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'guardrails: two are named "{name}"; give one of them another name=...')
    return made


def _made(one: Given) -> Guardrail:
    if isinstance(one, str):
        if one not in BY_NAME:
            raise ValueError(f'guardrails: there is none named "{one}"; by a word there are {", ".join(BY_NAME)}')
        return BY_NAME[one]()
    if callable(getattr(one, "check", None)) and not isinstance(one, type):
        missing = [name for name in _NEEDED if not hasattr(one, name)]
        if missing:
            raise TypeError(
                f"guardrails: {type(one).__name__} has no {', '.join(missing)}; see llmtrace.guardrails.Guard"
            )
        Mode(one.mode)  # type: ignore[union-attr]
        for stage in one.stages:  # type: ignore[union-attr]
            Stage(stage)
        return one  # type: ignore[return-value]  # it has all that is needed
    if callable(one) and not isinstance(one, type):
        return Custom(name=getattr(one, "__name__", "custom").strip("<>"), function=one)
    raise TypeError(f"guardrails: {one!r:.80} is neither a guardrail, a word, nor a function")
