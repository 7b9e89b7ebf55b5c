"""Which model answers: every policy through the real client, what goes wrong on the way, and what the span says."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from typing import Any

import openai
import pytest

import llmtrace
from llmtrace.chain import Asked, Proceed
from llmtrace.router import (
    Arm,
    Bandit,
    Budget,
    Cascade,
    Cheapest,
    Fallback,
    Fastest,
    Route,
    Router,
    Routing,
    Shadow,
    Split,
    Target,
    pinned,
)
from llmtrace.testing import FakeProvider
from llmtrace.testing.replies import FakeReply
from support.releases import http
from support.spans import attributes
from support.waiting import wait_for

SMALL, LARGE = Target(model="gpt-4o-mini", quality=0.8), Target(model="gpt-4o", quality=0.95)
FALLBACK = Fallback(targets=(LARGE, SMALL))


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(client: Any, model: str = "gpt-4o", text: str = "hi", **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **more)


def asked_models(fake: FakeProvider) -> list[str]:
    return [request.body["model"] for request in fake.requests]


def told(span: Any) -> dict[str, Any]:
    """What the span says of the router, names shortened."""
    prefix = "llmtrace.router."
    return {name.removeprefix(prefix): value for name, value in attributes(span).items() if name.startswith(prefix)}


class Down:
    """A plan of the provider's under which some models fail with a status."""

    def __init__(self, fake: FakeProvider, **statuses: int) -> None:
        self.asked: list[str] = []
        self.statuses = {name.replace("_", "-"): status for name, status in statuses.items()}
        answer = fake.next_failure
        self._fake, self._answer = fake, answer

    def __call__(self) -> int | None:
        model = self._fake.requests[-1].body["model"]
        self.asked.append(model)
        return self.statuses.get(model.replace(".", "-"))


