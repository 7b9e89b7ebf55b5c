"""Who asks: the store's owner, our own dashboard, a reader by a key of its own, or anybody."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping

from starlette.requests import Request

from llmtrace_collector.access import Key, KeyRing, KeysUnreadableError, Scope
from llmtrace_collector.store.refusals import ClickHouseError, denied, unknown

OWNER = "llmtrace"
"""The user that goes with the store's key."""

READER = "llmtrace-reader"
"""The user of our own dashboard: reads every project."""


class Users:
    """Those that this store knows."""

    def __init__(self, key: str, keys: KeyRing | None, *, require_read_key: bool) -> None:
        """`key` is the owner's, `keys` are those of readers; without `require_read_key` others read everything."""
        self._key = key
        self._reader_key = everything_key(key)
        self._keys = keys
        self._require_read_key = require_read_key

    def who(self, request: Request, url: Mapping[str, str]) -> tuple[bool, str]:
        """Whether it is the owner, and else the project a reader is confined to, '' for one who is not."""
        user, password = _credentials(request, url)
        if user in {"", "default"} and not password:
            if self._require_read_key:
                raise unknown("reading needs a key here: give one of `llmtrace keys create NAME --scope read`")
            return False, ""
        if user == OWNER and hmac.compare_digest(password.encode(), self._key.encode()):
            return True, ""
        if user == READER and hmac.compare_digest(password.encode(), self._reader_key.encode()):
            return False, ""
        found = self._find(password)
        if found is None:
            raise unknown("Authentication failed: password is incorrect, or there is no such user")
        if Scope.READ not in found.scopes:
            having = ", ".join(sorted(found.scopes))
            raise denied(f"this key is for {having}, not for read")
        return False, found.project

    def _find(self, password: str) -> Key | None:
        try:
            return self._keys.find(password) if self._keys else None
        except KeysUnreadableError as error:
            raise ClickHouseError(
                516, "AUTHENTICATION_FAILED", "the keys cannot be read just now", status=503
            ) from error


def everything_key(key: str) -> str:
    """The password of `READER`, made of the store's key: whoever has it reads everything and writes nothing."""
    return hmac.new(key.encode(), b"read everything", "sha256").hexdigest()


def _credentials(request: Request, url: Mapping[str, str]) -> tuple[str, str]:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "?", "?"
        return user, password
    if scheme.lower() == "bearer":
        return "", token
    user = request.headers.get("x-clickhouse-user") or url.get("user", "")
    return user, request.headers.get("x-clickhouse-key") or url.get("password", "")
