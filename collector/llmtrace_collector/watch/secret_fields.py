"""Secrets in rule files: from the environment, from a file, or, where nobody else reads the rules, in place.

secret: ${HOOK_SECRET}        secret_env: HOOK_SECRET        secret_file: /run/secrets/hook
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from llmtrace_collector.watch.fields import Fields, kind_of

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
_LARGEST_BYTES = 8 * 1024


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """Where secrets are found."""

    environ: Mapping[str, str] = field(repr=False)
    folder: Path
    """Of the rule file: what relative paths begin from."""
    files: list[Path] = field(default_factory=list)
    """Those that were read: when one changes, the rules are read again."""

    def read(self, fields: Fields, name: str, missing: str | None) -> tuple[str, str] | None:
        """The secret `name` and the key it stands under; None when there is none or it is wrong.

        Args:
            fields: Where it stands; a mistake is noted there, without the secret.
            name: The key for the secret in place; `name_env` and `name_file` are the others.
            missing: What to say when it is not there; None: it may be absent.
        """
        given = [(key, fields.get(key)) for key in (name, f"{name}_env", f"{name}_file")]
        given = [(key, value) for key, value in given if value is not None]
        if not given:
            if missing:
                fields.wrong(name, missing)
            return None
        if len(given) > 1:
            fields.wrong(given[1][0], f"stands beside {given[0][0]}; keep one of the two")
            return None
        [(key, value)] = given
        if not isinstance(value, str):
            fields.wrong(key, f"{kind_of(value)} stands where a text belongs; write {_example(key)}")
            return None
        try:
            return key, self._resolved(key.removeprefix(name), value)
        except LookupError as error:
            fields.wrong(key, f"{error.args[0]}")
        return None

    def _resolved(self, form: str, value: str) -> str:
        """The text of the secret; LookupError says in a sentence why there is none."""
        reference = _REFERENCE.fullmatch(value.strip())
        if form == "_file":
            found = self._from_file(value)
        elif form == "_env" or reference:
            found = self._from_environment(reference[1] if reference else value)
        else:
            found = value.strip()
        if not found or not found.isprintable() or not found.isascii() or " " in found:
            raise LookupError(
                "is empty or has a blank, a line break or a character beyond ASCII; write the secret alone"
            )
        return found

    def _from_environment(self, variable: str) -> str:
        if not self.environ.get(variable):
            raise LookupError(f"the environment variable {variable} is not set; set it to the secret")
        return self.environ[variable].strip()

    def _from_file(self, name: str) -> str:
        path = self.folder / name
        self.files.append(path)
        try:
            with path.open("rb") as file:
                return file.read(_LARGEST_BYTES).decode().strip()
        except OSError as error:
            raise LookupError(f"the file {path} cannot be read: {error.strerror}; check path and permissions") from None
        except UnicodeDecodeError:
            raise LookupError(f"the file {path} is not text; write the secret alone") from None
        except ValueError:  # a null byte, or what the file system's encoding has no bytes for
            raise LookupError(f"{ascii(name)[:80]} cannot be the path of a file; write one that can") from None


def _example(key: str) -> str:
    if key.endswith("_env"):
        return "the name of an environment variable"
    return "the path of a file" if key.endswith("_file") else "${NAME}"
