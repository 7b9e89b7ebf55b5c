"""Whom the rules name: which channel a notice goes to, and which other ones hear of it when that one fails. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from llmtrace_collector.channels import Channel
from llmtrace_collector.watch.rule import Rule


@dataclass(frozen=True, kw_only=True)
class Directory:
    """The channels as the rule file has them now, with their secrets."""

    by_rule: Mapping[str, tuple[Channel, ...]]
    by_endpoint: Mapping[str, Channel]
    """All of them, the default first."""

    @classmethod
    def of(cls, rules: Iterable[Rule], channels: Iterable[Channel] = ()) -> Directory:
        """Of rules, and of channels that stand for themselves."""
        by_rule = {rule.name: rule.channels for rule in rules}
        everyone = [*channels, *(channel for named in by_rule.values() for channel in named)]
        by_endpoint: dict[str, Channel] = {}
        for channel in everyone:
            by_endpoint.setdefault(channel.endpoint, channel)
        return cls(by_rule=by_rule, by_endpoint=by_endpoint)

    def channel(self, rule: str, endpoint: str) -> Channel | None:
        """The channel with its secret: the rule's own, else the one of that name or address elsewhere in the file."""
        own = (channel for channel in self.by_rule.get(rule, ()) if channel.endpoint == endpoint)
        return next(own, None) or self.by_endpoint.get(endpoint)

    def substitutes(self, rule: str, endpoint: str, disabled: Collection[str]) -> tuple[Channel, ...]:
        """Who hears of it when `endpoint` fails: the rule's other channels, else the first other one there is."""
        own = self._able(self.by_rule.get(rule, ()), endpoint, disabled)
        return own or self._able(self.by_endpoint.values(), endpoint, disabled)[:1]

    @staticmethod
    def _able(channels: Iterable[Channel], endpoint: str, disabled: Collection[str]) -> tuple[Channel, ...]:
        return tuple(c for c in channels if c.endpoint != endpoint and c.endpoint not in disabled)
