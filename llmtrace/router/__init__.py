"""Which model answers a call: policies as data, a step of the chain that carries them out, one that is learned.

    asked ──▶ route ──▶ pinned? ──▶ choosing (pure) ──▶ a plan: targets in order ──▶ sending, until one answers
                                       ▲                                              │ breakers, latency, spending
                                       └──────────── what is known of the targets ◀───┘

A call that no route is for, a pinned one, and any call that something of ours fails on, goes where the app sent it.
"""

from __future__ import annotations

from llmtrace.router.breakers import BreakerSettings
from llmtrace.router.files import PolicyFileError, load_routing
from llmtrace.router.pinning import pinned
from llmtrace.router.policies import (
    Arm,
    Bandit,
    Budget,
    Cascade,
    Cheapest,
    Fallback,
    Fastest,
    Learned,
    Policy,
    Route,
    Routing,
    Shadow,
    Split,
    Target,
)
from llmtrace.router.step import Router, as_router

__all__ = [
    "Arm",
    "Bandit",
    "BreakerSettings",
    "Budget",
    "Cascade",
    "Cheapest",
    "Fallback",
    "Fastest",
    "Learned",
    "Policy",
    "PolicyFileError",
    "Route",
    "Router",
    "Routing",
    "Shadow",
    "Split",
    "Target",
    "as_router",
    "load_routing",
    "pinned",
]
