"""``llmtrace.context``: whom the calls made inside are for.

The state lives in one context variable, so it follows tasks and ``asyncio.to_thread``, and never leaks between them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast
from uuid import UUID

from llmtrace.calls import Identity

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

P = ParamSpec("P")
R = TypeVar("R")

NOBODY: Final = Identity()


class _Layer:
    """One block that is entered: two blocks that say the same are still two, so layers are told apart by identity."""

    __slots__ = ("owner", "said")

    def __init__(self, owner: object, said: Identity) -> None:
        self.owner = owner
        self.said = said


_layers: ContextVar[tuple[_Layer, ...]] = ContextVar("llmtrace_identity", default=())


def current_identity() -> Identity:
    """The identity in force here: what each ``context`` says, inner ones over outer ones."""
    found = NOBODY
    for layer in _layers.get():
        said = layer.said
        found = Identity(user=said.user or found.user, session=said.session or found.session)
    return found


def _id(name: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | UUID) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"context({name}=...): {type(value).__name__} is no id; give a str, an int or a UUID")


class context:  # noqa: N801 - used as a word: `with llmtrace.context(user=...)`
    """Say for whom the calls inside are made: a context manager, and a decorator of plain and async functions.

    Blocks nest: an inner one overrides only what it names. The values become ``user.id`` and ``session.id`` of every
    span started inside.

    ```python
    with llmtrace.context(user="u-17", session="s-4"):
        client.responses.create(...)
    ```

    Args:
        user: Who the end user is; wins over the request's ``safety_identifier`` and ``user``.
        session: Which sitting of that user this is.

    Raises:
        TypeError: A value is neither a string nor an int nor a UUID; the latter two are written as text.
    """

    def __init__(self, *, user: str | int | UUID | None = None, session: str | int | UUID | None = None) -> None:
        self._said = Identity(user=_id("user", user), session=_id("session", session))

    def __enter__(self) -> Self:
        _layers.set((*_layers.get(), _Layer(self, self._said)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not always the innermost: blocks inside generators end in any order.
        layers = _layers.get()
        own = next((at for at in reversed(range(len(layers))) if layers[at].owner is self), None)
        if own is not None:
            _layers.set((*layers[:own], *layers[own + 1 :]))

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Run every call of ``function`` inside this context; generators are inside while they run, not between."""
        wrapper: Callable[..., Any]
        if inspect.iscoroutinefunction(function):
            wrapper = self._around_coroutine(cast("Callable[..., Any]", function))
        elif inspect.isasyncgenfunction(function):
            wrapper = self._around_async_generator(cast("Callable[..., AsyncGenerator[Any, Any]]", function))
        elif inspect.isgeneratorfunction(function):
            wrapper = self._around_generator(cast("Callable[..., Generator[Any, Any, Any]]", function))
        else:
            wrapper = self._around_function(function)
        return cast("Callable[P, R]", functools.wraps(function)(wrapper))

    def _around_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return run

    def _around_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def run(*args: Any, **kwargs: Any) -> Any:
            with self:
                return await function(*args, **kwargs)

        return run

    def _around_generator(self, function: Callable[..., Generator[Any, Any, Any]]) -> Callable[..., Any]:
        # A generator shares its caller's context variables, so the block must not span a yield.
        def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            inner = function(*args, **kwargs)
            step: Callable[[], Any] = functools.partial(next, inner)
            while True:
                with self:
                    try:
                        item = step()
                    except StopIteration as end:
                        return end.value
                try:
                    step = functools.partial(inner.send, (yield item))
                except GeneratorExit:
                    with self:
                        inner.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - thrown in by the caller, and meant for the inner one
                    step = functools.partial(inner.throw, error)

        return run

    def _around_async_generator(self, function: Callable[..., AsyncGenerator[Any, Any]]) -> Callable[..., Any]:
        async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            inner = function(*args, **kwargs)
            step: Callable[[], Awaitable[Any]] = functools.partial(anext, inner)
            try:
                while True:
                    with self:
                        try:
                            item = await step()
                        except StopAsyncIteration:
                            return
                    try:
                        step = functools.partial(inner.asend, (yield item))
                    except GeneratorExit:
                        raise
                    except BaseException as error:  # noqa: BLE001 - thrown in by the caller, and meant for the inner one
                        step = functools.partial(inner.athrow, error)
            finally:
                with self:
                    await inner.aclose()

        return run
