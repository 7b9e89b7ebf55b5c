"""Guardrails outside of a call: a document before it is put into a prompt, what a tool is about to be given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmtrace.guardrails.checking import Steps, look, placed
from llmtrace.guardrails.driving import drive, drive_async
from llmtrace.guardrails.held import without
from llmtrace.guardrails.making import Given, make_guardrails
from llmtrace.guardrails.verdicts import Decision, Guardrail, Stage, Subject, Verdict
from llmtrace.redaction.kinds import marker


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What guardrails made of one text."""

    text: str
    """Without what was to be taken out."""
    verdicts: tuple[Verdict, ...]

    @property
    def refused(self) -> bool:
        """Whether one of them refuses it."""
        return any(verdict.refused for verdict in self.verdicts)


def check(text: str, guardrails: Sequence[Given], *, stage: Stage | str = Stage.INPUT) -> Checked:
    """What these guardrails make of a text; nothing is raised for what they find, and nothing told on a span.

    Raises:
        ValueError: as ``instrument(guardrails=...)``; TypeError: the same.
    """
    return drive(_checked(text, make_guardrails(guardrails), Stage(stage)))


async def check_async(text: str, guardrails: Sequence[Given], *, stage: Stage | str = Stage.INPUT) -> Checked:
    """The same where an event loop must not stand still."""
    return await drive_async(_checked(text, make_guardrails(guardrails), Stage(stage)))


def _checked(text: str, guards: Sequence[Guardrail], stage: Stage) -> Steps[Checked]:
    verdicts = []
    for guard in guards:
        looked = yield from look(guard, [Subject(text=text, stage=stage)])
        verdicts.append(looked.verdict)
        if looked.verdict.decision is Decision.REDACT:
            text = without(text, placed([guard], looked.found), marker)
    return Checked(text=text, verdicts=tuple(verdicts))
