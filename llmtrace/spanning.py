"""``llmtrace.span``: the app's own functions, tools, retrieval, agents and workflows as spans."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypeVar, get_args, overload

from llmtrace import instrumentation
from llmtrace.calls import Block
from llmtrace.labels import LabelValue, labels_of
from llmtrace.wrapping import wrapped

if TYPE_CHECKING:
    from types import TracebackType

P = ParamSpec("P")
R = TypeVar("R")

Kind = Literal["function", "tool", "retrieval", "agent", "workflow", "plan"]


class Open(Protocol):
    """What ``with llmtrace.span(...) as open:`` gives."""

    def set_attributes(self, attributes: Mapping[str, LabelValue]) -> None:
        """Add attributes under names of your own."""

    def set_facts(self, facts: Mapping[str, int | float]) -> None:
        """For llmtrace's own: figures under names of the conventions."""

    def set_input(self, value: object) -> None:
        """What goes in: arguments of a tool, a query. Content: told only when that is captured."""

    def set_output(self, value: object) -> None:
        """What comes out: a result, documents. Content: told only when that is captured."""


@overload
def span(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def span(
    name: str | None = None,
    /,
    *,
    kind: Kind = "function",
    call_id: str | None = None,
    attributes: Mapping[str, LabelValue] | None = None,
    capture: bool = True,
) -> Spanned: ...


def span(
    function_or_name: Any = None,
    /,
    *,
    kind: Kind = "function",
    call_id: str | None = None,
    attributes: Mapping[str, LabelValue] | None = None,
    capture: bool = True,
) -> Any:
    """A span of the app's own: a decorator of any function, or a block.

    ```python
    @llmtrace.span(kind="tool")
    def weather(city: str) -> str: ...

    with llmtrace.span("handbook", kind="retrieval") as found:
        found.set_output(documents := search(question))
    ```

    Calls of the client, and other spans, made inside are its children. Exceptions go through as they are, and are on
    the span as ``error.type``. A span of a generator is current while that runs, and ends with it. Without
    ``llmtrace.instrument()``, and under ``suppress_instrumentation``, nothing happens but the call.

    Args:
        function_or_name: The function, for ``@llmtrace.span``; else what it is called, of which there should be few.
            None: the function's own name.
        kind: What it is, in the words of the GenAI conventions: a ``tool`` becomes ``execute_tool {name}``, an
            ``agent`` ``invoke_agent {name}``, a ``workflow`` ``invoke_workflow {name}``; a ``retrieval`` is named
            after its data source; a ``plan`` after its agent; a ``function`` is only what its name says.
        call_id: Of a tool: the id of the call, as the model gave it.
        attributes: Under names of your own, as with ``llmtrace.context``.
        capture: False: arguments and results are never told, not even when content is captured.

    Raises:
        TypeError: An argument is not what it must be.
        ValueError: ``kind`` is none, or an attribute has a name of the conventions.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"span(kind={kind!r}): write one of {', '.join(get_args(Kind))}")
    name = function_or_name if isinstance(function_or_name, str) else None
    block = Block(
        name=name,
        kind=kind,
        call_id=call_id,
        labels=labels_of(attributes, of="span") if attributes is not None else (),
        captures=capture,
    )
    if function_or_name is None or name is not None:
        return Spanned(block)
    if not callable(function_or_name) and not isinstance(function_or_name, staticmethod | classmethod):
        raise TypeError(f"span({function_or_name!r:.80}): give a name, or a function")
    return Spanned(block)(function_or_name)


class Spanned:
    """A span to be: a decorator, or a block to enter with ``with`` or ``async with``; a new one for each block."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._open: list[Any] = []

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """``function`` with a span for each call."""
        inner: Any = function.__func__ if isinstance(function, staticmethod | classmethod) else function
        block = self._block.of(inner)
        bound = _Arguments(inner)

        def begin(args: tuple[Any, ...], kwargs: dict[str, Any], _is_generator: bool) -> Any:
            blocks = instrumentation.blocks_in_force()
            running = blocks.begin(block) if blocks is not None else None
            if running is not None and running.takes_content:
                running.set_input(bound(args, kwargs))
            return running

        return wrapped(function, begin)

    def __enter__(self) -> Open:
        blocks = instrumentation.blocks_in_force()
        running = blocks.begin(self._block) if blocks is not None else None
        if running is None:
            self._open.append(None)
            return _closed
        self._open.append(running)
        return running.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running = self._open.pop()
        if running is not None:
            running.__exit__(kind, error, trace)
            running.end(error)

    async def __aenter__(self) -> Open:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)


class _Closed:
    """Stands for a block that is not seen."""

    def set_facts(self, facts: Mapping[str, int | float]) -> None:
        pass

    def set_attributes(self, attributes: Mapping[str, LabelValue]) -> None:
        pass

    def set_input(self, value: object) -> None:
        pass

    def set_output(self, value: object) -> None:
        pass


_closed = _Closed()


class _Arguments:
    """Names the arguments of a call as its function does."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        try:
            named = dict(self._signature.bind(*args, **kwargs).arguments)
        except (TypeError, ValueError):  # a call that cannot be; or a function nobody can read
            return {"args": args, **kwargs}
        first = next(iter(named), None)
        if first in ("self", "cls"):
            del named[first]
        return named

    @functools.cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self._function)
