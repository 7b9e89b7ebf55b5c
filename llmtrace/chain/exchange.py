"""What is asked and answered, as the steps of a chain see it: plain data, bodies as the provider spells them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from llmtrace.calls import Identity, Operation, Server

Marks = dict[str, str | bool | int | float]
"""What steps have to say of a call, by name of span attribute."""


Told = Callable[["Reply | Exception"], None]
"""Told what came of a call that was made beside the app's own, on another thread or task."""


class Origin(StrEnum):
    """Who made a reply."""

    PROVIDER = "provider"
    CACHE = "cache"
    GUARDRAIL = "guardrail"


class StreamFilter(Protocol):
    """Decides what of a stream the app gets, as it comes. Both return bytes of whole server-sent events."""

    def feed(self, data: bytes) -> bytes:
        """What may be passed on now that `data` has come."""

    def finish(self) -> bytes:
        """What is left, when no more comes."""


@runtime_checkable
class WaitingFilter(StreamFilter, Protocol):
    """A filter that may have to wait for what it decides by; clients that do not block use these."""

    async def feed_async(self, data: bytes) -> bytes:
        """As ``feed``."""

    async def finish_async(self) -> bytes:
        """As ``finish``."""


_LAST_EVENTS = {
    "chat": re.compile(rb"^data: ?\[DONE\]", re.MULTILINE),
    "completions": re.compile(rb"^data: ?\[DONE\]", re.MULTILINE),
    "responses": re.compile(rb"^event: ?response\.completed\b", re.MULTILINE),
}


def is_whole(wire: str, events: bytes) -> bool:
    """Whether a stream of server-sent events came to its good end, whatever of the connection."""
    last = _LAST_EVENTS.get(wire)
    return last is not None and last.search(events) is not None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A call that has not left yet."""

    operation: Operation
    server: Server
    path: str
    body: Mapping[str, Any]
    """As the app asked; never changed in place."""
    stream: bool = False
    raw: bool = False
    """Whether the app reads the HTTP response itself."""
    account: str = ""
    """A digest of who asks whom: base URL, API key, organisation, project, and headers and query of the app's own."""
    identity: Identity = field(default_factory=Identity)
    marks: Marks = field(default_factory=dict)
    """Filled by steps; shared by all versions of a call."""
    filters: tuple[StreamFilter, ...] = ()
    """Of a stream, the innermost first."""
    listeners: tuple[Callable[[Reply], None], ...] = ()
    """Told of a stream's whole body once it has ended well; of one that broke or was given up, nothing."""
    is_async: bool = False
    """Whether the client does not block."""
    client: object | None = None
    """Another client of the app that is to send it, of the same kind; None: the one that was called."""
    max_retries: int | None = None
    """How often the client may try again by itself; None: as the app has it."""
    beside: Callable[[Asked, Marks, Told], bool] | None = None
    """Has another call made off the caller's path, with a span of its own; False when too many are under way."""

    @property
    def model(self) -> str:
        """As asked for; '' when it is not named."""
        model = self.body.get("model")
        return model if isinstance(model, str) else ""

    def asking(self, **changes: Any) -> Asked:
        """The same call with these fields of its body; None takes one out."""
        kept = {name: value for name, value in self.body.items() if name not in changes}
        return replace(self, body=kept | {name: value for name, value in changes.items() if value is not None})


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer: from the provider, or in its place."""

    body: bytes = b""
    """Decoded: JSON, or server-sent events; of a stream under way, empty."""
    stream: bool = False
    origin: Origin = Origin.PROVIDER
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the answer, in lower case: those worth keeping."""
    sent_model: str = ""
    """The model that was asked for at last, whatever the steps further in made of it."""
    result: object = None
    """What the client made of it, if it already has; given to the app as it is."""

    @cached_property
    def json(self) -> Mapping[str, Any]:
        """The body, if it is a JSON object, else an empty one."""
        if self.stream:
            return {}
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
