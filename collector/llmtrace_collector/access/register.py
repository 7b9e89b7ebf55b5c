"""Makes and revokes keys in a data folder, and notes who did what.

DIR/keys.json    mode 0600: what is kept of every key ever made
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime

from llmtrace_collector.access.audit import Audit
from llmtrace_collector.access.keys import Key, Scope, make
from llmtrace_collector.access.ring import KEYS_FILE, KeysUnreadableError, read
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import DataFolder, write_whole


class Register:
    """The keys of one data folder. Processes may use one at the same time: they take turns by a lock file."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._path = folder.path / KEYS_FILE

    def all(self) -> list[Key]:
        """Every key, the oldest first.

        Raises:
            ConfigError: the file is not one of keys.
        """
        try:
            return read(self._path)
        except KeysUnreadableError as error:
            raise ConfigError(str(error)) from error

    def create(self, *, name: str, project: str, scopes: Collection[Scope], who: str) -> tuple[Key, str]:
        """A new key and its text, which is nowhere else.

        Raises:
            ConfigError: a name cannot be one.
        """
        key, text = make(name=name, project=project, scopes=scopes, now=_now(), who=who)
        with self._folder.lock("keys"):
            self._write([*self.all(), key])
            self._note(who, "key.create", key)
        return key, text

    def revoke(self, key_id: str, *, who: str) -> Key:
        """The key, which opens nothing any more. Twice is safe.

        Raises:
            ConfigError: there is no such key.
        """
        with self._folder.lock("keys"):
            keys = self.all()
            found = next((key for key in keys if key.id == key_id), None)
            if found is None:
                raise ConfigError(f'there is no key with the id "{key_id[:20]}": `llmtrace keys list` has them all')
            if found.revoked_at:
                return found
            revoked = Key.from_json({**found.as_json(), "revoked_at": _now()})
            self._write([revoked if key.id == key_id else key for key in keys])
            self._note(who, "key.revoke", revoked)
        return revoked

    def _write(self, keys: list[Key]) -> None:
        text = json.dumps({"keys": [key.as_json() for key in keys]}, indent=1)
        write_whole(self._path, text.encode(), mode=0o600)

    def _note(self, who: str, action: str, key: Key) -> None:
        detail = f"{key.name} ({', '.join(sorted(key.scopes))})"
        Audit(self._folder).note(who=who, action=action, project=key.project, subject=key.id, detail=detail)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
