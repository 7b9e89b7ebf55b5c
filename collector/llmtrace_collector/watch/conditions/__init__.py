"""The kinds of rules, a file each: what a kind needs to read, and what it says of the figures. Pure."""

from __future__ import annotations

from llmtrace_collector.watch.conditions.anomaly import Anomaly
from llmtrace_collector.watch.conditions.budget import Budget
from llmtrace_collector.watch.conditions.change import Change
from llmtrace_collector.watch.conditions.condition import Ask, Condition, Judged, Look
from llmtrace_collector.watch.conditions.drift import Drift
from llmtrace_collector.watch.conditions.objective import Objective
from llmtrace_collector.watch.conditions.retirement import Retirement
from llmtrace_collector.watch.conditions.sequential import Sequential
from llmtrace_collector.watch.conditions.spend import Spend
from llmtrace_collector.watch.conditions.threshold import Threshold

__all__ = [
    "Anomaly",
    "Ask",
    "Budget",
    "Change",
    "Condition",
    "Drift",
    "Judged",
    "Look",
    "Objective",
    "Retirement",
    "Sequential",
    "Spend",
    "Threshold",
]