@pytest.fixture
def down(fake: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(**statuses: int) -> Down:
        made = Down(fake, **statuses)
        monkeypatch.setattr(fake, "next_failure", made)
        return made

    return make


def test_a_dead_primary_is_asked_at_most_three_times_in_a_minute(make_traces: Any, fake: Any, down: Any) -> None:
    """Eleven requests, the client's own two retries each: without a breaker that makes 33 dead attempts."""
    clock = Clock()
    failing = down(gpt_4o=503)
    traces = make_traces(router=Router(FALLBACK, clock=clock))
    with openai.OpenAI(base_url=fake.base_url, api_key="x", max_retries=2) as client:
        for _ in range(11):
            assert ask(client).model.startswith("gpt-4o-mini")
            clock.now += 5.5
    assert failing.asked.count("gpt-4o") <= 3
    assert failing.asked.count("gpt-4o-mini") == 11
    first, *_, last = map(told, traces.spans())
    assert first["tried"] == "gpt-4o=server_error"
    assert (first["requested_model"], first["chosen_model"], first["served_model"]) == (
        "gpt-4o",
        "gpt-4o",
        "gpt-4o-mini",
    )
    assert last["tried"] == "gpt-4o=left_alone"


def test_a_primary_that_is_well_again_is_asked_again(make_traces: Any, fake: Any, client: Any, down: Any) -> None:
    clock = Clock()
    failing = down(gpt_4o=500)
    make_traces(router=Router(FALLBACK, clock=clock))
    for _ in range(3):
        ask(client)
    failing.statuses.clear()
    assert ask(client).model.startswith("gpt-4o-mini")
    clock.now += 31
    for _ in range(2):
        assert ask(client).model == "gpt-4o-2024-08-06"


@pytest.mark.parametrize(
    ("status", "reason"),
    [(402, "exhausted"), (404, "model_unknown"), (401, "denied"), (429, "rate_limited"), (500, "server_error")],
)
def test_what_is_wrong_with_a_deployment_makes_another_answer(
    status: int, reason: str, make_traces: Any, fake_and_client: Any, down: Any
) -> None:
    _, client = fake_and_client
    down(gpt_4o=status)
    traces = make_traces(router=FALLBACK)
    assert ask(client).model.startswith("gpt-4o-mini")
    assert told(traces.one())["tried"] == f"gpt-4o={reason}"


def test_a_400_about_money_is_an_exhausted_budget(make_traces: Any, scripted: Any) -> None:
    traces = make_traces(router=FALLBACK)
    scripted.answers(
        {"error": {"message": "Your credit balance is too low", "type": "invalid_request_error"}}, status=400
    )
    with pytest.raises(openai.BadRequestError):
        ask(scripted.sync)
    assert told(traces.one())["tried"] == "gpt-4o=exhausted,gpt-4o-mini=exhausted"


def test_a_wrong_request_is_not_asked_of_anybody_else(make_traces: Any, fake: Any, client: Any) -> None:
    make_traces(router=FALLBACK)
    fake.fail_next(400)
    with pytest.raises(openai.BadRequestError):
        ask(client)
    assert asked_models(fake) == ["gpt-4o"]


def test_a_model_nobody_knows_lets_the_call_go_through_as_without_us(
    make_traces: Any, fake: Any, client: Any, down: Any
) -> None:
    """And the span says what happened; the next calls do not ask for it again."""
    down(gpt_nine=404)
    traces = make_traces(router={"kind": "fallback", "targets": ["gpt-nine"]})
    assert [ask(client).model for _ in range(3)] == ["gpt-4o-2024-08-06"] * 3
    assert asked_models(fake) == ["gpt-nine", "gpt-4o", "gpt-4o", "gpt-4o"]
    assert [told(span)["tried"] for span in traces.spans()] == ["gpt-nine=model_unknown", *["gpt-nine=left_alone"] * 2]


def test_a_parameter_the_other_model_refuses_lets_the_call_go_through_as_asked(
    make_traces: Any, fake: Any, client: Any, down: Any
) -> None:
    down(gpt_4o_mini=400)
    traces = make_traces(router=Cheapest(targets=(SMALL,), floor=0.5))
    assert ask(client).model == "gpt-4o-2024-08-06"
    assert told(traces.one())["tried"] == "gpt-4o-mini=request"


def test_when_all_are_down_the_app_sees_the_error_it_would_have_seen(make_traces: Any, client: Any, down: Any) -> None:
    down(gpt_4o=500, gpt_4o_mini=500)
    make_traces(router=FALLBACK)
    for _ in range(5):
        with pytest.raises(openai.InternalServerError):
            ask(client)


def test_streams_fail_over_before_the_first_byte_only(make_traces: Any, fake: Any, client: Any, down: Any) -> None:
    failing = down(gpt_4o=500)
    traces = make_traces(router=FALLBACK)
    chunks = list(ask(client, stream=True))
    assert chunks[0].model.startswith("gpt-4o-mini")
    failing.statuses.clear()
    fake.break_streams_after = 2
    with pytest.raises((openai.APIError, http.HTTPError)):  # which of the two, releases of the client differ in
        list(ask(client, stream=True))
    assert asked_models(fake) == ["gpt-4o", "gpt-4o-mini", "gpt-4o"]
    assert [told(span)["served_model"] for span in traces.spans()] == ["gpt-4o-mini", "gpt-4o"]


def test_async_calls_and_streams_fail_over_too(make_traces: Any, async_client: Any, run: Any, down: Any) -> None:
    down(gpt_4o=500)
    make_traces(router=FALLBACK)

    async def both() -> tuple[str, str]:
        plain = await ask(async_client)
        return plain.model, (await anext(await ask(async_client, stream=True))).model

    assert all(model.startswith("gpt-4o-mini") for model in run(both()))


def _key(request: Any) -> str:
    return next(value for name, value in request.headers.items() if name.lower() == "authorization")


def test_another_client_of_the_app_takes_over(make_traces: Any, fake: Any, client: Any, down: Any) -> None:
    """With its own server, key and price; the next call through the own one is told as its own again."""
    failing = down(gpt_4o=500)
    with FakeProvider() as other, openai.OpenAI(base_url=other.base_url, api_key="other") as second:
        policy = Fallback(targets=(Target(model="gpt-4o"), Target(model="gpt-4o-mini", client="second")))
        traces = make_traces(router=Router(policy, clients={"second": second}))
        assert ask(client).model.startswith("gpt-4o-mini")
        assert next(iter(ask(client, stream=True))).model.startswith("gpt-4o-mini")
        assert [_key(request) for request in other.requests] == ["Bearer other"] * 2
        failing.statuses.clear()
        moved = traces.spans()
        ports = {attributes(span)["server.port"] for span in moved}
        assert {told(span)["served_model"] for span in moved} == {"second/gpt-4o-mini"}
        assert ports == {int(str(other.base_url).rsplit(":", 1)[1].partition("/")[0])}


def test_the_cheapest_target_above_the_floor_answers(make_traces: Any, fake: Any, client: Any) -> None:
    targets = (LARGE, SMALL, Target(model="gpt-5-nano", quality=0.5), Target(model="gpt-4.1"))
    traces = make_traces(router=Cheapest(targets=targets, floor=0.75))
    ask(client)
    llmtrace.uninstrument()
    make_traces(router=Cheapest(targets=targets, floor=0.9))
    ask(client)
    assert asked_models(fake) == ["gpt-4o-mini", "gpt-4o"]
    first = told(traces.spans()[0])
    assert first["reason"] == "cheapest_above_floor"
    assert first["counterfactual_usd"] == "0.00008"
    assert float(attributes(traces.spans()[0])["llmtrace.cost.usd"]) < float(first["counterfactual_usd"])


@pytest.mark.parametrize(
    ("small_says", "signal"),
    [
        (FakeReply(text=""), "empty"),
        (FakeReply(text="so far", finish_reason="length"), "truncated"),
        (FakeReply(text="", finish_reason="content_filter"), "refusal"),
    ],
)
def test_a_cascade_asks_the_next_one_when_the_answer_shows_a_signal(
    small_says: FakeReply, signal: str, make_traces: Any, fake_and_client: Any
) -> None:
    fake, client = fake_and_client
    fake.plan = lambda request: small_says if request["model"] == SMALL.model else FakeReply()
    traces = make_traces(router=Cascade(targets=(SMALL, LARGE)))
    assert ask(client).choices[0].message.content == FakeReply().text
    says = told(traces.one())
    assert says["tried"] == f"gpt-4o-mini={signal}"
    assert (says["served_model"], says["attempts"]) == ("gpt-4o", 2)
    assert float(says["discarded_usd"]) > 0


def test_a_cascade_looks_at_schema_log_probabilities_and_what_the_app_says(make_traces: Any, scripted: Any) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    message = {"role": "assistant", "content": "no json"}
    unsure = {"content": [{"token": "a", "logprob": -3.0, "bytes": None, "top_logprobs": []}], "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": unsure}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [choice]}
    scripted.answers(body)
    policies = [
        (Cascade(targets=(SMALL, LARGE)), {"response_format": schema}, "schema_invalid"),
        (Cascade(targets=(SMALL, LARGE), min_logprob=-1.0), {}, "low_logprob"),
        (Cascade(targets=(SMALL, LARGE), when=lambda _, reply: reply["id"] == "c"), {}, "app"),
    ]
    for policy, more, signal in policies:
        traces = make_traces(router=Routing(routes=(Route(policy=policy, allow=("schemas",)),)))
        ask(scripted.sync, **more)
        assert told(traces.one())["tried"] == f"gpt-4o-mini={signal}"
        llmtrace.uninstrument()


