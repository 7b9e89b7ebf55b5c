"""The key with which the app of `llmtrace up` asks its collector for changes: made once, then kept.

DIR/app.key  mode 0600, its text; what is kept of it as of every key is in keys.json

It is for `admin` alone, so the doors for sending and reading stay as open or closed as they were.
"""

from __future__ import annotations

import stat

from llmtrace_collector.access.keys import DEFAULT_PROJECT, Scope, id_in
from llmtrace_collector.access.register import Register
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import DataFolder, write_whole

APP_KEY_FILE = "app.key"
_NAME = "the app of llmtrace up"


def app_key(folder: DataFolder, *, who: str) -> str:
    """Its text; '' when it was revoked: whoever did that does not want another to come by itself.

    Raises:
        ConfigError: the file is not such a key, or others can read it.
    """
    path = folder.path / APP_KEY_FILE
    register = Register(folder)
    with folder.lock("app-key"):
        try:
            mode, text = path.stat().st_mode, path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return _made(folder, register, who)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read ({error}): delete it, and a new key is made") from None
        if stat.S_IMODE(mode) & 0o077:
            raise ConfigError(f"others can read {path}: revoke its key (`llmtrace keys list`) and delete the file")
        if not id_in(text):
            raise ConfigError(f"{path} holds no key: delete it, and a new one is made")
        found = next((key for key in register.all() if key.matches(text)), None)
        if found is None:  # keys.json is another: of a backup, or begun anew
            return _made(folder, register, who)
        return "" if found.revoked_at else text


def _made(folder: DataFolder, register: Register, who: str) -> str:
    _, text = register.create(name=_NAME, project=DEFAULT_PROJECT, scopes={Scope.ADMIN}, who=who)
    write_whole(folder.path / APP_KEY_FILE, text.encode(), mode=0o600)
    return text
