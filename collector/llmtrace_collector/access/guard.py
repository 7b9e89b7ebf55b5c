"""Lets callers in, or says why not: pure judgement over a key ring, the same for every door."""

from __future__ import annotations

import hmac

from llmtrace_collector.access.keys import DEFAULT_PROJECT, Caller, Scope
from llmtrace_collector.access.ring import KeyRing
from llmtrace_collector.names import INGEST_KEY

_PEOPLE = frozenset({Scope.FEEDBACK, Scope.OPERATE, Scope.ADMIN})
"""What nobody may without a key."""


class DeniedError(Exception):
    """Nobody is let in by what was given; the text is one sentence for whoever gave it."""


class ScopeError(DeniedError):
    """A key that holds, for something else."""


class Guard:
    """Knows who may do what here."""

    def __init__(self, ring: KeyRing | None = None, *, shared_key: str = "", required: bool = False) -> None:
        """`shared_key` is one for sending, to the project default; '': there is none.

        `required`: nobody comes in without a key, also where none was ever made.
        """
        self._ring = ring
        self._shared_key = shared_key.encode()
        self._required = required

    def asks(self, scope: Scope) -> bool:
        """Whether a key is needed for this.

        Raises:
            KeysUnreadableError: the keys cannot be read now.
        """
        if self._required or scope in _PEOPLE or (scope is Scope.INGEST and self._shared_key):
            return True
        return self._ring is not None and self._ring.asks(scope)

    def authorize(self, authorization: bytes, scope: Scope) -> Caller:
        """Whoever gives this `authorization` header, if they may do what `scope` is for.

        Raises:
            DeniedError: they give no key that holds; as `ScopeError`: the key is for something else.
            KeysUnreadableError: the keys cannot be read now.
        """
        asks = self.asks(scope)
        caller = self._known(authorization)
        if caller is None:
            if asks:
                raise DeniedError(self._sentence(scope))
            return Caller(project=DEFAULT_PROJECT, scopes=frozenset({scope}))
        if scope not in caller.scopes and not (scope is Scope.OPERATE and Scope.ADMIN in caller.scopes):
            having = ", ".join(sorted(caller.scopes))
            raise ScopeError(
                f"this key is for {having}, not for {scope}: make one with `llmtrace keys create NAME --scope {scope}`"
            )
        return caller

    def _known(self, authorization: bytes) -> Caller | None:
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        if self._shared_key and hmac.compare_digest(token, self._shared_key):
            return Caller(project=DEFAULT_PROJECT, scopes=frozenset({Scope.INGEST}))
        key = self._ring.find(token.decode("latin-1")) if self._ring else None
        return key.caller if key else None

    def _sentence(self, scope: Scope) -> str:
        if scope is not Scope.INGEST:
            return f"this needs a key for {scope}: send the header 'authorization: Bearer KEY'"
        which = "its ingest key" if self._shared_key else "an API key that holds"
        header = "send the header 'authorization: Bearer KEY'"
        return f"this collector needs {which}: {header} (in llmtrace apps: set {INGEST_KEY})"
