"""What a key is, and how its text becomes what is stored of it.

    llmtrace_3f9c02d1_Qm9zdG9u...        the text a sender gives; shown once, never stored
             |        |
             id       32 random bytes, base64url
    sha256(text)                         what is stored

A plain hash is enough here, and quick enough for every request: a secret of 256 random bits cannot be guessed from
it, which is what slow password hashes are against.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from llmtrace_collector.errors import ConfigError

DEFAULT_PROJECT = "default"
"""The project of whoever gives no key, or the shared key of the environment."""

_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_TEXT = re.compile(r"llmtrace_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")


class Scope(StrEnum):
    """What a key is good for."""

    INGEST = "ingest"
    READ = "read"
    FEEDBACK = "feedback"
    """What people say of answers, and nothing else: safe enough for a page."""
    OPERATE = "operate"
    """Silences and acknowledgements; to see rules and to try them."""
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whoever was let in."""

    project: str
    scopes: frozenset[Scope]
    key_id: str = ""
    """'' when no key of the folder was given: loopback without one, or the shared key."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """What is kept of one key; nothing of it opens a door."""

    id: str
    name: str
    """What its maker calls it."""
    project: str
    scopes: frozenset[Scope]
    sha256: str
    """Of the whole text, hex."""
    last4: str
    """The end of the text, to tell keys apart by."""
    created_at: str
    """UTC, ISO 8601."""
    created_by: str
    revoked_at: str = ""
    """'': it holds."""

    def matches(self, text: str) -> bool:
        """The text is this key's; takes as long whatever it is."""
        return hmac.compare_digest(_sha256(text), self.sha256)

    @property
    def caller(self) -> Caller:
        """Who gives it."""
        return Caller(project=self.project, scopes=self.scopes, key_id=self.id)

    def as_json(self) -> dict[str, Any]:
        """The row of the file."""
        return {**self.__dict__, "scopes": sorted(self.scopes)}

    def shown(self) -> dict[str, Any]:
        """The same for people: without the hash."""
        return {name: value for name, value in self.as_json().items() if name != "sha256"}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Key:
        """Reads the row of the file.

        Raises:
            TypeError, ValueError: it is not one.
        """
        return cls(**{**row, "scopes": frozenset(Scope(scope) for scope in row["scopes"])})


def make(*, name: str, project: str, scopes: Collection[Scope], now: str, who: str) -> tuple[Key, str]:
    """A new key and its text.

    Raises:
        ConfigError: a name that cannot be one, or no scope.
    """
    check_project(project)
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name[:100]!r} is not a name for a key: write 1 to 100 printable characters")
    if not scopes:
        raise ConfigError(f"a key needs a scope: one or more of {', '.join(Scope)}")
    identifier = secrets.token_hex(4)
    text = f"llmtrace_{identifier}_{secrets.token_urlsafe(32)}"
    key = Key(
        id=identifier,
        name=name,
        project=project,
        scopes=frozenset(scopes),
        sha256=_sha256(text),
        last4=text[-4:],
        created_at=now,
        created_by=who,
    )
    return key, text


def check_project(name: str) -> None:
    """Raises `ConfigError` for what cannot be the name of a project."""
    if not _PROJECT.fullmatch(name):
        raise ConfigError(
            f"{name[:100]!r} is not a project name: letters, digits, dots, dashes and underscores, at most 64,"
            " beginning with a letter or digit"
        )


def id_in(text: str) -> str:
    """The id that a key's text names; '' when it is no key's."""
    found = _TEXT.fullmatch(text)
    return found[1] if found else ""


def scopes_of(words: Collection[str]) -> frozenset[Scope]:
    """Scopes from their names.

    Raises:
        ConfigError: one is not a scope.
    """
    for word in words:
        if word not in set(Scope):
            raise ConfigError(f'"{str(word)[:50]}" is not a scope: one or more of {", ".join(Scope)}')
    return frozenset(Scope(word) for word in words)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
