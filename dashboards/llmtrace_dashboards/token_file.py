"""A token that is made at the first start and kept in a file that its owner alone can read.

The text goes to the file and to nothing else: what is printed names the file.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from llmtrace_dashboards.access import LEAST_TOKEN, AccessError

_MOST_BYTES = 1024


def usual(environ: Mapping[str, str]) -> Path:
    """Where it is kept when nobody says: in the user's folder of state.

    Raises:
        AccessError: the user has none.
    """
    given = environ.get("XDG_STATE_HOME", "")
    if given.startswith("/"):  # its specification: a relative one is to be ignored
        return Path(given) / "llmtrace" / "dashboard-token"
    try:
        return Path.home() / ".local" / "state" / "llmtrace" / "dashboard-token"
    except RuntimeError:
        raise AccessError("this user has no home folder to keep a token in: say where with --token-file") from None


def keep(path: Path) -> str:
    """The token in `path`, made with the file and its folder when it is not there.

    Raises:
        AccessError: it cannot be kept there, or not from others.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.path.lexists(path):
            _make(path)
        return _read(path)
    except OSError as error:
        raise AccessError(
            f"the token file {path} cannot be made or read ({error.strerror or error}): mend that, or choose another"
            " with --token-file"
        ) from None


def _make(path: Path) -> None:
    """Whole or not at all: another process may start at the same time, and one of both tokens must hold."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(f"{secrets.token_urlsafe(32)}\n")
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path) -> str:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise AccessError(f"the token file {path} is no file: choose another with --token-file")
        if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
            raise AccessError(
                f"others can read or change the token file {path} (mode {stat.S_IMODE(found.st_mode):03o}): delete it,"
                " and a new token is made at the next start"
            )
        token = file.read(_MOST_BYTES).decode("ascii", "replace").strip()
    if len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable():
        raise AccessError(
            f"the token file {path} holds no token of at least {LEAST_TOKEN} characters: delete it, and a new one is"
            " made at the next start"
        )
    return token