def test_a_weak_answer_is_better_than_none(make_traces: Any, fake: Any, client: Any, down: Any) -> None:
    down(gpt_4o=500)
    fake.plan = lambda _: FakeReply(text="so far", finish_reason="length")
    traces = make_traces(router=Cascade(targets=(SMALL, LARGE)))
    assert ask(client).choices[0].message.content == "so far"
    assert told(traces.one())["served_model"] == "gpt-4o-mini"


def test_streams_are_not_cascaded(make_traces: Any, fake: Any, client: Any) -> None:
    traces = make_traces(router=Cascade(targets=(SMALL, LARGE)))
    assert list(ask(client, stream=True))
    assert asked_models(fake) == ["gpt-4o"]
    assert told(traces.one())["reason"] == "stream_not_cascaded"


def _pinned_by_app(client: Any) -> None:
    with pinned():
        ask(client)


def _pinned_prompt(client: Any) -> None:
    with llmtrace.context(prompt="contract"):
        ask(client)


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (_pinned_by_app, "pinned:by_app"),
        (_pinned_prompt, "pinned:prompt"),
        (lambda client: ask(client, tools=[TOOL]), "pinned:tools"),
        (lambda client: ask(client, response_format={"type": "json_object"}), "pinned:schema"),
        (lambda client: client.embeddings.create(model="gpt-4o", input="hi"), "pinned:operation"),
        (
            lambda client: client.responses.create(model="gpt-4o", input="hi", previous_response_id="resp_1"),
            "pinned:state",
        ),
    ],
    ids=["app", "prompt", "tools", "schema", "embeddings", "state"],
)
def test_pinned_calls_are_never_moved(call: Any, reason: str, make_traces: Any, fake_and_client: Any) -> None:
    fake, client = fake_and_client
    policy = Cheapest(targets=(SMALL,), floor=0.1)
    traces = make_traces(router=Routing(routes=(Route(policy=policy, pinned_prompts=("contract",)),)))
    call(client)
    assert asked_models(fake) == ["gpt-4o"]
    assert told(traces.one())["reason"] == reason


