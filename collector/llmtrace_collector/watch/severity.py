"""How bad it is: what a rule asks for, what an alert has been told at."""

from __future__ import annotations

from enum import IntEnum


class Severity(IntEnum):
    """In the order of urgency, so that `max` is the worse one."""

    NONE = 0
    WARNING = 1
    CRITICAL = 2

    def __str__(self) -> str:
        return self.name.lower()
