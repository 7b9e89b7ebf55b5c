"""The rule file while the watch runs: read again when it, or a file of a secret, has changed.

Contents are compared, not times: a mounted folder is swapped as a whole, and editors keep times or not.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from llmtrace_collector.watch.rules import RuleFile, read


class RuleSource:
    """A rule file that was sound when the watch began with it."""

    def __init__(self, path: Path) -> None:
        """Reads it.

        Raises:
            ConfigError: it has mistakes.
        """
        self._path = path
        self.found: RuleFile = read(path)
        self._seen = self._digest(self.found)

    def changed(self) -> RuleFile | None:
        """What the file says now, if that is something else than before.

        Raises:
            ConfigError: it has mistakes; what was read before holds, and this is raised until it is mended.
        """
        if self._digest(self.found) == self._seen:
            return None
        found = read(self._path)
        self.found, self._seen = found, self._digest(found)
        return found

    def _digest(self, found: RuleFile) -> bytes:
        digest = hashlib.sha256()
        for path in (self._path, *found.secret_files):
            content = b"?"
            with suppress(OSError):
                content = path.read_bytes()
            digest.update(len(content).to_bytes(8, "big") + content)
        return digest.digest()
