"""Functions of an object of the app's, with ours put around them, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llmtrace import faults

_NOTHING: Final = object()

Around = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Is given the original function and what it was called with; answers what the caller gets."""


class Patches:
    """What was put around functions of one object; ``undo`` leaves it as it was found."""

    def __init__(self, target: object) -> None:
        self._target = target
        self._quiet = False
        self._made: list[tuple[str, object, object]] = []

    def put_around(self, name: str, around: Around) -> None:
        """Have ``around`` called in place of the function ``name``, if there is one."""
        original: Callable[..., Any] | None = getattr(self._target, name, None)
        if original is None:
            return

        def patched(*args: Any, **kwargs: Any) -> Any:
            return original(*args, **kwargs) if self._quiet else around(original, args, kwargs)

        try:
            before = vars(self._target).get(name, _NOTHING)
            setattr(self._target, name, patched)
        except (AttributeError, TypeError) as error:  # one with slots: its function runs as it always did
            faults.report("patching", error)
            return
        self._made.append((name, before, patched))

    def undo(self) -> None:
        """Put the originals back; where the app has put its own on top since, ours stays, and does nothing."""
        self._quiet = True
        for name, before, ours in self._made:
            if vars(self._target).get(name) is not ours:
                continue
            if before is _NOTHING:
                delattr(self._target, name)
            else:
                setattr(self._target, name, before)
