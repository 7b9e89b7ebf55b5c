"""As much of a Redis as a cache needs, in memory: there is no server on every machine that runs the tests."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any


class LittleRedis:
    """The methods of `redis.Redis` that `RedisStore` calls; keys come back as bytes, as there."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._sets: dict[str, dict[str, float]] = {}
        self.is_gone = False
        self.refused = 0

    def _here(self) -> None:
        if self.is_gone:
            self.refused += 1
            raise ConnectionError("gone")

    def get(self, name: Any) -> bytes | None:
        self._here()
        return self._values.get(name.decode() if isinstance(name, bytes) else name)

    def mget(self, names: list[str]) -> list[bytes | None]:
        return [self.get(name) for name in names]

    def set(self, name: str, value: bytes, px: int) -> None:
        self._here()
        assert px > 0
        self._values[name] = value

    def delete(self, name: bytes) -> None:
        self._values.pop(name.decode(), None)

    def scan_iter(self, match: str, count: int) -> Iterator[bytes]:
        return iter([name.encode() for name in self._values if fnmatch(name, match)])

    def zadd(self, name: str, members: dict[str, float]) -> None:
        self._sets.setdefault(name, {}).update(members)

    def _sorted(self, name: str) -> list[tuple[str, float]]:
        return sorted(self._sets.get(name, {}).items(), key=lambda each: each[1])

    def zrem(self, name: str, member: str) -> None:
        self._sets.get(name, {}).pop(member, None)

    def zremrangebyscore(self, name: str, low: float, high: float) -> None:
        for member, score in self._sorted(name):
            if low <= score <= high:
                self.zrem(name, member)

    def zremrangebyrank(self, name: str, first: int, last: int) -> None:
        found = self._sorted(name)
        for member, _ in found[first : len(found) + last + 1 if last < 0 else last + 1]:
            self.zrem(name, member)

    def zrange(self, name: str, first: int, last: int, withscores: bool) -> list[tuple[bytes, float]]:
        return [(member.encode(), score) for member, score in self._sorted(name)[first:]]

    def zrangebyscore(self, name: str, low: float, high: str) -> list[bytes]:
        self._here()
        return [member.encode() for member, score in self._sorted(name) if score >= low]

    def pexpireat(self, name: str, at_ms: int) -> None:
        assert at_ms > 0
