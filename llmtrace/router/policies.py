"""Policies as data: what a file says, and what code may say as well. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Signal = Literal["schema_invalid", "refusal", "truncated", "empty", "guardrail"]
"""What of a reply makes a cascade ask the next model."""
SIGNALS: tuple[Signal, ...] = ("schema_invalid", "refusal", "truncated", "empty", "guardrail")

Key = Literal["user", "session", "conversation"]
"""By whom calls are kept together."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A model, and through which client it is asked."""

    model: str
    client: str = ""
    """Name of one of the clients given to the ``Router``; '' is the client that was called."""
    quality: float | None = None
    """How good its answers are, 0 to 1, by your own grading; None: nobody knows."""

    @property
    def name(self) -> str:
        """As spans and messages have it."""
        return f"{self.client}/{self.model}" if self.client else self.model


@dataclass(frozen=True, kw_only=True)
class Fallback:
    """The first target that is healthy; the next ones when it fails."""

    targets: tuple[Target, ...]


@dataclass(frozen=True, kw_only=True)
class Cheapest:
    """The cheapest target, by this call's tokens and the price list, of those that meet the floor."""

    targets: tuple[Target, ...]
    floor: float
    """Least ``quality``, 0 to 1; a target of unknown quality does not meet it."""


@dataclass(frozen=True, kw_only=True)
class Fastest:
    """The target that answered fastest of late."""

    targets: tuple[Target, ...]
    explore: float = 0.02
    """Share of calls that ask one of the others, so that it is known how fast they are now."""


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """The first target; the next one when its answer shows a signal. Streams go where the app sent them."""

    targets: tuple[Target, ...]
    escalate: tuple[Signal, ...] = ("schema_invalid", "refusal", "truncated", "empty")
    min_logprob: float | None = None
    """Ask the next one when the mean log probability of the tokens is below this; None: it is not looked at. Holds
    where log probabilities were asked for."""
    when: Callable[[Mapping[str, Any], Mapping[str, Any]], bool] | None = None
    """Given the bodies of request and reply; true: ask the next one."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A share of a split."""

    name: str
    policy: Policy
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Split:
    """A weighted choice among policies; the same user, session or conversation always gets the same."""

    arms: tuple[Arm, ...]
    by: Key = "user"
    """A call of nobody known is given an arm by chance."""
    salt: str = ""
    """Another salt is another, independent assignment."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """One policy while money is left in the period, the other one after that."""

    usd: float
    policy: Policy
    over: Policy
    period_s: float = 86_400.0
    """Length of the period in seconds; it begins with the process."""
    by: Literal["all", "user"] = "all"


@dataclass(frozen=True, kw_only=True)
class Learned:
    """Weak or strong by a fitted policy: ``llmtrace router fit``."""

    weak: Target
    strong: Target
    file: str
    """Path of what ``llmtrace router fit`` wrote."""
    quality: float = 0.95
    """Least share of the strong model's quality, as measured at the fit."""


@dataclass(frozen=True, kw_only=True)
class Bandit:
    """The cheapest target whose grades are proven to be no worse than the first one's, by a paired confidence bound.

    ``Router.graded`` feeds it: pairs of grades of the same request, for instance of shadow traffic.
    """

    targets: tuple[Target, ...]
    """The first one is the reference, and what is asked until another one is proven."""
    margin: float = 0.02
    """How much worse, in grades of 0 to 1, is as good."""
    explore: float = 0.0
    """Share of calls that ask a target that is neither proven nor given up; 0: shadow traffic alone tells."""
    confidence: float = 0.95
    """Of the bound; it holds at all times at once, not just once."""


Policy = Fallback | Cheapest | Fastest | Cascade | Split | Budget | Learned | Bandit


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """A share of calls that is also sent to another target, off the caller's path."""

    target: Target
    share: float
    """0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """Which calls a policy is for."""

    policy: Policy
    name: str = "default"
    models: tuple[str, ...] = ()
    """As the app asks for them; empty: all."""
    features: tuple[str, ...] = ()
    """As ``llmtrace.context(feature=...)`` says; empty: all."""
    pinned_prompts: tuple[str, ...] = ()
    """Names of prompts, as ``llmtrace.context(prompt=...)`` says, whose calls are never moved."""
    allow: tuple[Literal["tools", "schemas"], ...] = ()
    """Calls that may be moved although they have tools, or a schema for the answer: verified by you."""
    shadow: Shadow | None = None


@dataclass(frozen=True, kw_only=True)
class Routing:
    """All routes; the first that fits is taken."""

    routes: tuple[Route, ...]
    killed: bool = False
    """The kill switch: every call goes where the app sent it."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of your own, such as a version; kept, not used."""
