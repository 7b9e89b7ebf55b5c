"""The command line: a table of commands, each kept by the package that does the work.

The plain install has all commands but not all dependencies, so a command's module is loaded when it is called, and
what is missing is named with the way to install it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from llmtrace._version import __version__

DISTRIBUTION = "llmtrace-otel"


@dataclass(frozen=True, kw_only=True)
class Command:
    """One word after `llmtrace`."""

    module: str
    """Holds `main(argv: list[str]) -> int`."""
    help: str
    extra: str
    """The extra of the distribution that brings its dependencies; '' for none."""


COMMANDS = {
    "up": Command(
        module="llmtrace_collector.commands.up",
        help="start store, collector and dashboard on this machine",
        extra="all",
    ),
    "demo": Command(
        module="llmtrace_collector.commands.demo",
        help="the same with traffic, a budget that fires and a webhook receiver",
        extra="all",
    ),
    "doctor": Command(
        module="llmtrace_collector.commands.doctor",
        help="say what is wrong between this machine's apps and the collector",
        extra="",
    ),
    "keys": Command(
        module="llmtrace_collector.commands.keys",
        help="make, list and revoke API keys",
        extra="all",
    ),
    "data": Command(
        module="llmtrace_collector.commands.data",
        help="how long data is kept; delete, export and import it",
        extra="all",
    ),
    "query": Command(
        module="llmtrace_dashboards.query_command",
        help="traces with a span that matches a filter",
        extra="dashboard",
    ),
    "report": Command(
        module="llmtrace_dashboards.report_command",
        help="a week in one page of HTML",
        extra="dashboard",
    ),
    "savings": Command(
        module="llmtrace_dashboards.savings_command",
        help="what prompt caching, the local cache and routing saved",
        extra="dashboard",
    ),
    "alerts": Command(
        module="llmtrace_collector.commands.alerts",
        help="alerts that fire: list, silence, acknowledge; the notices that went out",
        extra="all",
    ),
    "rules": Command(
        module="llmtrace_collector.commands.rules",
        help="alert rules: check a file, test it, try it on the past",
        extra="all",
    ),
    "webhooks": Command(
        module="llmtrace_collector.commands.webhooks",
        help="channels of alerts: list, test, redeliver; verify what was received",
        extra="all",
    ),
    "wal": Command(
        module="llmtrace_collector.commands.wal",
        help="look into the write-ahead log, check it, send dead letters again",
        extra="all",
    ),
    "schema": Command(
        module="llmtrace_collector.commands.schema",
        help="show the tables as SQL, also for a cluster, and what reads OTLP from Kafka",
        extra="all",
    ),
    "backup": Command(
        module="llmtrace_collector.commands.backup",
        help="back up and restore the embedded store",
        extra="all",
    ),
    "export": Command(
        module="llmtrace_collector.commands.export",
        help="costs by day as CSV by the FOCUS specification",
        extra="all",
    ),
    "reconcile": Command(
        module="llmtrace_collector.commands.reconcile",
        help="compare the provider's invoice with what is stored",
        extra="all",
    ),
    "detect": Command(
        module="llmtrace_collector.commands.detect",
        help="try the detectors of anomalies and drift on a CSV file",
        extra="collector",
    ),
    "forecast": Command(
        module="llmtrace_collector.commands.forecast",
        help="what a month will cost, from a CSV file of daily or hourly amounts",
        extra="collector",
    ),
    "router": Command(
        module="llmtrace.commands.router",
        help="fit a routing policy to graded calls, measure it, check policy files",
        extra="router",
    ),
    "cache": Command(
        module="llmtrace.commands.cache",
        help="try the semantic cache on labelled pairs of questions",
        extra="embedding",
    ),
    "tokenizers": Command(
        module="llmtrace.commands.tokenizers",
        help="fetch the files of tiktoken's encodings, for estimates of tokens",
        extra="",
    ),
    "guardrails": Command(
        module="llmtrace.commands.guardrails",
        help="measure a guardrail on a labelled file of your own",
        extra="",
    ),
    "prices": Command(
        module="llmtrace_collector.commands.prices",
        help="show, check and update prices, price stored calls again",
        extra="",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `llmtrace COMMAND ...`; the exit code: 0 done, 1 failed, 2 something for the user to change."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(_usage())
        return 0
    if arguments[0] in {"-V", "--version", "version"}:
        print(f"llmtrace {__version__}")
        return 0
    command = COMMANDS.get(arguments[0])
    if command is None:
        print(f'llmtrace: there is no command "{arguments[0]}"; these are: {", ".join(COMMANDS)}', file=sys.stderr)
        return 2
    try:
        module = importlib.import_module(command.module)
    except ModuleNotFoundError as error:
        print(
            f'llmtrace {arguments[0]}: the package "{error.name}" is missing;'
            f' install it with: pip install "{DISTRIBUTION}[{command.extra}]"',
            file=sys.stderr,
        )
        return 2
    return int(module.main(arguments[1:]))


def _usage() -> str:
    width = max(len(name) for name in COMMANDS)
    rows = "\n".join(f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items())
    more = f"llmtrace COMMAND --help says more. This is version {__version__}."
    return f"usage: llmtrace COMMAND [options]\n\n{rows}\n\n{more}"


if __name__ == "__main__":
    sys.exit(main())