def test_tools_may_be_allowed_and_other_calls_and_features_have_routes_of_their_own(
    make_traces: Any, fake: Any, client: Any
) -> None:
    small = Cheapest(targets=(SMALL,), floor=0.1)
    routes = (
        Route(name="chat", features=("chat",), policy=small, allow=("tools",)),
        Route(name="large", models=("gpt-4.1",), policy=small),
    )
    traces = make_traces(router=Routing(routes=routes))
    with llmtrace.context(feature="chat"):
        ask(client, tools=[TOOL])
    ask(client, "gpt-4.1")
    ask(client)
    assert asked_models(fake) == ["gpt-4o-mini", "gpt-4o-mini", "gpt-4o"]
    assert [told(span).get("route") for span in traces.spans()] == ["chat", "large", None]


def test_the_responses_api_is_routed_too(make_traces: Any, fake: Any, client: Any) -> None:
    make_traces(router=Cheapest(targets=(SMALL,), floor=0.1))
    assert client.responses.create(model="gpt-4o", input="hi").model.startswith("gpt-4o-mini")


def test_a_user_keeps_the_arm_and_the_span_has_its_propensity(make_traces: Any, fake: Any, client: Any) -> None:
    arms = (
        Arm(name="a", policy=Fallback(targets=(LARGE,)), weight=3),
        Arm(name="b", policy=Fallback(targets=(SMALL,)), weight=1),
    )
    traces = make_traces(router=Split(arms=arms))
    for user in range(12):
        for _ in range(3):
            with llmtrace.context(user=f"u-{user}"):
                ask(client)
    by_user: dict[str, set[str]] = {}
    for span in traces.spans():
        says = told(span)
        by_user.setdefault(attributes(span)["user.id"], set()).add(says["arm"])
        assert says["propensity"] == {"a": 0.75, "b": 0.25}[says["arm"]]
        assert says["reason"] == "sticky:first_healthy"
    assert all(len(arms) == 1 for arms in by_user.values())
    assert {arm for arms in by_user.values() for arm in arms} == {"a", "b"}


def test_money_that_is_spent_makes_the_other_policy_answer(make_traces: Any, fake: Any, client: Any) -> None:
    """Streams count as well; the next period begins with a full purse."""
    clock = Clock()
    policy = Budget(usd=0.0001, period_s=60, policy=Fallback(targets=(LARGE,)), over=Fallback(targets=(SMALL,)))
    traces = make_traces(router=Router(policy, clock=clock))
    list(ask(client, stream=True, stream_options={"include_usage": True}))
    ask(client)
    ask(client)
    clock.now += 60
    ask(client)
    assert asked_models(fake) == ["gpt-4o", "gpt-4o", "gpt-4o-mini", "gpt-4o"]
    assert told(traces.spans()[2])["reason"] == "over_budget:first_healthy"


