"""Chooses: a policy and what is known become a plan. Nothing is sent here, nothing is noted."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from llmtrace.chain import Asked
from llmtrace.router.assigning import assigned
from llmtrace.router.knowledge import Grades, Latencies, Spending
from llmtrace.router.policies import (
    Bandit,
    Budget,
    Cascade,
    Cheapest,
    Fallback,
    Fastest,
    Learned,
    Policy,
    Split,
    Target,
)
from llmtrace.router.prompts import prompt_text


class Predictor(Protocol):
    """A fitted policy."""

    def needs_strong(self, prompt: str, quality: float) -> bool:
        """Whether a prompt goes to the strong model, for that share of its quality."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """All that a choice may depend on, besides the call."""

    price: Callable[[Asked, Target], Decimal | None]
    """What the call would cost at a target, US dollars."""
    predictor: Callable[[str], Predictor]
    """The fitted policy of a file."""
    latencies: Latencies
    spending: Spending
    grades: Grades
    random: random.Random
    now: float
    """Seconds since the router was made."""


@dataclass(frozen=True, kw_only=True)
class Payer:
    """On whose account a call's cost is counted, in which period."""

    key: Hashable
    period: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done with a call."""

    targets: tuple[Target, ...]
    """The first is asked, the others when those before fail."""
    reason: str
    propensity: float = 1.0
    """How likely this first target was, given the call."""
    arm: str = ""
    """Of the splits on the way, outermost first."""
    cascade: Cascade | None = None
    payers: tuple[Payer, ...] = ()
    bound: float | None = None
    """Lower confidence bound of the first target's grade less the reference's; None: no grades were looked at."""


def choose(policy: Policy, asked: Asked, known: Known) -> Plan:
    """The plan of a policy for a call."""
    match policy:
        case Fallback():
            return Plan(targets=policy.targets, reason="first_healthy")
        case Cascade():
            return _cascade(policy, asked)
        case Cheapest():
            return _cheapest(policy, asked, known)
        case Fastest():
            return _fastest(policy, known)
        case Split():
            return _split(policy, asked, known)
        case Budget():
            return _budget(policy, asked, known)
        case Learned():
            return _learned(policy, asked, known)
        case Bandit():
            return _bandit(policy, asked, known)


def _cascade(policy: Cascade, asked: Asked) -> Plan:
    if asked.stream or asked.raw:
        return Plan(targets=(), reason="stream_not_cascaded")
    return Plan(targets=policy.targets, reason="cheap_first", cascade=policy)


def _cheapest(policy: Cheapest, asked: Asked, known: Known) -> Plan:
    good = [target for target in policy.targets if target.quality is not None and target.quality >= policy.floor]
    if not good:
        return Plan(targets=(), reason="none_meets_floor")
    return Plan(targets=_by_price(good, asked, known), reason="cheapest_above_floor")


def _by_price(targets: list[Target], asked: Asked, known: Known) -> tuple[Target, ...]:
    """Cheapest first; those without a price last, in their order."""
    priced = [(known.price(asked, target), place, target) for place, target in enumerate(targets)]
    order = sorted(priced, key=lambda one: (one[0] is None, one[0] or Decimal(0), one[1]))
    return tuple(target for _, _, target in order)


def _fastest(policy: Fastest, known: Known) -> Plan:
    # One that was never asked counts as the fastest: it is known after one call.
    order = sorted(policy.targets, key=lambda target: known.latencies.of(target.name) or 0.0)
    others = order[1:]
    if not others:
        return Plan(targets=tuple(order), reason="fastest")
    if known.random.random() >= policy.explore:
        return Plan(targets=tuple(order), reason="fastest", propensity=1.0 - policy.explore)
    tried = known.random.choice(others)
    rest = tuple(target for target in order if target is not tried)
    return Plan(targets=(tried, *rest), reason="explored", propensity=policy.explore / len(others))


def _split(policy: Split, asked: Asked, known: Known) -> Plan:
    said: str | None = getattr(asked.identity, policy.by)
    weights = [(arm.name, arm.weight) for arm in policy.arms]
    name = assigned(said if said is not None else known.random.random().hex(), weights, salt=policy.salt)
    arm = next(arm for arm in policy.arms if arm.name == name)
    inner = choose(arm.policy, asked, known)
    share = arm.weight / sum(weight for _, weight in weights)
    return replace(
        inner,
        arm=f"{name}/{inner.arm}" if inner.arm else name,
        propensity=inner.propensity * share,
        reason=f"{'sticky' if said is not None else 'drawn'}:{inner.reason}",
    )


def _budget(policy: Budget, asked: Asked, known: Known) -> Plan:
    who = asked.identity.user or "" if policy.by == "user" else ""
    payer = Payer(key=(id(policy), who), period=int(known.now // policy.period_s))
    spent = known.spending.of(payer.key, payer.period)
    is_over = spent >= Decimal(str(policy.usd))
    inner = choose(policy.over if is_over else policy.policy, asked, known)
    reason = f"{'over_budget' if is_over else 'within_budget'}:{inner.reason}"
    return replace(inner, payers=(*inner.payers, payer), reason=reason)


def _learned(policy: Learned, asked: Asked, known: Known) -> Plan:
    if known.predictor(policy.file).needs_strong(prompt_text(asked.body), policy.quality):
        return Plan(targets=(policy.strong, policy.weak), reason="predicted_hard")
    return Plan(targets=(policy.weak, policy.strong), reason="predicted_easy")


def _bandit(policy: Bandit, asked: Asked, known: Known) -> Plan:
    reference, *others = policy.targets
    proven: dict[Target, float] = {}
    open_: list[Target] = []
    for target in others:
        bounds = known.grades.of(reference.name, target.name).bounds(policy.confidence)
        if bounds is not None and bounds[0] >= -policy.margin:
            proven[target] = bounds[0]
        elif bounds is None or bounds[1] >= -policy.margin:
            open_.append(target)  # neither proven nor given up
    best = _by_price([*proven, reference], asked, known)
    explore = policy.explore if open_ else 0.0
    if known.random.random() < explore:
        tried = known.random.choice(open_)
        return Plan(targets=(tried, *best), reason="explored", propensity=explore / len(open_))
    reason = "proven" if best[0] in proven else "reference"
    return Plan(targets=best, reason=reason, propensity=1.0 - explore, bound=proven.get(best[0]))
