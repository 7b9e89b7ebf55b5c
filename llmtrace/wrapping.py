"""Functions of every kind, run inside something, and still of their kind: plain, async, generator, async generator.

A generator is inside while it runs, never between its steps: it shares its caller's context variables, and what it
left on would be in force there.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from types import TracebackType

P = ParamSpec("P")
R = TypeVar("R")


class Around(Protocol):
    """What one call of a function runs inside; entered once for each step of a generator."""

    def __enter__(self) -> object:
        """Before the function runs, or runs on."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """When it pauses, returns or raises."""

    def end(self, error: BaseException | None = None, result: object = None) -> None:
        """The call is over; the first one counts."""


class _Nothing:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def end(self, error: BaseException | None = None, result: object = None) -> None:
        pass


NOTHING: Final = _Nothing()
"""An ``Around`` that is none."""

Begin = Callable[[tuple[Any, ...], dict[str, Any], bool], "Around | None"]
"""From the arguments of a call, and whether it is a generator's, to what it runs inside; None for nothing."""


def wrapped(function: Callable[P, R], begin: Begin) -> Callable[P, R]:
    """``function`` with every call inside what ``begin`` gives; what it returns and raises is untouched."""
    if isinstance(function, staticmethod | classmethod):
        return type(function)(wrapped(function.__func__, begin))
    if inspect.iscoroutinefunction(function):
        wrapper: Callable[..., Any] = _coroutine(cast("Callable[..., Any]", function), begin)
    elif inspect.isasyncgenfunction(function):
        wrapper = _async_generator(cast("Callable[..., AsyncGenerator[Any, Any]]", function), begin)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(cast("Callable[..., Generator[Any, Any, Any]]", function), begin)
    else:
        wrapper = _plain(function, begin)
    return cast("Callable[P, R]", functools.wraps(function)(wrapper))


def _plain(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        around = begin(args, kwargs, False)
        if around is None:
            return function(*args, **kwargs)
        try:
            with around:
                result = function(*args, **kwargs)
        except BaseException as error:
            around.end(error)
            raise
        around.end(None, result)
        return result

    return run


def _coroutine(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    async def run(*args: Any, **kwargs: Any) -> Any:
        around = begin(args, kwargs, False)
        if around is None:
            return await function(*args, **kwargs)
        try:
            with around:
                result = await function(*args, **kwargs)
        except BaseException as error:
            around.end(error)
            raise
        around.end(None, result)
        return result

    return run


def _generator(function: Callable[..., Generator[Any, Any, Any]], begin: Begin) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        around = begin(args, kwargs, True) or NOTHING
        try:
            result = yield from _steps(function(*args, **kwargs), around)
        except BaseException as error:
            around.end(error)
            raise
        around.end()
        return result

    return run


def _steps(inner: Generator[Any, Any, Any], around: Around) -> Generator[Any, Any, Any]:
    step: Callable[[], Any] = functools.partial(next, inner)
    while True:
        with around:
            try:
                item = step()
            except StopIteration as end:
                return end.value
        try:
            step = functools.partial(inner.send, (yield item))
        except GeneratorExit:
            with around:
                inner.close()
            raise
        except BaseException as error:  # noqa: BLE001 - thrown in by the caller, and meant for the inner one
            step = functools.partial(inner.throw, error)


def _async_generator(function: Callable[..., AsyncGenerator[Any, Any]], begin: Begin) -> Callable[..., Any]:
    async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        around = begin(args, kwargs, True) or NOTHING
        inner = function(*args, **kwargs)
        step: Callable[[], Awaitable[Any]] = functools.partial(anext, inner)
        try:
            while True:
                with around:
                    try:
                        item = await step()
                    except StopAsyncIteration:
                        break
                try:
                    step = functools.partial(inner.asend, (yield item))
                except GeneratorExit:
                    raise
                except BaseException as error:  # noqa: BLE001 - thrown in by the caller, and meant for the inner one
                    step = functools.partial(inner.athrow, error)
        except BaseException as error:
            around.end(error)
            raise
        finally:
            with around:
                await inner.aclose()
        around.end()

    return run
