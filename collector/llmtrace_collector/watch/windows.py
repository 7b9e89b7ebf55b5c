"""Rolling windows over a rollup of minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta


def start(now: datetime, window: timedelta) -> datetime:
    """The first minute of a window that ends now: its full minutes come before the running one."""
    return now.replace(second=0, microsecond=0) - window
