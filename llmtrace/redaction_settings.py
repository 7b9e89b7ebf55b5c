"""What to redact, from the argument of ``instrument()`` and the environment; in doubt, more of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llmtrace import faults

if TYPE_CHECKING:
    from llmtrace.redaction.policies import Redact
    from llmtrace.redaction.redactor import Redactor


@dataclass(frozen=True, kw_only=True, slots=True)
class Redaction:
    """What is in force."""

    redactor: Redactor
    unsafe: bool = False
    """Whether patterns that were asked for cannot be had: then no content may leave."""
    mistakes: tuple[str, ...] = ()


def load_redaction(asked: Redact | None, env: Mapping[str, str]) -> Redaction:
    """What ``redact=``, ``LLMTRACE_REDACT`` and ``LLMTRACE_REDACT_PATTERNS`` ask for.

    Raises:
        ValueError: ``asked`` names nothing there is.
        TypeError: ``asked`` is neither a name, a pattern nor a function.
    """
    from llmtrace.redaction import policies  # compiling patterns is not for `import llmtrace`

    level = env.get("LLMTRACE_REDACT", "").strip().lower() or policies.DEFAULT
    mistakes = []
    if level not in policies.LEVELS:
        mistakes.append(f'LLMTRACE_REDACT: "{level}" is none of {", ".join(policies.LEVELS)}; "all" is used')
        level = "all"
    patterns, unsafe = [], False
    if path := env.get("LLMTRACE_REDACT_PATTERNS", "").strip():
        try:
            patterns = policies.read_patterns(Path(path).read_text("utf-8"))
        except (OSError, ValueError) as error:
            unsafe = True
            mistakes.append(f"LLMTRACE_REDACT_PATTERNS: {path}: {error}; until that is mended no content is captured")
    redactor = policies.make_redactor(asked, level=level, patterns=patterns, on_failure=_say_redaction_failed)
    return Redaction(redactor=redactor, unsafe=unsafe, mistakes=tuple(mistakes))


def _say_redaction_failed(error: BaseException) -> None:
    """Say once that a function of the user's failed; not with its words, which may quote what it was given."""
    faults.say_once(
        "redaction-failed",
        "llmtrace: the function given as `redact` failed (%s); every text it fails on is dropped, not sent. "
        "This is said once.",
        type(error).__name__,
    )
