"""Carries a plan out: asks its targets in order until one answers, and notes what that says of each."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from llmtrace import semconv
from llmtrace.chain import Asked, Effect, Proceed, Reply
from llmtrace.chain.running import Steps
from llmtrace.router.breakers import Breaker, Ticket
from llmtrace.router.choosing import Plan
from llmtrace.router.escalation import why_escalate
from llmtrace.router.failures import Failed, read_failed
from llmtrace.router.policies import Target

Asking = Generator[Effect, Any, Reply | None]
"""None: it failed."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A target as it can be asked now."""

    target: Target
    client: object | None
    """None: the client that was called."""
    breaker: Breaker
    is_as_asked: bool = False
    """Whether this is what the app asked for, unchanged."""


@dataclass(kw_only=True)
class Sending:
    """One call on its way through a plan."""

    asked: Asked
    plan: Plan
    deployments: list[Deployment]
    """In the order they are asked; the one the app asked for is among them."""
    clock: Callable[[], float]
    noted: Callable[[Target, float, Reply], None]
    """Told which target answered, after how many seconds."""
    discard: Callable[[Target, Reply], Decimal | None]
    """US dollars of an answer that did not stand."""
    tried: list[str] = field(default_factory=list)
    attempts: int = 0
    _kept: Reply | None = None
    """The best answer so far: one that showed a signal is better than none."""
    _kept_target: Target | None = None
    _discarded_usd: Decimal | None = None
    _error: Exception | None = None
    _verdict_before: object = None

    def steps(self, proceed: Proceed) -> Steps:
        """The reply of the first target whose answer stands; else the last one's.

        Raises:
            Exception: what the client raised last, when none answered.
        """
        for place, deployment in enumerate(self.deployments):
            ticket = deployment.breaker.admit(self.clock())
            if ticket is None:
                self.tried.append(f"{deployment.target.name}=left_alone")
                continue
            is_last = place == len(self.deployments) - 1
            reply = yield from self._ask(deployment, ticket, proceed, is_last=is_last)
            if reply is not None and self._stands(deployment.target, reply):
                return self._answered(deployment.target, reply)
        if self._kept is not None and self._kept_target is not None:
            return self._answered(self._kept_target, self._kept)
        return (yield from self._last_resort(proceed))

    def _ask(self, deployment: Deployment, ticket: Ticket, proceed: Proceed, *, is_last: bool) -> Asking:
        began = self.clock()
        self.attempts += 1
        self._verdict_before = self.asked.marks.get(semconv.GUARDRAIL_VERDICT)
        try:
            reply: Reply = yield from proceed(self._as_sent(deployment, is_last=is_last))
        except Exception as error:
            failed = read_failed(error)
            if failed is None:
                deployment.breaker.let_go(ticket)
                raise
            self._note_failure(deployment, ticket, failed)
            if not failed.counts and deployment.is_as_asked and self._kept is None:
                raise  # the request itself is wrong, and nobody else is to be asked for it
            self._error = error
            return None
        deployment.breaker.succeeded(ticket)
        self.noted(deployment.target, self.clock() - began, reply)
        return reply

    def _as_sent(self, deployment: Deployment, *, is_last: bool) -> Asked:
        if deployment.is_as_asked:
            asked = self.asked
        else:
            asked = replace(self.asked.asking(model=deployment.target.model), client=deployment.client)
        # A dead deployment is found out by one attempt; whoever is asked last may try as often as the app says.
        return asked if is_last else replace(asked, max_retries=0)

    def _note_failure(self, deployment: Deployment, ticket: Ticket, failed: Failed) -> None:
        self.tried.append(f"{deployment.target.name}={failed.reason}")
        if failed.counts:
            deployment.breaker.failed(ticket, self.clock(), open_s=failed.open_s)
        else:
            deployment.breaker.let_go(ticket)

    def _stands(self, target: Target, reply: Reply) -> bool:
        if self.plan.cascade is None or reply.stream or target == self.plan.targets[-1]:
            return True
        signal = why_escalate(self.asked, reply, self.plan.cascade, verdict_before=self._verdict_before)
        if signal is None:
            return True
        self.tried.append(f"{target.name}={signal}")
        self._discarded_usd = _sum(self._discarded_usd, self.discard(target, reply))
        self._kept, self._kept_target = reply, target
        return False

    def _answered(self, target: Target, reply: Reply) -> Reply:
        marks = self.asked.marks
        marks[semconv.ROUTER_SERVED_MODEL] = target.name
        if reply.sent_model and reply.sent_model != target.model:
            marks[semconv.ROUTER_OVERRULED] = reply.sent_model
        if self._discarded_usd is not None and reply is not self._kept:
            marks[semconv.ROUTER_DISCARDED_USD] = format(self._discarded_usd, "f")
        self._say()
        return reply

    def _last_resort(self, proceed: Proceed) -> Steps:
        """None answered: what the app asked for, if it was only left alone; else the last error."""
        own = next(deployment for deployment in self.deployments if deployment.is_as_asked)
        if self._error is not None and f"{own.target.name}=left_alone" not in self.tried:
            self._say()
            raise self._error
        ticket = own.breaker.force()
        try:
            reply = yield from self._ask(own, ticket, proceed, is_last=True)
        finally:
            self._say()
        if reply is not None:
            return self._answered(own.target, reply)
        if self._error is None:
            raise RuntimeError("a call that was sent has neither a reply nor an error")
        raise self._error

    def _say(self) -> None:
        self.asked.marks[semconv.ROUTER_ATTEMPTS] = self.attempts
        if self.tried:
            self.asked.marks[semconv.ROUTER_TRIED] = ",".join(self.tried)


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else one + other
