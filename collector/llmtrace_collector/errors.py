"""Everything the collector raises on purpose.

    CollectorError
      ConfigError       the operator must change something: exit code 2, one sentence
        ConflictError        what is asked for stands against what is there
      BusyError         it is done for another just now; the same may be asked again
      StoreError        ClickHouse said no
        StoreDownError       retryable: not reachable, overloaded, out of room; the WAL holds
        StoreRefusedError    permanent: password, version, a schema newer than this code
        PoisonError       this body does not parse: bisect it, never retry it

The message is one sentence: what was seen, where, and what to do.
"""

from __future__ import annotations


class CollectorError(Exception):
    """Any fault the collector raises on purpose."""


class ConfigError(CollectorError):
    """An option, file or folder is wrong; the operator must change it."""


class ConflictError(ConfigError):
    """Well formed, but something that is there stands against it."""


class BusyError(CollectorError):
    """It is done for another just now; the same may be asked again."""


class StoreError(CollectorError):
    """ClickHouse did not do what was asked; `code` is its exception code, 0 when it never answered."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class StoreDownError(StoreError):
    """ClickHouse cannot be reached or cannot take more just now; the same request may succeed later."""


class StoreRefusedError(StoreError):
    """ClickHouse refuses for good: wrong password, too old, or a schema newer than this code."""


class PoisonError(StoreError):
    """The inserted bytes do not parse as OTLP; the same bytes never will."""
