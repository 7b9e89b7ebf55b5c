"""The options of `llmtrace up` and `llmtrace demo`: one table of names, variables, defaults and meanings.

A value comes from the command line, else from the environment, else from the file given with --config, else it is the
default. `docs/reference/command-line.md` is checked against this table.
"""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import yaml

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.names import INGEST_KEY

ANYONE = "yes-anyone-may-send"
"""What must be said in words."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One row of the table."""

    name: str
    """In config files; the flag is the same with dashes, the variable in capitals behind LLMTRACE_."""
    kind: type
    default: Any
    help: str
    environment: str = ""
    """Another variable than that; '': none."""
    value: str = "PORT"
    """What stands for its value in --help."""
    least: int = 1
    """Of a number."""

    @property
    def flag(self) -> str:
        """On the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """In the environment."""
        return self.environment or f"LLMTRACE_{self.name.upper()}"


OPTIONS = (
    Option(
        name="data",
        kind=Path,
        default=None,
        value="DIR",
        help="the data folder (default: the platform's user data folder)",
    ),
    Option(
        name="clickhouse",
        kind=str,
        default="",
        value="URL",
        help="URL of a ClickHouse server; no embedded store is started then",
    ),
    Option(
        name="cluster",
        kind=str,
        default="",
        value="NAME",
        help="the cluster of which that server is a node: tables are replicated and distributed",
    ),
    Option(
        name="database",
        kind=str,
        default="llmtrace",
        value="NAME",
        help="the database; every command reads its variable",
    ),
    Option(
        name="host",
        kind=str,
        default="127.0.0.1",
        value="ADDRESS",
        help=f"address for spans; another than loopback needs {INGEST_KEY}, keys or client certificates",
    ),
    Option(
        name="tls_cert",
        kind=Path,
        default=None,
        value="FILE",
        help="take spans over TLS only: our certificate, PEM, with the chain behind it",
    ),
    Option(name="tls_key", kind=Path, default=None, value="FILE", help="the private key of that certificate, PEM"),
    Option(
        name="tls_client_ca",
        kind=Path,
        default=None,
        value="FILE",
        help="take spans only from holders of a certificate that a CA in this PEM file has signed",
    ),
    Option(
        name="insecure_allow_public",
        kind=str,
        default="",
        value="WORDS",
        help=f"`{ANYONE}`: another --host than loopback with neither keys nor client certificates",
    ),
    Option(name="http_port", kind=int, default=4318, help="OTLP over HTTP; /healthz, /readyz, /metrics"),
    Option(name="grpc_port", kind=int, default=4317, help="OTLP over gRPC"),
    Option(
        name="status_port",
        kind=int,
        default=4319,
        help="/healthz and /metrics without TLS, on loopback, where there is TLS",
    ),
    Option(name="store_port", kind=int, default=8123, help="the embedded store's ClickHouse HTTP interface"),
    Option(
        name="require_read_key",
        kind=bool,
        default=False,
        help="the embedded store answers nobody without a key; else whoever is on this machine reads every project",
    ),
    Option(name="dashboard_port", kind=int, default=8501, help="the app"),
    Option(
        name="dashboard_host",
        kind=str,
        default="127.0.0.1",
        value="ADDRESS",
        help="address for the app; on another than loopback people log in, if by nothing else by a token that is made",
    ),
    Option(
        name="dashboard_names",
        kind=str,
        default="",
        value="NAMES",
        help="host names people open the app under, separated by commas",
    ),
    Option(name="no_dashboard", kind=bool, default=False, help="do not start the app"),
    Option(name="receivers", kind=int, default=1, value="N", help="processes that receive spans on the same ports"),
    Option(
        name="wal_quota_mib",
        kind=int,
        default=4096,
        value="MIB",
        help="most that may wait for ClickHouse on disk, MiB",
    ),
    Option(
        name="cors_origins",
        kind=str,
        default="",
        value="ORIGINS",
        help="origins whose pages may send spans from a browser, separated by commas",
    ),
    Option(
        name="redact",
        kind=str,
        default="off",
        environment="LLMTRACE_COLLECTOR_REDACT",  # apps have an LLMTRACE_REDACT of their own, with other words
        value="MODE",
        help="`mask` or `drop-content`: take out of what comes in what must not be kept, before the disk",
    ),
    Option(
        name="redact_level",
        kind=str,
        default="personal",
        environment="LLMTRACE_COLLECTOR_REDACT_LEVEL",
        value="LEVEL",
        help="what is looked for then: `secrets`, `personal` (secrets too) or `all` (IP addresses too)",
    ),
    Option(name="rules", kind=Path, default=None, value="FILE", help="the alert rules, a YAML file"),
    Option(
        name="notify_allow",
        kind=str,
        default="",
        value="HOSTS",
        help="hosts, addresses and networks that alerts may go to though they are not public, separated by commas",
    ),
    Option(name="retention", kind=Path, default=None, value="FILE", help="how long data is kept, a YAML file"),
    Option(
        name="price_interval",
        kind=int,
        default=60,
        value="SECONDS",
        least=0,
        help="seconds between looks for calls that came without a cost, to price them; 0: they stay without",
    ),
    Option(name="config", kind=Path, default=None, value="FILE", help="a YAML file with any of these options by name"),
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The settled values."""

    data: Path
    clickhouse: str
    cluster: str
    database: str
    host: str
    tls_cert: Path | None
    tls_key: Path | None
    tls_client_ca: Path | None
    insecure_allow_public: str
    http_port: int
    grpc_port: int
    status_port: int
    store_port: int
    require_read_key: bool
    dashboard_port: int
    dashboard_host: str
    dashboard_names: str
    no_dashboard: bool
    receivers: int
    wal_quota_mib: int
    cors_origins: str
    redact: str
    redact_level: str
    rules: Path | None
    notify_allow: str
    retention: Path | None
    price_interval: int
    config: Path | None

    @property
    def anyone(self) -> bool:
        """Whoever can reach us may send.

        Raises:
            ConfigError: it is said in other words.
        """
        if self.insecure_allow_public not in {"", ANYONE}:
            raise ConfigError(f'--insecure-allow-public takes the words "{ANYONE}" and no others')
        return self.insecure_allow_public == ANYONE

    @property
    def dashboard_url(self) -> str:
        """Where a person on this machine finds the app."""
        return f"http://127.0.0.1:{self.dashboard_port}"

    @property
    def store_url(self) -> str:
        """Where this machine's processes find the embedded store."""
        return f"http://127.0.0.1:{self.store_port}"


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds the table to a parser; what is not given stays None."""
    for option in OPTIONS:
        if option.kind is bool:
            parser.add_argument(option.flag, action="store_true", default=None, help=option.help)
        else:
            shown = "" if option.default in {None, ""} else f" (default: {option.default})"
            parser.add_argument(option.flag, metavar=option.value, help=option.help + shown)


def settle(given: argparse.Namespace, environ: Mapping[str, str], *, app_name: str = "llmtrace") -> Options:
    """The values after command line, environment and config file were asked.

    Raises:
        ConfigError: a value is not of its kind, or the config file has something else in it.
    """
    path = given.config or environ.get("LLMTRACE_CONFIG")
    in_file = _read_file(Path(path)) if path else {}
    values = {option.name: _value(option, given, environ, in_file) for option in OPTIONS}
    values["data"] = values["data"] or default_data(app_name)
    values["config"] = Path(path) if path else None
    return Options(**values)


def default_data(app_name: str) -> Path:
    """The data folder when none is given: the platform's place for user data."""
    return platformdirs.user_data_path(app_name, appauthor=False)


