"""The watch: rules over rollups, alerts with a durable state, signed notices.

rules.load(path) -> Rules --spend.plan--> scans of spend_1m --changes--> transitions
                                                                              |  one SQLite transaction
channels <---deliverer--- outbox <---------------- watch.db <------------------+
alert_events, alert_deliveries <--mirror--/
"""

from __future__ import annotations

from llmtrace_collector.watch.rule import Rule
from llmtrace_collector.watch.rule_source import RuleSource
from llmtrace_collector.watch.rules import load
from llmtrace_collector.watch.watch import Watch

__all__ = ["Rule", "RuleSource", "Watch", "load"]
