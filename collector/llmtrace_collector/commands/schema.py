"""`llmtrace schema`: the tables as SQL, for whoever runs a ClickHouse server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.schema import kafka
from llmtrace_collector.schema.cluster import check_cluster, databases
from llmtrace_collector.schema.migrate import LEDGER, layout, migrations
from llmtrace_collector.schema.otlp import proto
from llmtrace_collector.signals import Signal


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace schema ...`; the exit code."""
    parser = argparse.ArgumentParser(prog="llmtrace schema", description="Show the tables as SQL; nothing is run.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    sql = actions.add_parser("sql", help="every statement a collector runs, in order")
    text = actions.add_parser("proto", help="the .proto text that ClickHouse reads bodies with")
    reading = actions.add_parser("kafka", help="the tables and views that read a topic of Kafka")
    for each in (text, reading):
        each.add_argument("signal", metavar="SIGNAL", choices=list(Signal), help="traces, logs or metrics")
    for each in (sql, reading):
        each.add_argument("--cluster", default="", metavar="NAME", help="in the form of a cluster")
    reading.add_argument("--brokers", required=True, metavar="HOST:PORT,...", help="where Kafka is")
    reading.add_argument("--topic", required=True, metavar="NAME", help="the topic, one OTLP request a message")
    reading.add_argument("--group", default="llmtrace", metavar="NAME", help="of consumers (default: %(default)s)")
    reading.add_argument("--project", default="default", help="whose rows they are (default: %(default)s)")
    reading.add_argument("--consumers", type=int, default=1, metavar="N", help="of each server (default: %(default)s)")
    for each, run in ((sql, _sql), (text, _proto), (reading, _kafka)):
        each.set_defaults(run=run)
    given = parser.parse_args(argv)
    return guarded("schema", lambda: int(given.run(given)))


def _sql(given: argparse.Namespace) -> int:
    cluster = check_cluster(given.cluster)
    every = [LEDGER, *(statement for migration in migrations() for statement in migration.statements)]
    if cluster:
        known = layout()
        every = [*databases(cluster), *(form for statement in every for form in known.form(statement, cluster))]
    for statement in every:
        say(f"{statement};\n")
    return 0


def _proto(given: argparse.Namespace) -> int:
    say(proto(Signal(given.signal)))
    return 0


def _kafka(given: argparse.Namespace) -> int:
    topic = kafka.Topic(
        signal=Signal(given.signal),
        brokers=given.brokers,
        topic=given.topic,
        group=given.group,
        project=given.project,
        consumers=given.consumers,
    )
    for statement in kafka.statements(topic, cluster=check_cluster(given.cluster)):
        say(f"{statement};\n")
    return 0
