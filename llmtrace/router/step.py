"""``Router``: the step of the chain that decides which model answers."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from llmtrace import semconv
from llmtrace.calls import Server
from llmtrace.chain import Asked, Proceed, Reply
from llmtrace.chain.running import Steps
from llmtrace.prices import NegotiatedPrices
from llmtrace.router.breakers import Breakers, BreakerSettings
from llmtrace.router.choosing import Known, Plan, Predictor, choose
from llmtrace.router.files import load_routing, routing_of
from llmtrace.router.knowledge import Grades, Latencies, Spending
from llmtrace.router.pinning import why_pinned
from llmtrace.router.policies import Bandit, Budget, Cheapest, Policy, Route, Routing, Shadow, Split, Target
from llmtrace.router.pricing import Pricer, body_of
from llmtrace.router.sending import Deployment, Sending

OFF: Final = "LLMTRACE_ROUTER_OFF"
"""Variable that kills every router of a process, whatever its value; looked at for each call."""

Pair = Callable[[Asked, Reply, Reply | Exception], None]
"""Given a call, the reply the app got, and what the shadow got; on a thread of its own."""
Given = Routing | Policy | str | os.PathLike[str] | Mapping[str, Any]


class Router:
    """Carries a policy out; one for a process, or one for each ``instrument``.

    ```python
    llmtrace.instrument(router=Router(Fallback(targets=(Target(model="gpt-4o"), Target(model="gpt-4.1")))))
    ```

    Args:
        routing: Routes, one policy for all calls, the path of a ``.yaml`` or ``.json`` file, or what such a file says.
        clients: Other clients of the app that targets name: one, or a blocking one and one that does not block.
        on_shadow: Told of each shadow call that was answered or failed, beside the reply the app got; not of streams.
        breakers: When a deployment that fails is left alone.
        clock: Seconds that only grow.
        rng: Source of chance, for shares and exploration.

    Raises:
        PolicyFileError: The file cannot be read, or says what it must not; the sentence says where.
    """

    name = "router"
    fault_mark = semconv.ROUTER_FAULT

    def __init__(
        self,
        routing: Given,
        *,
        clients: Mapping[str, object | tuple[object, ...]] | None = None,
        on_shadow: Pair | None = None,
        breakers: BreakerSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self.routing = _routing(routing)
        self._clients = dict(clients or {})
        self._on_shadow = on_shadow
        self._breakers = Breakers(breakers or BreakerSettings())
        self._clock = clock
        self._began = clock()
        self._rng = rng or random.Random()  # noqa: S311 - no secret
        self._latencies, self._spending, self._grades = Latencies(), Spending(), Grades()
        self._predictors: dict[str, Predictor] = {}
        self._pricer: Pricer | None = None
        self._pricing = threading.Lock()  # protects the making of _pricer
        self.killed = self.routing.killed

    def prepare(self, own: NegotiatedPrices | None) -> None:
        """Read what the calls will need: fitted policies, and the price list where a policy needs prices."""
        self._pricer = Pricer(own)
        for policy in _all(self.routing):
            if isinstance(policy, Cheapest | Budget | Bandit):
                self._pricer.warm()
            if (file := getattr(policy, "file", None)) is not None:
                self._predictor(file)

    def graded(self, *, reference: str, target: str, reference_score: float, target_score: float) -> None:
        """Grades of two answers to the same request, 0 to 1, by the names of their targets: what a bandit learns from.

        Raises:
            ValueError: A score is not from 0 to 1.
        """
        for score in (reference_score, target_score):
            if not 0 <= score <= 1:
                raise ValueError(f"graded(...): a score is from 0 to 1, not {score!r}")
        self._grades.add(reference, target, target_score - reference_score)

    def around(self, asked: Asked, proceed: Proceed) -> Steps:
        """Answers by the target that the policy says."""
        route = self._route(asked)
        if route is None:
            return (yield from proceed(asked))
        kept = "killed" if self.killed or OFF in os.environ else why_pinned(asked, route)
        self._mark(asked, route)
        if kept is not None:
            asked.marks[semconv.ROUTER_REASON] = kept if kept == "killed" else f"pinned:{kept}"
            asked.marks[semconv.ROUTER_SERVED_MODEL] = asked.model
            return (yield from proceed(asked))
        plan = choose(route.policy, asked, self._known())
        _mark_plan(asked, plan)
        reply = yield from self._carry_out(asked, plan, proceed)
        if route.shadow is not None:
            self._shade(asked, route.shadow, reply)
        return reply

    def _carry_out(self, asked: Asked, plan: Plan, proceed: Proceed) -> Steps:
        sending = Sending(
            asked=self._listening(asked, plan),
            plan=plan,
            deployments=self._deployments(asked, plan),
            clock=self._clock,
            noted=lambda target, seconds, reply: self._note(asked, plan, target, seconds, reply),
            discard=lambda target, reply: self._price_of(asked, target, reply.json),
        )
        return (yield from sending.steps(proceed))

    def _deployments(self, asked: Asked, plan: Plan) -> list[Deployment]:
        found: list[Deployment] = []
        for target in plan.targets:
            client = self._client(target, asked)
            if target.client and client is None:
                continue  # none of the kind that was called
            found.append(self._deployment(asked, target, client))
        if not any(deployment.is_as_asked for deployment in found):
            found.append(self._deployment(asked, Target(model=asked.model), None))
        return found

    def _deployment(self, asked: Asked, target: Target, client: object | None) -> Deployment:
        return Deployment(
            target=target,
            client=client,
            breaker=self._breakers.of((target.client or asked.account, target.model)),
            is_as_asked=client is None and target.model == asked.model,
        )

    def _client(self, target: Target, asked: Asked) -> object | None:
        given = self._clients.get(target.client)
        found = given if isinstance(given, tuple) else () if given is None else (given,)
        return next((client for client in found if hasattr(type(client), "__aenter__") == asked.is_async), None)

    def _listening(self, asked: Asked, plan: Plan) -> Asked:
        """A stream is paid for once it is over; only a budget wants to know."""
        if not plan.payers or not asked.stream:
            return asked
        target = plan.targets[0] if plan.targets else Target(model=asked.model)

        def spent(reply: Reply) -> None:
            self._pay(plan, self._price_of(asked, target, body_of(reply, asked.operation.wire)))

        return replace(asked, listeners=(*asked.listeners, spent))

    def _note(self, asked: Asked, plan: Plan, target: Target, seconds: float, reply: Reply) -> None:
        self._latencies.note(target.name, seconds)
        if plan.payers and not reply.stream:
            self._pay(plan, self._price_of(asked, target, reply.json))

    def _pay(self, plan: Plan, usd: Decimal | None) -> None:
        for payer in plan.payers if usd is not None else ():
            self._spending.add(payer.key, payer.period, usd or Decimal(0))

    def _shade(self, asked: Asked, shadow: Shadow, reply: Reply) -> None:
        """Have a share of calls asked elsewhere too; whoever waits for the reply does not wait for that."""
        if asked.beside is None or self._rng.random() >= shadow.share:
            return
        client = self._client(shadow.target, asked)
        if shadow.target.client and client is None:
            return
        other = replace(asked.asking(model=shadow.target.model), client=client)
        served = str(asked.marks.get(semconv.ROUTER_SERVED_MODEL, asked.model))
        told = self._on_shadow

        def came(answer: Reply | Exception) -> None:
            if told is not None and not reply.stream:
                told(asked, reply, answer)

        is_sent = asked.beside(other, {semconv.ROUTER_SHADOW_OF: served}, came)
        asked.marks[semconv.ROUTER_SHADOW] = "sent" if is_sent else "dropped"

    def _route(self, asked: Asked) -> Route | None:
        for route in self.routing.routes:
            if route.models and asked.model not in route.models:
                continue
            if route.features and asked.identity.feature not in route.features:
                continue
            return route
        return None

    def _mark(self, asked: Asked, route: Route) -> None:
        asked.marks[semconv.ROUTER_ROUTE] = route.name
        asked.marks[semconv.ROUTER_POLICY] = type(route.policy).__name__.lower()
        asked.marks[semconv.ROUTER_REQUESTED_MODEL] = asked.model

    def _known(self) -> Known:
        return Known(
            price=self._estimate,
            predictor=self._predictor,
            latencies=self._latencies,
            spending=self._spending,
            grades=self._grades,
            random=self._rng,
            now=self._clock() - self._began,
        )

    def _predictor(self, file: str) -> Predictor:
        found = self._predictors.get(file)
        if found is None:
            from llmtrace.router.predicting import load_predictor

            found = self._predictors[file] = load_predictor(file)
        return found

    def _estimate(self, asked: Asked, target: Target) -> Decimal | None:
        return self._prices().estimate(asked, target.model, self._server(asked, target))

    def _price_of(self, asked: Asked, target: Target, body: Mapping[str, Any]) -> Decimal | None:
        return self._prices().cost(asked, body, target.model, self._server(asked, target))

    def _server(self, asked: Asked, target: Target) -> Server:
        client = self._client(target, asked) if target.client else None
        url: Any = getattr(client, "base_url", None)
        if url is None:
            return asked.server
        from llmtrace.servers import client_kind, server_at

        return server_at(url.scheme, url.host, url.port, client_kind(type(client)))

    def _prices(self) -> Pricer:
        with self._pricing:
            if self._pricer is None:
                self._pricer = Pricer()
            return self._pricer


def as_router(given: Router | Given) -> Router:
    """A router of whatever ``instrument(router=...)`` takes."""
    return given if isinstance(given, Router) else Router(given)


def _routing(given: Given) -> Routing:
    if isinstance(given, Routing):
        return given
    if isinstance(given, str | os.PathLike):
        return load_routing(given)
    if isinstance(given, Policy):
        return Routing(routes=(Route(policy=given),))
    return routing_of(given)


def _all(routing: Routing) -> list[Policy]:
    waiting: list[Policy] = [route.policy for route in routing.routes]
    found: list[Policy] = []
    while waiting:
        policy = waiting.pop()
        found.append(policy)
        if isinstance(policy, Split):
            waiting += [arm.policy for arm in policy.arms]
        elif isinstance(policy, Budget):
            waiting += [policy.policy, policy.over]
    return found


def _mark_plan(asked: Asked, plan: Plan) -> None:
    marks = asked.marks
    marks[semconv.ROUTER_REASON] = plan.reason
    marks[semconv.ROUTER_CHOSEN_MODEL] = plan.targets[0].name if plan.targets else asked.model
    marks[semconv.ROUTER_PROPENSITY] = plan.propensity
    if plan.arm:
        marks[semconv.ROUTER_ARM] = plan.arm
    if plan.bound is not None:
        marks[semconv.ROUTER_QUALITY_BOUND] = plan.bound