def test_the_fastest_of_late_answers(make_traces: Any, fake: Any, client: Any) -> None:
    clock = Clock()

    def plan(request: Any) -> FakeReply:
        clock.now += 2.0 if request["model"] == "gpt-4o" else 1.0
        return FakeReply()

    fake.plan = plan
    make_traces(router=Router(Fastest(targets=(LARGE, SMALL), explore=0.0), clock=clock))
    for _ in range(5):
        ask(client)
    assert asked_models(fake) == ["gpt-4o", *["gpt-4o-mini"] * 4]


def test_a_bandit_moves_once_the_cheap_target_is_proven_and_gives_up_one_that_is_worse(
    make_traces: Any, fake: Any, client: Any
) -> None:
    nano = Target(model="gpt-5-nano")
    router = Router(Bandit(targets=(LARGE, SMALL, nano), margin=0.05, explore=0.0))
    traces = make_traces(router=router)
    ask(client)
    rng = random.Random(1)
    for _ in range(2000):
        good = float(rng.random() < 0.9)
        router.graded(reference="gpt-4o", target="gpt-4o-mini", reference_score=good, target_score=good)
        router.graded(reference="gpt-4o", target="gpt-5-nano", reference_score=good, target_score=good * 0.5)
    ask(client)
    router.killed = True
    ask(client)
    assert asked_models(fake) == ["gpt-4o", "gpt-4o-mini", "gpt-4o"]
    first, second, third = map(told, traces.spans())
    assert (first["reason"], second["reason"], third["reason"]) == ("reference", "proven", "killed")
    assert -0.05 <= second["quality_bound"] <= 0
    with pytest.raises(ValueError, match="from 0 to 1"):
        router.graded(reference="a", target="b", reference_score=2, target_score=0)


def test_exploration_is_logged_with_its_propensity(make_traces: Any, fake: Any, client: Any) -> None:
    policy = Bandit(targets=(LARGE, SMALL), explore=0.5)
    traces = make_traces(router=Router(policy, rng=random.Random(3)))
    for _ in range(20):
        ask(client)
    said = {(told(span)["reason"], told(span)["propensity"]) for span in traces.spans()}
    assert said == {("explored", 0.5), ("reference", 0.5)}


