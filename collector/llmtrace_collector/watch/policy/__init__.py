"""Between an alert and the people: who is told, when, and why not now.

    transition --note--> members of a bundle --decide (pure)--> outbox
                              ^                   ^
                              |                   +-- silences, mute times, inhibition, acknowledgements, timers
                              +-- route: what goes together

A bundle is what one notice is about: a single alert, unless the route groups several. Everything it remembers is in
watch.db, written in the transaction of the transition, so it survives a `kill -9`.
"""

from __future__ import annotations

from llmtrace_collector.watch.policy.settings import Policy
from llmtrace_collector.watch.policy.teller import Teller

__all__ = ["Policy", "Teller"]
