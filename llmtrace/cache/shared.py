"""Entries in Redis or Valkey, for several workers; through a client the app has made."""

from __future__ import annotations

from threading import Lock
from typing import Any, Final

from llmtrace.cache.entries import Entry, Which, from_bytes, to_bytes

_SCOPES: Final = 100
_FRESH_S: Final = 1.0


class RedisStore:
    """Redis forgets what has expired; how much it may hold, and what goes then, its `maxmemory` says.

    The client must have short timeouts (`redis.Redis(socket_timeout=0.2, socket_connect_timeout=0.2)`): a call waits
    for it. What it raises is a miss.
    """

    waits: bool = True

    def __init__(self, client: Any, *, prefix: str = "llmtrace:cache:", max_per_scope: int = 10_000) -> None:
        """`client` is a `redis.Redis` or what has its methods, with `decode_responses` off."""
        self._client = client
        self._prefix = prefix
        self._max_per_scope = max_per_scope
        self._lock = Lock()  # protects _scopes
        self._scopes: dict[str, tuple[float, list[Entry]]] = {}
        """Of a scope, when its entries were read and what they were."""

    def get(self, key: str, now_s: float) -> Entry | None:
        """The entry of a key, unless it has expired."""
        data = self._client.get(f"{self._prefix}entry:{key}")
        entry = from_bytes(data) if data else None
        return entry if entry is not None and entry.expires_s > now_s else None

    def put(self, entry: Entry, now_s: float) -> None:
        """Keep it until it expires."""
        left_ms = max(1, int((entry.expires_s - now_s) * 1000))
        self._client.set(f"{self._prefix}entry:{entry.key}", to_bytes(entry), px=left_ms)
        if not entry.text:
            return
        name = f"{self._prefix}scope:{entry.scope}"
        # By when they expire: those that live shortest leave a scope that is full.
        self._client.zadd(name, {entry.key: entry.expires_s})
        self._client.zremrangebyscore(name, 0, now_s)
        self._client.zremrangebyrank(name, 0, -self._max_per_scope - 1)
        for _, last_s in self._client.zrange(name, -1, -1, withscores=True):
            self._client.pexpireat(name, int(last_s * 1000) + 1)
        with self._lock:
            if entry.scope in self._scopes:
                self._scopes[entry.scope][1].append(entry)

    def scope(self, scope: str, now_s: float) -> list[Entry]:
        """Entries of a scope that have a question; some may be gone, and others' newest be missing for a second."""
        with self._lock:
            read_s, found = self._scopes.get(scope, (-_FRESH_S, []))
        if abs(now_s - read_s) < _FRESH_S:
            return found
        keys = [_text(each) for each in self._client.zrangebyscore(f"{self._prefix}scope:{scope}", now_s, "+inf")]
        if {entry.key for entry in found} != set(keys):
            data = self._client.mget([f"{self._prefix}entry:{key}" for key in keys]) if keys else []
            found = [entry for each in data if each and (entry := from_bytes(each)) is not None]
        with self._lock:
            self._scopes[scope] = (now_s, found)
            while len(self._scopes) > _SCOPES:
                self._scopes.pop(next(iter(self._scopes)))
        return found

    def drop(self, which: Which) -> int:
        """Forget these; how many they were. Looks at every entry there is."""
        dropped = 0
        for name in self._client.scan_iter(match=f"{self._prefix}entry:*", count=500):
            data = self._client.get(name)
            entry = from_bytes(data) if data else None
            if entry is not None and which.fits(entry):
                self._client.delete(name)
                self._client.zrem(f"{self._prefix}scope:{entry.scope}", entry.key)
                dropped += 1
        with self._lock:
            self._scopes.clear()
        return dropped


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