def test_the_kill_switch_of_the_environment_holds_at_once(
    make_traces: Any, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_traces(router=Cheapest(targets=(SMALL,), floor=0.1))
    ask(client)
    monkeypatch.setenv("LLMTRACE_ROUTER_OFF", "1")
    ask(client)
    assert asked_models(fake) == ["gpt-4o-mini", "gpt-4o"]


def test_a_shadow_never_delays_the_caller(make_traces: Any, fake: Any, client: Any) -> None:
    """The shadow waits until the caller has its answer; its span is a child, and the pair reaches the grader."""
    answered = threading.Event()
    pairs: list[tuple[Any, Any]] = []

    def plan(request: Any) -> FakeReply:
        if request["model"] == "gpt-5":
            assert answered.wait(10)
        return FakeReply(text=request["model"])

    fake.plan = plan
    route = Route(policy=FALLBACK, shadow=Shadow(target=Target(model="gpt-5"), share=1.0))
    router = Router(
        Routing(routes=(route,)), on_shadow=lambda _, reply, shadow: pairs.append((reply.json, shadow.json))
    )
    traces = make_traces(router=router)
    assert ask(client).choices[0].message.content == "gpt-4o"
    answered.set()
    wait_for(lambda: pairs)
    (ours, theirs), *_ = pairs
    assert ours["choices"][0]["message"]["content"] == "gpt-4o"
    assert theirs["choices"][0]["message"]["content"] == "gpt-5"
    shadow, call = sorted(traces.spans(), key=lambda span: told(span).get("route", ""))
    assert shadow.parent is not None
    assert shadow.parent.span_id == call.context.span_id
    assert told(shadow) == {"shadow_of": "gpt-4o"}
    assert told(call)["shadow"] == "sent"


def test_shadows_are_bounded_and_their_errors_are_nobodys(make_traces: Any, fake: Any, client: Any) -> None:
    let_go = threading.Event()
    came: list[Any] = []

    def plan(request: Any) -> FakeReply:
        if request["model"] == "gpt-5":
            assert let_go.wait(10)
        return FakeReply()

    fake.plan = plan
    route = Route(policy=FALLBACK, shadow=Shadow(target=Target(model="gpt-5"), share=1.0))
    router = Router(Routing(routes=(route,)), on_shadow=lambda *pair: came.append(pair) or 1 / 0)
    traces = make_traces(router=router)
    for _ in range(12):
        ask(client)
    let_go.set()
    wait_for(lambda: len(came) == 8)
    said = [told(span)["shadow"] for span in traces.spans() if "shadow" in told(span)]
    assert (said.count("sent"), said.count("dropped")) == (8, 4)


def test_shadows_of_async_calls_and_of_streams(make_traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    route = Route(policy=FALLBACK, shadow=Shadow(target=Target(model="gpt-5"), share=1.0))
    make_traces(router=Routing(routes=(route,)))

    async def both() -> None:
        await ask(async_client)
        _ = [chunk async for chunk in await ask(async_client, stream=True)]
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    run(both())
    assert asked_models(fake).count("gpt-5") == 2
    assert not any(request.body.get("stream") for request in fake.requests if request.body["model"] == "gpt-5")


class Judging:
    """A guardrail further in that minds the small model's answers; another one, further out, minded the request."""

    name = "judging"
    fault_mark = "app.fault"

    def __init__(self, on: str) -> None:
        self._on = on

    def around(self, asked: Asked, proceed: Proceed) -> Any:
        if self._on == "request":
            asked.marks["llmtrace.guardrail.verdict"] = "flag"
        reply = yield from proceed(asked)
        if self._on == "answer" and asked.model == "gpt-4o-mini":
            asked.marks["llmtrace.guardrail.verdict"] = "flag"
        return reply


def test_a_verdict_on_the_answer_escalates_one_on_the_request_does_not(
    make_traces: Any, fake: Any, client: Any
) -> None:
    policy = Cascade(targets=(SMALL, LARGE), escalate=("guardrail",))
    make_traces(router=policy, interceptors=[Judging("answer")])
    ask(client)
    llmtrace.uninstrument()
    make_traces(interceptors=[Judging("request"), Router(policy)])
    ask(client)
    assert asked_models(fake) == ["gpt-4o-mini", "gpt-4o", "gpt-4o-mini"]


class Contradicting:
    """An interceptor of the app that wants another model than the router."""

    name = "contradicting"
    fault_mark = "app.fault"

    def around(self, asked: Asked, proceed: Proceed) -> Any:
        return (yield from proceed(asked.asking(model="gpt-4.1")))


def test_a_step_further_in_that_contradicts_has_the_last_word_and_the_span_says_so(
    make_traces: Any, fake: Any, client: Any
) -> None:
    traces = make_traces(router=Cheapest(targets=(SMALL,), floor=0.1), interceptors=[Contradicting()])
    assert ask(client).model == "gpt-4.1"
    says = told(traces.one())
    assert (says["chosen_model"], says["overruled"]) == ("gpt-4o-mini", "gpt-4.1")


def test_a_policy_that_breaks_is_left_out_of_the_call(make_traces: Any, fake: Any, client: Any) -> None:
    """Such as one whose chance is broken: the call goes as without us."""

    class Broken(random.Random):
        def random(self) -> float:
            raise ArithmeticError

    traces = make_traces(router=Router(Fastest(targets=(SMALL, LARGE)), rng=Broken()))
    assert ask(client).model == "gpt-4o-2024-08-06"
    assert told(traces.one())["fault"] == "ArithmeticError"


def test_what_the_app_holds_is_not_touched(make_traces: Any, fake: Any, client: Any) -> None:
    make_traces(router=Cheapest(targets=(SMALL,), floor=0.1))
    given: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    before = json.dumps(given)
    client.chat.completions.create(**given)
    assert json.dumps(given) == before
