"""`llmtrace up`: store, collector and dashboard on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from llmtrace_collector.access.app_key import APP_KEY_FILE, app_key
from llmtrace_collector.channels import Allowed
from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.database import DATABASE_VARIABLE, Address
from llmtrace_collector.doors import Reach, guard_of
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import DataFolder, made
from llmtrace_collector.names import ADMIN_KEY, CLICKHOUSE_PASSWORD, DASHBOARD_TOKEN, OIDC
from llmtrace_collector.options import Options, parse
from llmtrace_collector.receive.cors import Origins
from llmtrace_collector.receive.redacting import changer
from llmtrace_collector.schema.cluster import check_cluster
from llmtrace_collector.serving import is_loopback
from llmtrace_collector.store.users import READER, everything_key
from llmtrace_collector.supervisor import Service, Supervisor
from llmtrace_collector.tls import Tls
from llmtrace_collector.upkeep import retention
from llmtrace_collector.upkeep.reach import whoever
from llmtrace_collector.watch import load


def main(argv: Sequence[str]) -> int:
    """Runs until it is stopped; the exit code."""
    parser = argparse.ArgumentParser(prog="llmtrace up", description="Start store, collector and dashboard.")
    return guarded("up", lambda: run(parse(argv, parser)[0]))


def run(options: Options) -> int:
    """Starts everything and waits for Ctrl-C or SIGTERM."""
    stop = stop_on_signals()
    supervisor = supervise(options)
    try:
        supervisor.start(stop)
        if not stop.is_set():
            say("           Ctrl-C stops everything; nothing that was acknowledged is lost")
        while not stop.wait(0.25):
            supervisor.check()
    finally:
        say("           stopping")
        supervisor.stop()
    return 0


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def supervise(options: Options, *, watch_interval_s: float = 5.0) -> Supervisor:
    """The supervisor for these options, not yet started; rules are evaluated every `watch_interval_s`.

    Raises:
        ConfigError: something is wrong that can be seen before anything starts.
    """
    Origins.parse(options.cors_origins)
    changer(options.redact, options.redact_level)
    Allowed.parse(options.notify_allow)
    if options.rules:
        load(options.rules)
    if options.retention:
        retention.load(options.retention)
    folder = DataFolder(options.data)
    reach = Reach(host=options.host, tls=Tls.of(options), anyone=options.anyone)
    guard_of(folder, reach)
    logs = made(folder.path / "logs")
    services = [_collector(options, reach, folder.path, watch_interval_s)]
    if not options.clickhouse:
        services.insert(0, _store(options, folder.path))
    if not options.no_dashboard:
        if importlib.util.find_spec("streamlit") is None:
            raise ConfigError('the dashboard needs Streamlit: pip install "llmtrace-otel[all]", or give --no-dashboard')
        services.append(_dashboard(options, reach, folder))
    services = [replace(each, environ={**each.environ, DATABASE_VARIABLE: options.database}) for each in services]
    return Supervisor(services, log_folder=logs, say=say)


def _store(options: Options, data: Path) -> Service:
    more = ["--require-read-key"] if options.require_read_key else []
    return Service(
        name="store",
        module="llmtrace_collector.store",
        arguments=["--data", str(data), "--port", str(options.store_port), *more],
        health_url=f"{options.store_url}/ping",
        shown=f"{options.store_url}  ClickHouse HTTP, read-only; data in {data}",
    )


def _collector(options: Options, reach: Reach, data: Path, watch_interval_s: float) -> Service:
    arguments = ["--data", str(data), "--host", options.host]
    arguments += ["--http-port", str(options.http_port), "--grpc-port", str(options.grpc_port)]
    arguments += ["--store-url", options.store_url, "--dashboard-url", options.dashboard_url]
    arguments += ["--receivers", str(options.receivers), "--wal-quota-mib", str(options.wal_quota_mib)]
    arguments += ["--watch-interval", str(watch_interval_s), "--cors-origins", options.cors_origins]
    server_arguments, environ = _server(options)
    arguments += [*server_arguments, *_cluster(options)]
    arguments += ["--notify-allow", options.notify_allow]
    if options.rules:
        arguments += ["--rules", str(options.rules)]
    if options.retention:
        arguments += ["--retention", str(options.retention)]
    arguments += [*reach.tls.arguments, *(["--anyone"] if reach.anyone else [])]
    arguments += ["--redact", options.redact, "--redact-level", options.redact_level]
    arguments += ["--price-interval", str(options.price_interval)]
    arguments += ["--status-port", str(options.status_port)] if reach.tls.cert else []
    scheme = "https" if reach.tls.cert else "http"
    host = f"[{options.host}]" if ":" in options.host else options.host
    near = _near(options.host)
    return Service(
        name="collector",
        module="llmtrace_collector",
        arguments=arguments,
        health_url=f"http://127.0.0.1:{options.status_port}/healthz"
        if reach.tls.cert
        else f"http://{near}:{options.http_port}/healthz",
        shown=f"{scheme}://{host}:{options.http_port}  OTLP over HTTP, gRPC on port {options.grpc_port}",
        environ=environ,
    )


def _server(options: Options) -> tuple[list[str], dict[str, str]]:
    """The ClickHouse server as arguments and environment; the password only ever in the latter."""
    if not options.clickhouse:
        return [], {}
    address = Address.parse(options.clickhouse, password=os.environ.get(CLICKHOUSE_PASSWORD, ""))
    return ["--clickhouse", address.shown, "--user", address.username], {CLICKHOUSE_PASSWORD: address.password}


def _cluster(options: Options) -> list[str]:
    if options.cluster and not options.clickhouse:
        raise ConfigError("--cluster needs --clickhouse: the embedded store is one node and no cluster")
    return ["--cluster", check_cluster(options.cluster)] if options.cluster else []


def _near(listening_on: str) -> str:
    """The host under which this machine reaches what listens there."""
    host = _in_url(listening_on)
    return "127.0.0.1" if listening_on in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _dashboard(options: Options, reach: Reach, folder: DataFolder) -> Service:
    arguments, environ = _server(options)
    if not options.clickhouse:
        arguments = ["--clickhouse", options.store_url]
        if options.require_read_key:
            arguments += ["--user", READER]
            environ = {CLICKHOUSE_PASSWORD: everything_key(folder.store_key())}
    scheme = "https" if reach.tls.cert else "http"
    arguments = [*arguments, "--collector", f"{scheme}://{_near(options.host)}:{options.http_port}"]
    if reach.tls.cert:
        arguments += ["--collector-cert", str(reach.tls.cert)]
    host, port = options.dashboard_host, options.dashboard_port
    arguments += [
        word for name in options.dashboard_names.split(",") if name for word in ("--allowed-host", name.strip())
    ]
    by_token = not (is_loopback(host) or os.environ.get(DASHBOARD_TOKEN) or os.environ.get(OIDC))
    token_file = folder.path / "dashboard-token"
    return Service(
        name="dashboard",
        module="llmtrace_dashboards",
        arguments=[
            *arguments,
            *("--host", host, "--port", str(port)),
            *(["--token-file", str(token_file)] if by_token else []),
        ],
        environ={**environ, **_admin_key(reach, folder)},
        health_url=f"http://{_near(host)}:{port}/_stcore/health",
        echoes=False,
        shown=f"http://{_in_url(host)}:{port}  open this in a browser"
        + (f"; log in with the token in {token_file}" if by_token else ""),
    )


def _admin_key(reach: Reach, folder: DataFolder) -> dict[str, str]:
    """What lets the app ask for changes, for its environment alone; one that was given, if only as '', stays."""
    if ADMIN_KEY in os.environ or reach.tls.client_ca:
        return {}
    key = app_key(folder, who=whoever())
    if not key:
        file = folder.path / APP_KEY_FILE
        say(f"dashboard  only reads, for its key was revoked: delete {file} to let it have another")
    return {ADMIN_KEY: key}
