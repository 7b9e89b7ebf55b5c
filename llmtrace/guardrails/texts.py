"""What the guardrails of one stage make of one text that comes in pieces: held, looked at, told."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from llmtrace.guardrails.checking import Steps, enforce, judged, look, placed, unknown
from llmtrace.guardrails.held import Held, Passed, Place, without
from llmtrace.guardrails.verdicts import Decision, Found, Guardrail, Mode, Opinion, Subject, Verdict

Tell = Callable[[Verdict], None]
MOST_KEPT: Final = 1024 * 1024
"""Characters of a text that are kept for guardrails that want the whole of it."""


@dataclass(kw_only=True, slots=True)
class _Local:
    """A guardrail that sees the text as it comes."""

    guard: Guardrail
    spent_s: float = 0.0
    found: list[Found] = field(default_factory=list)
    over: bool = False
    """Whether its verdict is told."""


class GuardedText:
    """One text of an answer under way.

    Guardrails that are ``local`` see it as it comes. If any other may take something out, or refuse, everything is
    held until the end, for only then can it be asked.
    """

    def __init__(
        self, subject: Subject, guards: Sequence[Guardrail], *, mark: Callable[[str], str], tell: Tell
    ) -> None:
        here = [guard for guard in guards if subject.stage in guard.stages]
        self._subject = subject
        self._local = [_Local(guard=guard) for guard in here if guard.local]
        self._whole = [guard for guard in here if not guard.local]
        self._mark = mark
        self._tell = tell
        self._came: list[str] = []
        self._kept = 0
        acts = any(guard.mode != Mode.OBSERVE for guard in self._whole)
        self._held = Held(self._look, mark, whole=acts)
        self._holds = acts or any(guard.mode != Mode.OBSERVE for guard in here)

    @property
    def pending(self) -> str:
        """What came and is not shown."""
        return self._held.pending if self._holds else ""

    def add(self, text: str) -> Passed:
        """What of it may be passed on.

        Raises:
            GuardrailBlocked: a guardrail refuses what has come.
        """
        if self._whole and self._kept <= MOST_KEPT:
            self._came.append(text)
            self._kept += len(text)
        passed = self._noted(self._held.add(text))
        return passed if self._holds else replace(passed, text=text, upto=passed.upto + len(self._held.pending))

    def finish(self) -> Steps[Passed]:
        """What is left, when no more comes; and every verdict is told.

        Raises:
            GuardrailBlocked: a guardrail refuses it.
        """
        passed = self._noted(self._held.finish())
        for local in self._local:
            self._close(local)
        if not self._whole:
            return passed if self._holds else replace(passed, text="")
        shown = yield from self._asked_of_all("".join(self._came), passed)
        return replace(passed, text=shown if self._holds else "")

    def _asked_of_all(self, came: str, passed: Passed) -> Steps[str]:
        """Guardrails that want the whole see it without what is taken out already, each after the last."""
        shown = passed.text if self._held.whole else without(came, passed.found, self._mark)
        text = shown
        for guard in self._whole:
            if self._kept > MOST_KEPT:
                verdict = unknown(guard, self._subject.stage, Decision.SKIPPED, "too long")
                self._tell(verdict)
                enforce(verdict)
                continue
            looked = yield from look(guard, [replace(self._subject, text=text)])
            self._tell(looked.verdict)
            enforce(looked.verdict)
            if looked.verdict.decision is Decision.REDACT:
                text = without(text, placed([guard], looked.found), self._mark)
        return text if self._held.whole else passed.text

    def _look(self, text: str) -> list[Place]:
        """What the local ones find in a part of the text."""
        found = [self._found(local, text) for local in self._local]
        return placed([local.guard for local in self._local], found)

    def _found(self, local: _Local, text: str) -> tuple[Found, ...]:
        if local.over:
            return ()
        began = time.perf_counter()
        try:
            opinion = local.guard.check(replace(self._subject, text=text))
            if not isinstance(opinion, Opinion):
                raise TypeError("a local guardrail is not awaited")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001 - an error is a verdict
            local.over = True
            verdict = unknown(local.guard, self._subject.stage, Decision.ERROR, type(error).__name__)
            self._tell(verdict)
            enforce(verdict)
            return ()
        finally:
            local.spent_s += time.perf_counter() - began
        return opinion.found

    def _noted(self, passed: Passed) -> Passed:
        for place in passed.found:
            local = self._local[place.by]
            local.found.append(Found(start=place.start, end=place.end, category=place.category))
            if local.guard.mode == Mode.BLOCK:
                enforce(self._close(local))
        return passed

    def _close(self, local: _Local) -> Verdict:
        found = tuple(local.found)
        opinion = Opinion(
            flagged=bool(found), categories=tuple(dict.fromkeys(place.category for place in found)), found=found
        )
        verdict = judged(local.guard, [self._subject], [opinion], time.perf_counter() - local.spent_s).verdict
        if not local.over:
            local.over = True
            self._tell(verdict)
        return verdict
