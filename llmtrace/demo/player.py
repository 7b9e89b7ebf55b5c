"""The app of the demonstration: what it does for a user, with the real OpenAI client."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from openai import OpenAIError

import llmtrace
from llmtrace.demo.scenes import HEAVY_USERS, MODELS, QUESTIONS, USERS, Scene

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI
    from opentelemetry.trace import Tracer


class Player:
    """Plays scenes until told to stop."""

    def __init__(self, client: OpenAI, async_client: AsyncOpenAI, tracer: Tracer, rng: random.Random) -> None:
        self._client = client
        self._async_client = async_client
        self._tracer = tracer
        self._rng = rng
        self._acts: Sequence[tuple[int, Callable[[Scene], None]]] = (
            (30, self._chat),
            (20, self._chat_stream),
            (10, self._structured),
            (10, self._tool_use),
            (15, self._response),
            (8, self._response_stream),
            (7, self._embed),
        )

    def open(self) -> None:
        """A few dear calls of one heavy user: the small budget fires on a slow machine and in a short play too."""
        scene = Scene(user=HEAVY_USERS[0], session=f"{HEAVY_USERS[0]}-s1", model="gpt-4o", question=QUESTIONS[0])
        with llmtrace.context(user=scene.user, session=scene.session):
            for _ in range(3):
                _forgiving(lambda: self._chat(scene))

    def play_one(self) -> None:
        """One scene with a plain client; sometimes under a span of the app's own."""
        scene = self._scene()
        act = self._rng.choices([act for _, act in self._acts], [weight for weight, _ in self._acts])[0]
        with llmtrace.context(user=scene.user, session=scene.session):
            if self._rng.random() < 0.3:
                self._answer_with_retrieval(scene)
            else:
                _forgiving(lambda: act(scene))

    async def play_some_async(self) -> None:
        """A few calls at once with the async client, under one span."""
        scene = self._scene()
        with (
            llmtrace.context(user=scene.user, session=scene.session),
            self._tracer.start_as_current_span("compare_models"),
        ):
            calls = [self._chat_async(scene, model) for model in self._rng.sample(MODELS, 2)]
            await asyncio.gather(*(_forgiving_async(call) for call in calls))

    def _scene(self) -> Scene:
        user = self._rng.choice(HEAVY_USERS) if self._rng.random() < 0.25 else self._rng.choice(USERS)
        return Scene(
            user=user,
            session=f"{user}-s{self._rng.randint(1, 3)}",
            model=self._rng.choice(MODELS),
            question=self._rng.choice(QUESTIONS),
        )

    def _answer_with_retrieval(self, scene: Scene) -> None:
        with self._tracer.start_as_current_span("answer_question"):
            with self._tracer.start_as_current_span("find_documents"):
                _forgiving(lambda: self._embed(scene))
            _forgiving(lambda: self._chat(scene))

    def _chat(self, scene: Scene) -> None:
        self._client.chat.completions.create(
            model=scene.model, messages=scene.messages, temperature=0.3, safety_identifier=scene.user
        )

    def _chat_stream(self, scene: Scene) -> None:
        usage: Any = {"stream_options": {"include_usage": True}} if self._rng.random() < 0.7 else {}
        stream = self._client.chat.completions.create(
            model=scene.model, messages=scene.messages, stream=True, safety_identifier=scene.user, **usage
        )
        with stream:
            for number, _ in enumerate(stream):
                if number == 3 and self._rng.random() < 0.1:
                    break  # the user went away

    def _structured(self, scene: Scene) -> None:
        from pydantic import BaseModel

        class Invoice(BaseModel):
            invoice: str
            total: float

        self._client.chat.completions.parse(
            model=scene.model, messages=scene.messages, response_format=Invoice, safety_identifier=scene.user
        )

    def _tool_use(self, scene: Scene) -> None:
        schema = {"type": "object", "properties": {"order": {"type": "string"}}}
        tool: Any = {"type": "function", "function": {"name": "find_order", "parameters": schema}}
        self._client.chat.completions.create(
            model=scene.model, messages=scene.messages, tools=[tool], safety_identifier=scene.user
        )

    def _response(self, scene: Scene) -> None:
        self._client.responses.create(
            model=scene.model, input=scene.question, instructions="Answer briefly.", safety_identifier=scene.user
        )

    def _response_stream(self, scene: Scene) -> None:
        with self._client.responses.stream(
            model=scene.model, input=scene.question, safety_identifier=scene.user
        ) as stream:
            for _ in stream:
                pass

    def _embed(self, scene: Scene) -> None:
        self._client.embeddings.create(model="text-embedding-3-small", input=scene.question, user=scene.user)

    async def _chat_async(self, scene: Scene, model: str) -> None:
        if self._rng.random() < 0.5:
            await self._async_client.chat.completions.create(
                model=model, messages=scene.messages, safety_identifier=scene.user
            )
            return
        stream = await self._async_client.chat.completions.create(
            model=model,
            messages=scene.messages,
            stream=True,
            stream_options={"include_usage": True},
            safety_identifier=scene.user,
        )
        async for _ in stream:
            pass


def _forgiving(act: Callable[[], None]) -> None:
    with contextlib.suppress(OpenAIError):  # part of the play: the span has it
        act()


async def _forgiving_async(act: Awaitable[None]) -> None:
    with contextlib.suppress(OpenAIError):  # part of the play: the span has it
        await act
