"""What commands say to the person at the terminal. Needs nothing but the standard library."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from llmtrace_collector.errors import CollectorError, ConfigError


def guarded(name: str, work: Callable[[], int]) -> int:
    """`work`, with our own errors as one sentence and the right exit code."""
    try:
        return work()
    except ConfigError as error:
        print(f"llmtrace {name}: {error}", file=sys.stderr)
        return 2
    except CollectorError as error:
        print(f"llmtrace {name}: {error}", file=sys.stderr)
        return 1


def say(line: str) -> None:
    """One line to the terminal, at once; lost when nobody takes it (a closed terminal, a full disk behind `>`)."""
    with suppress(OSError, ValueError):
        print(line, flush=True)


def time_of(text: str, option: str) -> datetime:
    """The time an option names; without a zone it is UTC.

    Raises:
        ConfigError: it is none.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f'{option}: "{text}" is not a time; write it like 2026-11-24T08:00') from None
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
