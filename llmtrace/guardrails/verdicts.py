"""The words guardrails speak: what is looked at, what was found, and the verdict.

Subject ──check──▶ Opinion ──mode──▶ Verdict
            └─ raised / late / not looked at ──▶ Verdict: error / timeout / skipped, never pass
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, Protocol, TypeAlias

from llmtrace.calls import Identity
from llmtrace.chain import Asked, ChainRefusal


class Stage(StrEnum):
    """Whose text is looked at."""

    INPUT = "input"
    """What people wrote: messages of the user, prompts."""
    OUTPUT = "output"
    """What the model answers."""
    TOOL = "tool"
    """What tools returned, and the arguments the model calls them with."""
    RETRIEVAL = "retrieval"
    """Documents the app has put before the model: those told by ``llmtrace.guardrails.documents``."""


class Mode(StrEnum):
    """What becomes of a text that something was found in."""

    OBSERVE = "observe"
    """It passes, and the span says so."""
    REDACT = "redact"
    """It passes without what was found."""
    BLOCK = "block"
    """The call is refused."""


ModeName: TypeAlias = "Mode | Literal['observe', 'redact', 'block']"


class Decision(StrEnum):
    """What a guardrail made of a text."""

    PASS = "pass"  # noqa: S105  no password
    FLAG = "flag"
    REDACT = "redact"
    BLOCK = "block"
    ERROR = "error"
    """It failed: nobody knows."""
    TIMEOUT = "timeout"
    """It was not done in its time: nobody knows."""
    SKIPPED = "skipped"
    """It did not look: nobody knows."""


UNKNOWN: Final = frozenset({Decision.ERROR, Decision.TIMEOUT, Decision.SKIPPED})
_STRENGTH: Final = (
    Decision.BLOCK,
    Decision.REDACT,
    Decision.FLAG,
    Decision.ERROR,
    Decision.TIMEOUT,
    Decision.SKIPPED,
    Decision.PASS,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A place in a text."""

    start: int
    end: int
    """Up to, not included; both in characters."""
    category: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A text to look at, and what belongs to it."""

    text: str
    stage: Stage
    asked: Asked | None = None
    """The call; None when there is none, as in ``llmtrace.guardrails.check``."""
    documents: tuple[str, ...] = ()
    """What the answer may draw on: what the app has told, or else what was asked."""
    reply: Mapping[str, Any] = field(default_factory=dict)
    """The whole answer where there is one, as the provider spells it."""

    @property
    def identity(self) -> Identity:
        """For whom the call is."""
        return Identity() if self.asked is None else self.asked.identity


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """What a guardrail found in a text."""

    flagged: bool = False
    score: float | None = None
    """0 (harmless) to 1; None where there is no such thing."""
    categories: tuple[str, ...] = ()
    found: tuple[Found, ...] = ()
    """Places in order, none overlapping another; they may be taken out."""
    cost_usd: float = 0.0
    """What asking cost."""
    skipped: str = ""
    """Why it did not look, in a word; '': it did."""
    hard: bool = True
    """False: a warning that is told and never acted on, as that of a soft budget."""


CLEAN: Final = Opinion()


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What one guardrail made of the texts of one stage of a call."""

    name: str
    stage: Stage
    decision: Decision
    score: float | None = None
    categories: tuple[str, ...] = ()
    found: tuple[Found, ...] = ()
    """Places in the text it decided on; no content."""
    latency_ms: float = 0.0
    cost_usd: float = 0.0
    version: str = ""
    reason: str = ""
    """Of an error its class, of a skip a word."""
    refused: bool = False
    """Whether the call was refused for it: a block, or not knowing where that is not enough."""


class Guardrail(Protocol):
    """Looks at texts of calls.

    ``check`` gives an ``Opinion``, or an awaitable of one; what it raises is a verdict of its own, ``error``, and what
    takes longer than ``timeout_s`` is ``timeout``.
    """

    @property
    def name(self) -> str:
        """What it is called on spans; no two of a process have the same."""

    @property
    def version(self) -> str:
        """Of its rules or its model."""

    @property
    def stages(self) -> frozenset[Stage]:
        """Whose texts it looks at."""

    @property
    def mode(self) -> ModeName:
        """What becomes of a text that it finds something in."""

    @property
    def fail_closed(self) -> bool:
        """Whether the call is refused when it is not known what this guardrail thinks."""

    @property
    def timeout_s(self) -> float:
        """Seconds it has, where it ``waits``."""

    @property
    def waits(self) -> bool:
        """Whether it takes longer than an event loop can stand still: it is then run beside, within its time."""

    @property
    def local(self) -> bool:
        """Whether what it finds depends on nothing but the characters there: a stream passes with a few held back."""

    @property
    def substitute(self) -> str | None:
        """What the app gets as the answer when this guardrail blocks; None: ``GuardrailBlocked`` is raised."""

    def check(self, subject: Subject) -> Opinion | Awaitable[Opinion]:
        """What it thinks of a text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """The common part of what is built in."""

    name: str = "guardrail"
    version: str = "1"
    stages: frozenset[Stage] = frozenset({Stage.INPUT, Stage.OUTPUT})
    mode: ModeName = Mode.OBSERVE
    fail_closed: bool = False
    timeout_s: float = 2.0
    waits: bool = False
    local: bool = False
    substitute: str | None = None


class GuardrailBlocked(ChainRefusal):
    """A guardrail refused the call. ``str()`` of it is safe to show: it has no content."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(_sentence(verdict))
        self.verdict = verdict


def strongest(decisions: Iterable[Decision]) -> Decision:
    """The one that says most; an error goes before a pass."""
    return min(decisions, key=_STRENGTH.index, default=Decision.PASS)


def _sentence(verdict: Verdict) -> str:
    where = {Stage.INPUT: "The request", Stage.OUTPUT: "The answer"}.get(verdict.stage, f"A {verdict.stage} text")
    if verdict.decision in UNKNOWN:
        how = f"by the guardrail {verdict.name} ({verdict.decision})"
        return f"{where} could not be checked {how}, and may not go on unchecked."
    about = f" ({', '.join(verdict.categories)})" if verdict.categories else ""
    return f"{where} was stopped by the guardrail {verdict.name}{about}."
