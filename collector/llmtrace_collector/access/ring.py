"""The keys of a data folder as a running process sees them: read again when the file has changed."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from llmtrace_collector.access.keys import Key, Scope, id_in

KEYS_FILE = "keys.json"

_LOOK_EVERY_S = 0.5

_Stamp = tuple[int, int, int]


class KeysUnreadableError(Exception):
    """The file is there and is not one of keys: nobody can be let in by it until it is mended."""


class KeyRing:
    """Finds the key that a text is; threads may share one. What was made or revoked holds within a second."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / KEYS_FILE
        self._lock = threading.Lock()
        """Protects what follows."""
        self._keys: dict[str, Key] = {}
        self._stamp: _Stamp | None = None
        self._looked_at = -_LOOK_EVERY_S

    def find(self, text: str) -> Key | None:
        """The key that holds and has this text.

        Raises:
            KeysUnreadableError: the keys cannot be read now.
        """
        key = self._current().get(id_in(text))
        return key if key is not None and key.matches(text) and not key.revoked_at else None

    def asks(self, scope: Scope) -> bool:
        """Whether a key of this scope was ever made. A revoked one counts: to revoke the last must not open the door.

        Raises:
            KeysUnreadableError: the keys cannot be read now.
        """
        return any(scope in key.scopes for key in self._current().values())

    def _current(self) -> dict[str, Key]:
        with self._lock:
            now = time.monotonic()
            if now - self._looked_at >= _LOOK_EVERY_S:
                stamp = _stamp(self._path)
                if stamp != self._stamp:
                    self._keys = {key.id: key for key in read(self._path)}
                    self._stamp = stamp
                self._looked_at = now
            return self._keys


def read(path: Path) -> list[Key]:
    """All keys in the file, those that were revoked too; none when there is no file.

    Raises:
        KeysUnreadableError: it is not one of keys, or may not be read.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [Key.from_json(row) for row in rows["keys"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeysUnreadableError(
            f"{path} cannot be read as keys ({type(error).__name__}): restore it from a backup, or delete it and"
            " make new keys"
        ) from error


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
