"""For whom and for what the calls made here are: the blocks of ``llmtrace.context`` in force, merged.

The state lives in one context variable, so it follows tasks and ``asyncio.to_thread``, and never leaks between them.

A generator is the exception: it shares its caller's context variables, so a block that spans a ``yield`` stays in
force while somebody else runs. Two generators whose steps alternate would see each other's:

    entered by      a runs            b runs
    [a's] [b's]     a's, not b's      a's, then b's

So a block entered in a generator knows that generator's frame. While the frame runs, what was entered between its
steps lies outside of its own blocks: blocks of paused generators are left out, any other is taken for an outer one.
"""

from __future__ import annotations

import inspect
import sys
import threading
import weakref
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from llmtrace.calls import Identity

if TYPE_CHECKING:
    from types import FrameType

NOBODY: Final = Identity()
MAX_TAGS: Final = 32
MAX_LABELS: Final = 32

_GENERATOR: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def merged(outer: Identity, inner: Identity) -> Identity:
    """``outer`` where ``inner`` says nothing; tags and labels of both."""
    if outer is NOBODY:
        return inner
    prompt = inner if inner.prompt_name else outer  # a version belongs to its name
    return Identity(
        user=inner.user or outer.user,
        session=inner.session or outer.session,
        conversation=inner.conversation or outer.conversation,
        prompt_name=prompt.prompt_name,
        prompt_version=prompt.prompt_version,
        feature=inner.feature or outer.feature,
        team=inner.team or outer.team,
        tags=tuple(dict.fromkeys((*outer.tags, *inner.tags)))[:MAX_TAGS] if inner.tags else outer.tags,
        labels=tuple(dict((*outer.labels, *inner.labels)).items())[:MAX_LABELS] if inner.labels else outer.labels,
        inherited=inner.inherited or outer.inherited,
    )


class _Layer:
    """One block that is entered: two blocks that say the same are still two, so layers are told apart by identity."""

    __slots__ = ("_frame", "_home", "owner", "said", "within")

    def __init__(self, owner: object, said: Identity, frame: FrameType, under: tuple[_Layer, ...]) -> None:
        self.owner = owner
        self.said = said
        # A frame holds its locals, so none is kept but a generator's, which clears them when it ends.
        self._frame = frame if frame.f_code.co_flags & _GENERATOR else None
        self._home = _here() if self._frame is not None else None
        self.within = tuple(layer for layer in under if layer.runs())
        """Blocks of generators that were running when this one was entered."""

    @property
    def in_generator(self) -> bool:
        return self._frame is not None

    def runs(self) -> bool:
        """Whether its generator is running: a frame that is paused, or over, has nobody to go back to."""
        return self._frame is not None and self._frame.f_back is not None

    def is_paused(self) -> bool:
        return self._frame is not None and self._frame.f_back is None

    def runs_here(self) -> bool:
        """Not in another thread or task, into which this layer was copied."""
        return self.runs() and self._home == _here()

    def is_of(self, owner: object, frame: FrameType) -> bool:
        return self.owner is owner and (self._frame is None or self._frame is frame)


def _together(layers: tuple[_Layer, ...]) -> Identity:
    found = NOBODY
    for layer in layers:
        found = merged(found, layer.said)
    return found


class _Layers:
    """The blocks in force, outer ones first."""

    __slots__ = ("all", "before", "fixed")

    def __init__(self, layers: tuple[_Layer, ...], before: _Layers | None = None) -> None:
        self.all = layers
        self.before = before
        """Those without the last one; None where it is not known."""
        depends_on_nobody = not any(layer.in_generator for layer in layers)
        self.fixed = self._together() if depends_on_nobody else None
        """What they say together, whoever asks; None where it depends on which generator runs."""

    def merged(self) -> Identity:
        return _together(_as_seen_here(self.all)) if self.fixed is None else self.fixed

    def _together(self) -> Identity:
        known = self.before.fixed if self.before is not None else None
        return _together(self.all) if known is None else merged(known, self.all[-1].said)


_NO_LAYERS: Final = _Layers(())
_layers: ContextVar[_Layers] = ContextVar("llmtrace_identity", default=_NO_LAYERS)


def current_identity() -> Identity:
    """The identity in force here: what each ``context`` says, inner ones over outer ones."""
    layers = _layers.get()
    return layers.fixed or layers.merged()


def enter(owner: object, said: Identity, frame: FrameType) -> None:
    """Put a block on, entered by the code of ``frame``."""
    layers = _layers.get()
    _layers.set(_Layers((*layers.all, _Layer(owner, said, frame, layers.all)), layers))


def leave(owner: object, frame: FrameType) -> None:
    """Take the innermost block of ``owner`` off: not always the innermost of all, for generators end in any order."""
    found = _layers.get()
    layers = found.all
    if layers and layers[-1].is_of(owner, frame) and found.before is not None:
        _layers.set(found.before)
        return
    own = next((at for at in reversed(range(len(layers))) if layers[at].is_of(owner, frame)), None)
    if own is None:
        own = next((at for at in reversed(range(len(layers))) if layers[at].owner is owner), None)
    if own is not None:
        _layers.set(_Layers((*layers[:own], *layers[own + 1 :])))


def settled(identity: Identity) -> Identity:
    """``identity`` completed by what came from another service."""
    if identity.inherited is None:
        return identity
    return merged(identity.inherited, replace(identity, inherited=None))


def _as_seen_here(layers: tuple[_Layer, ...]) -> tuple[_Layer, ...]:
    order = list(layers)
    for running in [layer for layer in layers if layer.runs_here()]:
        at = order.index(running)
        own = [layer for layer in order[at + 1 :] if running in layer.within]
        around = [layer for layer in order[at + 1 :] if running not in layer.within and not layer.is_paused()]
        order = [*order[:at], *around, running, *own]
    return tuple(order)


def _here() -> object:
    """The task that runs, as far as there is one, else the thread."""
    asyncio: Any = sys.modules.get("asyncio")
    try:
        task = asyncio.current_task() if asyncio is not None else None
    except RuntimeError:  # no loop in this thread
        task = None
    return threading.get_ident() if task is None else weakref.ref(task)
