"""How long an alert waits before it believes a figure, and what the lack of one means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class NoData(StrEnum):
    """What a group without a figure means."""

    OK = "ok"
    """Nothing is wrong: after `stale_after` evaluations an alert of it resolves."""
    KEEP = "keep"
    """Nothing is known: the alert stays as it is."""
    ALERT = "alert"
    """The alert itself fires, after `no_data_for`."""
    SEPARATE = "separate"
    """An alert of its own fires, after `no_data_for`; the rule's stays as it is."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long the state machine waits before it believes a figure."""

    hold: timedelta = timedelta(0)
    """`for` in the file: how long the condition must hold before the alert fires, or becomes worse."""
    keep_firing: timedelta = timedelta(0)
    """How long it must not hold before the alert resolves, or becomes milder."""
    no_data: NoData = NoData.OK
    no_data_for: timedelta = timedelta(0)
    stale_after: int = 3
    """Evaluations in a row without a figure, after which an alert resolves with `NoData.OK`."""
