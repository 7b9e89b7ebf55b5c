"""What is kept: an answer, the question it was given to, and what it can be invalidated by."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from llmtrace.chain import Reply


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An answer that may be given again."""

    key: str
    scope: str
    text: str
    """The question; '' for an entry that answers only its own request."""
    body: bytes
    stream: bool
    headers: dict[str, str]
    response_id: str
    made_s: float
    """Unix time."""
    expires_s: float
    took_s: float
    """How long the provider took."""
    user: str = ""
    prompt: str = ""
    tags: tuple[str, ...] = ()
    vector: bytes = b""
    """The question's row of numbers, float32, of the embedder `embedder`."""
    embedder: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self.body) + len(self.vector) + 4 * len(self.text) + 1_000

    def reply(self) -> Reply:
        """The answer as the provider gave it."""
        return Reply(body=self.body, stream=self.stream, headers=self.headers)


@dataclass(frozen=True, kw_only=True)
class Which:
    """Which entries an invalidation means: all that fit everything that is named."""

    tag: str | None = None
    user: str | None = None
    prompt: str | None = None
    """A prompt's name, or its name and version as `name@version`."""
    response_id: str | None = None
    key: str | None = None

    def fits(self, entry: Entry) -> bool:
        """Whether it is one of them."""
        return (
            (self.tag is None or self.tag in entry.tags)
            and (self.user is None or self.user == entry.user)
            and (self.prompt is None or self.prompt in (entry.prompt, entry.prompt.partition("@")[0]))
            and (self.response_id is None or self.response_id == entry.response_id)
            and (self.key is None or self.key == entry.key)
        )


class Store(Protocol):
    """Keeps entries, within its bounds. Called from many threads; whatever it raises is a miss."""

    waits: bool
    """Whether it takes longer than an event loop can stand still."""

    def get(self, key: str, now_s: float) -> Entry | None:
        """The entry of a key, unless it has expired."""

    def put(self, entry: Entry, now_s: float) -> None:
        """Keep it; others may have to go."""

    def scope(self, scope: str, now_s: float) -> list[Entry]:
        """Entries of a scope that have a question; some may be gone, so the one chosen is asked for by `get`.

        The same list as long as entries only come; what comes is at its end.
        """

    def drop(self, which: Which) -> int:
        """Forget these; how many they were."""


def to_bytes(entry: Entry) -> bytes:
    """The entry as JSON."""
    fields = asdict(entry) | {"body": b64encode(entry.body).decode(), "vector": b64encode(entry.vector).decode()}
    return json.dumps(fields).encode()


def from_bytes(data: bytes) -> Entry | None:
    """The entry; None for what is none, such as another version's."""
    try:
        fields = json.loads(data)
        fields |= {"body": b64decode(fields["body"]), "vector": b64decode(fields["vector"])}
        return Entry(**fields | {"tags": tuple(fields["tags"])})
    except (ValueError, KeyError, TypeError):
        return None
