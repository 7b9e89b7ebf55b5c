"""What happened to an alert, as one record: the source of its journal rows, its notices and its ClickHouse row."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtrace_collector.watch.times import to_ms

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from random import Random

    from llmtrace_collector.explain import Explanation
    from llmtrace_collector.watch.severity import Severity
    from llmtrace_collector.watch.states import Decision, Standing, State
    from llmtrace_collector.watch.verdict import Number


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A change of state, or of severity, of one alert."""

    event_id: str
    """Of `event_id_of`; the `webhook-id` of its notices."""
    at: datetime
    rule: str
    kind: str
    key: str
    """The canonical JSON of the group."""
    decision: Decision
    value: Number
    limit: Number
    window: timedelta
    since: datetime
    """The start of the episode; for one that never fired, of its pending time."""
    fired_event: str | None
    """The event that fired the alert, if it did; for `resolved`, what it resolves."""
    explanation: Explanation | None = None
    """Why it fired, as far as that was found out in time."""
    measure: str = ""
    """Of the catalogue; empty: none of it."""
    unit: str = ""
    """Of value and limit: USD, s, tokens, share, or none."""
    summary: str = ""
    """One sentence for people."""
    expected: tuple[float, float] | None = None
    """Between which the value was expected, where the rule learns that."""
    runbook: str = ""

    @property
    def state(self) -> State:
        """The state the alert went into."""
        return self.decision.standing.state

    @property
    def severity(self) -> Severity:
        """At which it fires, or fired."""
        return self.decision.standing.severity


def event_id_of(rule: str, key: str, standing: Standing, since: datetime, at: datetime) -> str:
    """The id of a transition: of the rule, the group, what the alert went into, its episode, and when.

    The same decision has the same id wherever it is made, and no other has it: an alert moves once at a time.
    """
    parts = (rule, key, str(standing.state), int(standing.severity), to_ms(since), to_ms(at))
    return f"msg_{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"


def new_event_id(random: Random) -> str:
    """`msg_` and 128 random bits; no dot, as the signed text is joined by dots."""
    return f"msg_{random.getrandbits(128):032x}"