def _value(option: Option, given: argparse.Namespace, environ: Mapping[str, str], in_file: Mapping[str, Any]) -> Any:
    sources = (
        (option.flag, getattr(given, option.name)),
        (option.variable, environ.get(option.variable) or None),
        (f"{option.name} in the config file", in_file.get(option.name)),
    )
    for source, value in sources:
        if value is not None:
            return _convert(option, value, source)
    return option.default


def _convert(option: Option, value: Any, source: str) -> Any:
    if option.kind is bool:
        return _truth(value, source)
    if option.kind is int:
        return _port(value, source) if option.name.endswith("_port") else _number(value, source, option.least)
    if not isinstance(value, (str, Path)):
        raise ConfigError(f'{source}: "{value}" is not a text')
    return option.kind(value)


def _truth(value: Any, source: str) -> bool:
    truths = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
    text = str(value).strip().lower()
    if text not in truths:
        raise ConfigError(f'{source}: "{value}" is not yes or no; write true or false')
    return truths[text]


def _port(value: Any, source: str) -> int:
    text = str(value)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ConfigError(f'{source}: "{value}" is not a port; write a number from 1 to 65535')
    return int(text)


def _number(value: Any, source: str, least: int) -> int:
    text = str(value)
    if not text.isdecimal() or not least <= int(text) <= 2**31:
        raise ConfigError(f'{source}: "{value}" is not a number from {least} on')
    return int(text)


def _read_file(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the config file {path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"the config file {path} is not YAML: {_where(error)}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"the config file {path} must be a list of `name: value`")
    known = [option.name for option in OPTIONS if option.name != "config"]
    normal = {str(key).replace("-", "_"): value for key, value in content.items()}
    for key in normal:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f'; did you mean "{near[0]}"?' if near else f"; known are {', '.join(known)}"
            raise ConfigError(f'the config file {path}: "{key}" is not an option{hint}')
    return normal


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "it cannot be parsed"


def parse(
    argv: Sequence[str], parser: argparse.ArgumentParser, *, app_name: str = "llmtrace"
) -> tuple[Options, argparse.Namespace]:
    """Options and the rest of the parsed command line."""
    add_to(parser)
    given = parser.parse_args(argv)
    return settle(given, os.environ, app_name=app_name), given
