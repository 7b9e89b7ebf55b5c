"""``llmtrace.context``: for whom and for what the calls made inside are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from llmtrace import identity
from llmtrace.labels import Id, LabelValue, identity_of
from llmtrace.wrapping import wrapped

if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Self

    from llmtrace.calls import Identity
    from llmtrace.currents import Current

_frame: Final = sys._getframe  # noqa: SLF001 - what `inspect.currentframe` is made of, without its detour

P = ParamSpec("P")
R = TypeVar("R")


class context:  # noqa: N801 - used as a word: `with llmtrace.context(user=...)`
    """Say for whom and for what the calls inside are made: a context manager, sync and async, and a decorator.

    Blocks nest: an inner one overrides only what it names; tags and attributes come together. All of it is written on
    every span started inside.

    ```python
    with llmtrace.context(user="u-17", session="s-4", tags=["beta"], prompt=("greeting", 3)):
        client.responses.create(...)
    ```

    Args:
        user: Who the end user is (``user.id``); wins over the request's ``safety_identifier`` and ``user``.
        session: Which sitting of that user this is (``session.id``).
        tags: Short words to find the calls by (``llmtrace.tags``); a set, at most 32.
        prompt: Name of the prompt template, or its name and version (``gen_ai.prompt.name``,
            ``gen_ai.prompt.version``).
        feature: What of the app it is for (``llmtrace.feature``).
        team: Who pays (``llmtrace.team``).
        conversation: The thread of messages this is part of (``gen_ai.conversation.id``); wins over the request's.
        attributes: Further attributes under names of your own: texts, numbers, booleans, or lists of one of these.
        propagate: Whether user, session and the other values, but no attributes, go to other services as W3C baggage
            in the headers of the app's requests, of those to strangers as well. None: as
            ``LLMTRACE_PROPAGATE_CONTEXT`` says, which is no by default.

    Raises:
        TypeError: An argument is not what it must be; the sentence says what to write.
        ValueError: An attribute has a name of the conventions.
    """

    def __init__(
        self,
        *,
        user: Id | None = None,
        session: Id | None = None,
        tags: Iterable[str] = (),
        prompt: str | tuple[str, str | int] | None = None,
        feature: str | None = None,
        team: str | None = None,
        conversation: Id | None = None,
        attributes: Mapping[str, LabelValue] | None = None,
        propagate: bool | None = None,
    ) -> None:
        self._said = identity_of(
            user=user,
            session=session,
            conversation=conversation,
            prompt=prompt,
            feature=feature,
            team=team,
            tags=tags,
            attributes=attributes,
        )
        self._propagate = propagate
        self._carried: list[Current] = []

    def __enter__(self) -> Self:
        self._enter(_frame(1))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(_frame(1))

    async def __aenter__(self) -> Self:
        self._enter(_frame(1))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(_frame(1))

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Run every call of ``function`` inside this context; generators are inside while they run, not between."""
        return wrapped(function, lambda _args, _kwargs, _is_generator: _Step(self))

    def _enter(self, frame: FrameType) -> None:
        identity.enter(self, self._said, frame)
        if self._propagate or (self._propagate is None and _propagates()):
            self._carry(self._said)

    def _leave(self, frame: FrameType) -> None:
        identity.leave(self, frame)
        if self._carried:
            self._carried.pop().leave()

    def _carry(self, said: Identity) -> None:
        # Here, so that `import llmtrace` does not load OpenTelemetry.
        from llmtrace.baggage import carried
        from llmtrace.currents import Current

        self._carried.append(Current(carried(said)))


class _Step:
    """One step of a decorated function."""

    __slots__ = ("_block",)

    def __init__(self, block: context) -> None:
        self._block = block

    def __enter__(self) -> None:
        self._block._enter(_frame(1))  # noqa: SLF001 - a part of it

    def __exit__(self, *_: object) -> None:
        self._block._leave(_frame(1))  # noqa: SLF001 - a part of it

    def end(self, error: BaseException | None = None, result: object = None) -> None:
        """Nothing is left to do."""


def _propagates() -> bool:
    from llmtrace.instrumentation import settings_in_force

    settings = settings_in_force()
    return settings is not None and settings.propagates_context
