"""OTLP from Kafka, read by ClickHouse itself: tables and views in front of a landing table (kafka.sql has the picture).

The engine delivers at least once: after a crash or a rebalance it may read again what it has read, in other blocks,
which no token tells from the first time (docs/how-to/read-from-kafka.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

from llmtrace_collector.access.keys import check_project
from llmtrace_collector.database import DATABASE, SHARD_DATABASE
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.schema.column_types import column_type
from llmtrace_collector.schema.otlp import PROTO_SETTINGS, proto
from llmtrace_collector.signals import Signal
from llmtrace_collector.upkeep.text import literal

_STATEMENT = re.compile(r"^-- name: .+$", re.MULTILINE)
_ON_CLUSTER_ALONE = "-- on a cluster alone"
_COMMENT = re.compile(r" *-- .*$", re.MULTILINE)
_MACRO = re.compile(r"\{([a-z_]+)\}")
_BROKERS = re.compile(r"[\w.\-\[\]:]+:\d{1,5}(,[\w.\-\[\]:]+:\d{1,5})*")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}(,[A-Za-z0-9._-]{1,249})*")


@dataclass(frozen=True, kw_only=True)
class Topic:
    """Where the requests of one signal are."""

    signal: Signal
    brokers: str
    """HOST:PORT, several with commas between."""
    topic: str
    """Its name, or several with commas between."""
    group: str = "llmtrace"
    """The group of consumers, in which Kafka keeps how far it was read."""
    project: str = "default"
    """Whose rows they are: a topic has no key that would say it."""
    consumers: int = 1
    """Of each server, at most as many as the topic has partitions."""

    def __post_init__(self) -> None:
        """Refuses what cannot be.

        Raises:
            ConfigError: with what to write instead.
        """
        check_project(self.project)
        if not _BROKERS.fullmatch(self.brokers):
            raise ConfigError(f'--brokers: "{self.brokers[:100]}" is not HOST:PORT, or several with commas between')
        if not _TOPIC.fullmatch(self.topic):
            raise ConfigError(f'--topic: "{self.topic[:100]}" is not a topic: letters, digits, dots, - and _')
        if not _TOPIC.fullmatch(self.group):
            raise ConfigError(f'--group: "{self.group[:100]}" is not a group: letters, digits, dots, - and _')
        if self.consumers < 1:
            raise ConfigError(f"--consumers: {self.consumers} is not a number from 1 on")


def statements(topic: Topic, *, cluster: str = "") -> list[str]:
    """What makes the tables and views that read a topic, in the order in which to run it; safe to repeat."""
    text = (files("llmtrace_collector.schema") / "kafka.sql").read_text(encoding="utf-8")
    filled = _filled(topic, cluster)
    return [
        _MACRO.sub(lambda match: filled[match[1]], _COMMENT.sub("", piece)).strip().removesuffix(";")
        for piece in _STATEMENT.split(text)[1:]
        if cluster or _ON_CLUSTER_ALONE not in piece
    ]


def _filled(topic: Topic, cluster: str) -> dict[str, str]:
    columns = column_type(proto(topic.signal), "Request").removeprefix("Tuple(").removesuffix(")")
    stored = SHARD_DATABASE if cluster else DATABASE
    path = f"'/clickhouse/tables/{{shard}}/{SHARD_DATABASE}/kafka_unread', '{{replica}}'"
    settings = {**PROTO_SETTINGS, "format_schema_message_name": "Request", "format_schema": proto(topic.signal)}
    return {
        "database": DATABASE,
        "stored": stored,
        "cluster": cluster,
        "on": f" ON CLUSTER `{cluster}`" if cluster else "",
        "engine": f"ReplicatedMergeTree({path})" if cluster else "MergeTree",
        "signal": topic.signal,
        "columns": columns,
        "request": columns.partition(" ")[0],
        "project": literal(topic.project),
        "brokers": literal(topic.brokers),
        "topic": literal(topic.topic),
        "group": literal(topic.group),
        "consumers": str(topic.consumers),
        "proto_settings": ",\n    ".join(f"{name} = {literal(value)}" for name, value in settings.items()),
    }
