"""The data folder: what is in it, whose it is, which version wrote it.

DIR/
  LAYOUT           the version of this arrangement, a number
  collector.id     names this folder's collector in the store's tables
  store.key        the secret for writing to the embedded store, mode 0600
  store.lock       held by the store process     engine/  spool/  schemas/   its files
  collector.lock   held by the collector         wal/  watch.db  tmp/        its files
  turn.lock, pass.lock                           the gate between the writer and commands that need it to wait
  keys.json        API keys, hashed, mode 0600   keys.lock, audit.jsonl, audit.position  see `access`
  app.key          the app's key for changes, mode 0600        app-key.lock
  dashboard-token  the token that lets into the app, mode 0600, where it can be reached by others
  logs/            what the services of `llmtrace up` print
  backups/         what `llmtrace backup create` took
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import time
from pathlib import Path
from typing import IO

from llmtrace_collector.errors import ConfigError

LAYOUT = 1

_LEFTOVER = re.compile(r"(?:\.(\d+)\.tmp|^\.probe-(\d+))$")


class DataFolder:
    """A data folder that exists, is ours to write and has the layout of this code."""

    def __init__(self, path: Path) -> None:
        """Makes the folder (mode 0700) when it is not there.

        Raises:
            ConfigError: it cannot be made or written, or another version of llmtrace wrote it.
        """
        self.path = path.expanduser().absolute()
        try:
            _made_with_parents(self.path)
            self._clear_leftovers()
            self._check_layout()
            probe = self.path / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise ConfigError(
                f"the data folder {self.path} cannot be used ({error.strerror}): choose another with --data, or mend it"
            ) from error

    def _clear_leftovers(self) -> None:
        """What `write_whole` and the probe below left when their process was killed; never another live process's."""
        for file in (*self.path.glob("*.tmp"), *self.path.glob(".probe-*")):
            found = _LEFTOVER.search(file.name)
            if found and file.is_file() and not _is_alive(int(found[1] or found[2])):
                file.unlink(missing_ok=True)

    def _check_layout(self) -> None:
        file = self.path / "LAYOUT"
        if not file.exists():
            write_whole(file, f"{LAYOUT}\n".encode())
        found = file.read_text(encoding="ascii", errors="replace").strip()
        if found != str(LAYOUT):
            raise ConfigError(
                f"the data folder {self.path} has layout {found[:20]!r}, this llmtrace knows {LAYOUT}:"
                " use the llmtrace that wrote it, or choose another folder with --data"
            )

    @property
    def engine(self) -> Path:
        """The embedded engine's own folder."""
        return self.path / "engine"

    @property
    def wal(self) -> Path:
        """The write-ahead log's folder."""
        return self.path / "wal"

    @property
    def backups(self) -> Path:
        """Where backups are taken to."""
        return self.path / "backups"

    @property
    def watch(self) -> Path:
        """The watch's state and outbox."""
        return self.path / "watch.db"

    def store_key(self) -> str:
        """The secret for writing to the store, made at the first call; only the owner of the folder can read it."""
        file = self.path / "store.key"
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return self._read_key(file)
        with os.fdopen(descriptor, "w") as out:
            key = secrets.token_urlsafe(32)
            out.write(key)
            out.flush()
            os.fsync(out.fileno())
        sync_folder(self.path)
        return key

    def collector_id(self) -> str:
        """A name for this folder's collector that stays the same, made at the first call."""
        file = self.path / "collector.id"
        if not file.exists():
            write_whole(file, secrets.token_hex(8).encode())
        return file.read_text(encoding="ascii")

    @staticmethod
    def _read_key(file: Path) -> str:
        # Another process may have made the file and not yet written it.
        for _ in range(100):
            if key := file.read_text(encoding="ascii").strip():
                return key
            time.sleep(0.02)
        raise ConfigError(f"{file} is empty: delete it, and a new key is made at the next start")

    def lock(self, name: str, *, wait_s: float = 10.0) -> IO[bytes]:
        """Takes `DIR/NAME.lock` for this process; held until the file is closed or the process ends.

        Waits, because the processes of a supervisor that was killed need a moment to go.

        Raises:
            ConfigError: another process still holds it after `wait_s`.
        """
        file = (self.path / f"{name}.lock").open("ab")
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    file.close()
                    raise ConfigError(
                        f"the data folder {self.path} is in use by another llmtrace ({name}.lock is held):"
                        " stop that one, or choose another folder with --data"
                    ) from None
                time.sleep(0.1)
            else:
                return file

    def store_is_running(self) -> bool:
        """A store process of this folder runs just now.

        Asked before the store's key goes out: whatever else answers on the store's port must not get it. A shared
        lock is tried, so that two who ask at once do not take each other for the store.
        """
        try:
            descriptor = os.open(self.path / "store.lock", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)


def _made_with_parents(folder: Path) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for each in missing:
        sync_folder(each.parent)


def made(folder: Path) -> Path:
    """`folder`, made durably with mode 0700 when it is not there; its parent must be."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return folder
    sync_folder(folder.parent)
    return folder


def write_whole(file: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Writes a file so that after a crash it has either its old content or all of the new."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Makes new, renamed and deleted names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
