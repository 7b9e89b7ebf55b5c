"""Making an OpenTelemetry context current, and leaving it again from wherever that happens.

``opentelemetry.context.detach`` logs an error when it runs in another context than ``attach`` did: in a generator that
another task finishes, or that the garbage collector closes. And blocks inside generators end in any order, where
giving a token back would make current what is over:

    attach a ── attach b ── leave a: b stays ── leave b: not back to a, which is over, but to what was before a

So no token is given back. Whoever is left while it is current makes current what was before it, passing over those
that were left meanwhile; whoever is left elsewhere touches nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, create_key, detach, get_current, set_value

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context

# opentelemetry-instrumentation sets both, older releases the plain one only.
_OLD_SUPPRESS_KEY: Final = "suppress_instrumentation"

_KEY: Final = create_key("llmtrace-current")


def is_suppressed(context: Context) -> bool:
    """Whether somebody said that no spans are to be made here."""
    return bool(context.get(_SUPPRESS_INSTRUMENTATION_KEY) or context.get(_OLD_SUPPRESS_KEY))


@contextmanager
def suppressed() -> Iterator[None]:
    """Inside, no spans are to be made."""
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
    try:
        yield
    finally:
        go_back(token)


class Current:
    """A context that is current from now on, until it is left."""

    __slots__ = ("_own", "before", "is_left")

    def __init__(self, context: Context) -> None:
        self.is_left = False
        self.before = get_current()
        self._own = set_value(_KEY, self, context)
        attach(self._own)

    def leave(self) -> None:
        """Make current what was before, if this is still current. Never raises."""
        self.is_left = True
        if get_current() is self._own:
            attach(self._under())

    def is_context(self, context: Context) -> bool:
        """Whether ``context`` is this one, with nothing on top."""
        return context is self._own

    def _under(self) -> Context:
        before = self.before
        below = before.get(_KEY)
        while isinstance(below, Current) and below.is_left and below.is_context(before):
            before = below.before
            below = before.get(_KEY)
        return before


def go_back(token: Token[Any]) -> None:
    """``detach`` without its log line: where there is no way back, none is needed."""
    try:
        token.var.reset(token)
    except ValueError:  # another context, which ends with whoever runs in it
        pass
    except AttributeError:  # another kind of runtime context than the one on context variables
        detach(token)
